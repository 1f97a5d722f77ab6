//! Pages that explain, as a browser sees them.

#![cfg(feature = "pages")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{digit, sum};
use ndarray::Array2;
use pinesy::explain::{Error, Explainer, Page, Pictures, Question};
use pinesy::inference::Engine;
use pinesy::rules::RuleBase;

fn engine(k: i64) -> Engine {
    Engine::of(&RuleBase::read("rulesets/mnist_addition.toml", &[("k", k)]).unwrap())
}

fn chromium() -> Option<PathBuf> {
    let names = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    let found = names.iter().map(PathBuf::from).find(|path| path.exists());
    assert!(
        found.is_some() || std::env::var_os("PINESY_REQUIRE_CHROMIUM").is_none(),
        "no Chromium, though PINESY_REQUIRE_CHROMIUM is set"
    );
    found
}

/// The document after the browser has read it in a window of this width.
fn document(browser: &Path, html: &str, width: usize) -> String {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    std::fs::write(&page, html).unwrap();
    // A browser that hangs must not hang the tests.
    let output = Command::new("timeout")
        .arg("120")
        .arg(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("--window-size={width},900"))
        .args(["--virtual-time-budget=2000", "--dump-dom"])
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The text of all elements of a class, in the document as the browser serialises it.
fn texts_of_class<'a>(document: &'a str, class: &str) -> Vec<&'a str> {
    let opening = format!("class=\"{class}\">");
    document.split(&opening).skip(1).map(|rest| rest.split('<').next().unwrap()).collect()
}

#[test]
fn a_browser_shows_the_deciding_rules_and_needs_no_room_beyond_a_phone() {
    let Some(browser) = chromium() else {
        eprintln!("skipped: no Chromium found");
        return;
    };
    let engine = engine(2);
    let rows = [digit(3, 8, 0.2), digit(4, 9, 0.1), digit(1, 7, 0.05), digit(5, 6, 0.01)];
    let names = ["a1", "a2", "a3", "a4"];
    let explainer = Explainer::new(&engine, &sum(&engine, &rows)).unwrap();
    let image = Array2::from_shape_fn((28, 28), |(row, column)| (9 * row).abs_diff(9 * column) as u8);
    let pictures = Pictures { images: names.map(|name| (name, image.view())).to_vec(), per_row: 2 };
    let mut page = Page::new("a sum");
    page.example("34 + 15", &explainer, &pictures, &[Question::Why("y1")]).unwrap();
    // A script of the test's own, since the page has none: what the browser made of it.
    let measure = "<script>addEventListener('load',()=>{const d=document.documentElement;\
        d.dataset.overflow=d.scrollWidth-d.clientWidth;\
        d.dataset.phone=innerWidth<=500;\
        d.dataset.broken=[...document.images].filter(i=>!i.naturalWidth).length;\
        d.dataset.images=document.images.length;\
        d.dataset.marked=document.querySelectorAll('svg .edge.deciding').length})</script></body>";
    let html = page.to_string().replace("</body>", measure);
    let document = document(&browser, &html, 390);
    // 3 + 1 is 4; were the first image an 8, it would be 9.
    assert_eq!(
        texts_of_class(&document, "deciding-rule"),
        ["if (c1[0] + c1[1] + c1[2]) % 10 == 4 then y1 == 4", "if (c1[0] + c1[1] + c1[2]) % 10 == 9 then y1 == 9"]
    );
    for fact in
        ["data-overflow=\"0\"", "data-phone=\"true\"", "data-broken=\"0\"", "data-images=\"4\"", "data-marked=\"2\""]
    {
        assert!(document.contains(fact), "{fact} in {}", &document[..400]);
    }
}

#[test]
fn pages_stand_alone_and_escape_what_they_show() {
    let rules = "[[attribute]]\nname = \"a\"\ndomain = [\"<b>\", \"x\"]\n[[attribute]]\nname = \"b\"\ndomain = [\"y\", \"z\"]\n\
        [[rule]]\nname = \"<script>alert(1)</script>\"\niff = \"a == 'x'\"\nthen = \"b == 'y'\"\n";
    let engine = Engine::of(&RuleBase::parse(rules, "test.toml", &[]).unwrap());
    let explainer = Explainer::new(&engine, &engine.cases().possibilities("a", &[0.5, 1.0]).build().unwrap()).unwrap();
    let mut page = Page::new("<title>");
    page.example("a & b", &explainer, &Pictures::default(), &[Question::Why("b")]).unwrap();
    let html = page.to_string();
    assert!(!html.contains("<script") && !html.contains("<b>") && html.contains("a &amp; b"));
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    // The only address is the name space of SVG.
    assert_eq!(html.matches("http").count(), html.matches("http://www.w3.org/2000/svg").count());
}

#[test]
fn pictures_of_nothing_are_refused() {
    let engine = engine(1);
    let explainer = Explainer::new(&engine, &sum(&engine, &[digit(3, 8, 0.2), digit(4, 9, 0.1)])).unwrap();
    let mut page = Page::new("a sum");
    let (image, empty) = (Array2::zeros((2, 2)), Array2::zeros((0, 2)));
    for (name, image) in [("a7", image.view()), ("a1", empty.view())] {
        let pictures = Pictures { images: vec![(name, image)], per_row: 1 };
        let error = page.example("sum", &explainer, &pictures, &[Question::Why("y1")]).unwrap_err();
        assert!(matches!(error, Error::Picture(picture) if picture == name));
    }
}

#[test]
fn pages_are_written_to_new_folders() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/page.html");
    let page = Page::new("empty");
    page.write(&path).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), page.to_string());
    assert!(page.write(path.join("not a folder.html")).is_err());
}
