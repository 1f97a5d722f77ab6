//! The MNIST files, and what is said about broken ones.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use pinesy::datasets::{Digits, Error, Mnist, idx};

fn images(count: u32, bytes: usize) -> Vec<u8> {
    let header = [0x0803u32, count, 2, 3].map(u32::to_be_bytes).concat();
    [header, (0..bytes).map(|i| i as u8).collect()].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn the_shipped_files_are_mnist() {
    let sums = [
        ("train-images-idx3-ubyte", "6bbc9ace898e44ae57da46a324031adb"),
        ("train-labels-idx1-ubyte", "a25bea736e30d166cdddb491f175f624"),
        ("t10k-images-idx3-ubyte", "2646ac647ad5339dbf082846283269ea"),
        ("t10k-labels-idx1-ubyte", "27ae3e4e09519cfbb04c329615203637"),
    ];
    for (name, sum) in sums {
        let file = std::fs::File::open(format!("datasets/mnist/{name}.gz")).unwrap();
        let mut bytes = Vec::new();
        GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
        assert_eq!(format!("{:x}", md5::compute(&bytes)), sum, "{name}");
    }
    let mnist = Mnist::read("datasets/mnist").unwrap();
    assert_eq!((mnist.train.len(), mnist.validation.len(), mnist.test.len()), (50_000, 10_000, 10_000));
    assert_eq!(mnist.train.images.dim(), (50_000, 28, 28));
    assert_eq!(mnist.train.labels.to_vec()[..5], [5, 0, 4, 1, 9]);
    assert_eq!(mnist.test.labels.to_vec()[..5], [7, 2, 1, 0, 4]);
}

#[test]
fn plain_and_gzipped_files_read_alike() {
    let plain = images(2, 12);
    let read = idx::images_from(&plain[..], "x").unwrap();
    assert_eq!(read.dim(), (2, 2, 3));
    assert_eq!(read[(1, 0, 2)], 8);
    assert_eq!(idx::images_from(&gzip(&plain)[..], "x").unwrap(), read);
}

#[test]
fn broken_files_are_explained() {
    let message = |bytes: &[u8]| idx::images_from(bytes, "x").unwrap_err().to_string();
    assert_eq!(message(&[]), "x: at byte 0: expected magic number 0x00000803 (images), found the end of the file");
    assert_eq!(message(&images(2, 12)[..6]), "x: at byte 6: expected the number of images, found the end of the file");
    assert_eq!(message(&images(2, 11)), "x: at byte 27: expected 12 pixel bytes, found the end after 11");
    assert_eq!(message(&images(2, 13)), "x: at byte 28: expected the end after 12 pixel bytes, found more data");
    assert_eq!(
        message(&images(700_000_000, 12)),
        "x: at byte 28: expected 4200000000 pixel bytes, found the end after 12"
    );
    assert_eq!(
        message(&images(u32::MAX, 12)),
        "x: at byte 16: expected at most 4294967296 pixel bytes, found 25769803770"
    );
    let labels = [0x0801u32, 1].map(u32::to_be_bytes).concat();
    assert_eq!(
        message(&labels),
        "x: at byte 0: expected magic number 0x00000803 (images), found 0x00000801 (labels: are the two files swapped?)"
    );
    let mut wide = images(2, 12);
    wide[12] = 0xff;
    assert!(message(&wide).starts_with("x: at byte 12: expected a number of columns from 1 to 4096, found 4278190083"));

    let whole = gzip(&images(200, 1200));
    assert!(message(&whole[..whole.len() / 2]).contains("unreadable data"));
    let mut corrupt = whole.clone();
    let checksum = corrupt.len() - 6;
    corrupt[checksum] ^= 1;
    assert!(message(&corrupt).contains("unreadable data"), "{}", message(&corrupt));
    assert!(matches!(idx::images_from(&corrupt[..], "x"), Err(Error::Unreadable { offset: 1216, .. })));

    let bad_label = [labels, vec![10]].concat();
    let error = idx::labels_from(&bad_label[..], "y", 10).unwrap_err().to_string();
    assert_eq!(error, "y: at byte 8: expected a label from 0 to 9, found 10 (label 0)");
}

#[test]
fn files_that_do_not_belong_together_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("images.gz"), folder.path().join("labels.gz"));
    std::fs::write(&a, gzip(&images(2, 12))).unwrap();
    std::fs::write(&b, gzip(&[[0x0801u32, 3].map(u32::to_be_bytes).concat(), vec![1, 2, 3]].concat())).unwrap();
    assert!(matches!(Digits::read(&a, &b), Err(Error::Mismatch { left_count: 2, right_count: 3, .. })));
    assert!(matches!(Digits::read(&b, &a), Err(Error::Format { offset: 0, .. })));
    assert!(matches!(Digits::read(folder.path().join("none"), &a), Err(Error::Io { .. })));
}
