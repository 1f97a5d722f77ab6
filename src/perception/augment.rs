use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Random distortion of training images: each is rotated, scaled and shifted a little.
///
/// The network then learns shapes rather than pixel positions. Every amount is drawn uniformly.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Augmentation {
    /// Greatest rotation either way, in degrees. Default 15.
    pub rotation: f32,
    /// Greatest relative change of each side. Default 0.10.
    pub scale: f32,
    /// Greatest shift along each axis, in pixels. Default 2.5.
    pub shift: f32,
    /// Greatest horizontal shear, as a fraction of the height. Default 0.10.
    pub shear: f32,
}

impl Default for Augmentation {
    fn default() -> Self {
        Self { rotation: 15.0, scale: 0.10, shift: 2.5, shear: 0.10 }
    }
}

impl Augmentation {
    /// Leaves images as they are.
    pub const NONE: Self = Self { rotation: 0.0, scale: 0.0, shift: 0.0, shear: 0.0 };

    /// Writes a distorted copy of `image` (row by row, 0 to 255) into `out` (0 to 1).
    pub(crate) fn apply(&self, image: &[u8], columns: usize, out: &mut [f32], rng: &mut ChaCha8Rng) {
        let middle = |side: usize| (side as f32 - 1.0) / 2.0;
        let (centre_x, centre_y) = (middle(columns), middle(image.len() / columns));
        let mut draw = |bound: f32| bound * (2.0 * rng.random::<f32>() - 1.0);
        let (sin, cos) = draw(self.rotation).to_radians().sin_cos();
        let (scale_x, scale_y) = (1.0 + draw(self.scale), 1.0 + draw(self.scale));
        let (shift_x, shift_y) = (draw(self.shift), draw(self.shift));
        let shear = draw(self.shear);
        // Where each output pixel comes from: the inverse of the distortion.
        for (row, out) in out.chunks_exact_mut(columns).enumerate() {
            for (column, out) in out.iter_mut().enumerate() {
                let (x, y) = (column as f32 - centre_x - shift_x, row as f32 - centre_y - shift_y);
                let (x, y) = (cos * x + sin * y, cos * y - sin * x);
                let (x, y) = ((x + shear * y) * scale_x, y * scale_y);
                *out = bilinear(image, columns as i32, x + centre_x, y + centre_y) / 255.0;
            }
        }
    }
}

/// The grey value between four pixels; outside the image is background.
fn bilinear(image: &[u8], columns: i32, x: f32, y: f32) -> f32 {
    let rows = image.len() as i32 / columns;
    let (left, top) = (x.floor(), y.floor());
    let (fx, fy) = (x - left, y - top);
    let pixel = |row: i32, column: i32| {
        let inside = (0..rows).contains(&row) && (0..columns).contains(&column);
        if inside { f32::from(image[(row * columns + column) as usize]) } else { 0.0 }
    };
    let (left, top) = (left as i32, top as i32);
    let upper = pixel(top, left) * (1.0 - fx) + pixel(top, left + 1) * fx;
    let lower = pixel(top + 1, left) * (1.0 - fx) + pixel(top + 1, left + 1) * fx;
    upper * (1.0 - fy) + lower * fy
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn square() -> Vec<u8> {
        (0..784).map(|i| if (8..20).contains(&(i / 28)) && (8..20).contains(&(i % 28)) { 200 } else { 0 }).collect()
    }

    #[test]
    fn no_augmentation_keeps_the_image() {
        let mut out = vec![0.0; 784];
        Augmentation::NONE.apply(&square(), 28, &mut out, &mut ChaCha8Rng::seed_from_u64(1));
        for (&pixel, &value) in square().iter().zip(&out) {
            assert!((f32::from(pixel) / 255.0 - value).abs() < 1e-4);
        }
    }

    #[test]
    fn distortion_is_seeded_and_keeps_most_of_the_ink() {
        let copy = |seed| {
            let mut out = vec![0.0; 784];
            Augmentation::default().apply(&square(), 28, &mut out, &mut ChaCha8Rng::seed_from_u64(seed));
            out
        };
        assert_eq!(copy(3), copy(3));
        assert_ne!(copy(3), copy(4));
        let ink = |image: &[f32]| image.iter().sum::<f32>();
        let whole = 144.0 * 200.0 / 255.0;
        for seed in 0..50 {
            let kept = ink(&copy(seed)) / whole;
            assert!((0.6..1.5).contains(&kept), "seed {seed} keeps {kept}");
        }
    }
}
