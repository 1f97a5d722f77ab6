//! The command where the machine fails it: killed, disks full, folders closed, memory short, files
//! that change.
#![cfg(all(feature = "cli", target_os = "linux"))]

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PINESY: &str = env!("CARGO_BIN_EXE_pinesy");
const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/rulesets/triage.toml");
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/mnist.safetensors");

/// So many patients of whom all is known, as JSON lines.
fn patients(count: usize) -> String {
    let mut text = String::new();
    for i in 0..count {
        let (infection, urgency) = [("unlikely", "wait"), ("suspected", "soon"), ("severe", "now")][i % 3];
        let (temperature, pulse, age) = (35.0 + (i % 50) as f32 / 10.0, 50 + i % 100, i % 90);
        let confused = if i % 7 == 0 { "yes" } else { "no" };
        writeln!(
            text,
            r#"{{"temperature":{temperature},"pulse":{pulse},"age":{age},"confused":"{confused}","infection":"{infection}","urgency":"{urgency}"}}"#
        )
        .unwrap();
    }
    text
}

/// So many images of strokes, in IDX form.
fn images(count: u32) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, 3];
    bytes.extend([count, 28, 28].into_iter().flat_map(u32::to_be_bytes));
    let stroke = |i: u32| (0..28 * 28).map(move |pixel| if pixel % 28 / 4 == i % 7 { 255 } else { 0 });
    bytes.extend((0..count).flat_map(stroke));
    bytes
}

/// A folder to work in, with some patients and images.
struct Desk(TempDir);

impl Desk {
    fn new(count: usize) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        std::fs::write(desk.path("patients.jsonl"), patients(count)).unwrap();
        std::fs::write(desk.path("images"), images(64)).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The command with these arguments, RULES for the rule file, MODEL for the network.
    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(PINESY);
        command.args(resolved(arguments).split(' ')).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The same by way of a shell that does something first.
    fn run_after(&self, first: &str, arguments: &str) -> Output {
        let line = format!("{first}; exec {PINESY} {}", resolved(arguments));
        Command::new("sh").args(["-c", &line]).current_dir(self.0.path()).stdin(Stdio::null()).output().unwrap()
    }
}

fn resolved(arguments: &str) -> String {
    arguments.replace("RULES", RULES).replace("MODEL", MODEL)
}

#[track_caller]
fn failed(output: &Output, code: i32, expected: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert!(error.contains(expected) && !error.contains("panicked"), "{error}");
}

/// What writes files, and which. Training has a test of its own.
const WRITERS: &[(&str, &[&str])] = &[
    ("learn RULES --out out patients.jsonl", &["out"]),
    ("learn RULES --method calibrated --broken broken --out out patients.jsonl", &["out", "broken"]),
    ("calibrate RULES --out out patients.jsonl", &["out"]),
    ("explain RULES --attribute urgency --format html --page-limit 20 --out out patients.jsonl", &["out"]),
    #[cfg(feature = "perception")]
    ("perceive --device cpu --model MODEL --inputs a,b --npy . images", &["a.npy", "b.npy"]),
];

/// Whenever it is killed, every file is the old one or the new one.
#[test]
fn killed_at_any_moment_it_leaves_whole_files() {
    for &(arguments, files) in WRITERS {
        let desk = Desk::new(300);
        let start = Instant::now();
        assert!(desk.run(arguments).status.success(), "{arguments}");
        let whole = start.elapsed();
        let new: Vec<Vec<u8>> = files.iter().map(|file| desk.read(file)).collect();
        let (mut old, mut finished) = (0, 0);
        // From the start to well after the usual end.
        for delay in (0..60).map(|i| whole * i / 20) {
            files.iter().for_each(|file| std::fs::write(desk.path(file), "before").unwrap());
            let mut child = desk.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(delay);
            child.kill().unwrap();
            child.wait().unwrap();
            for (file, new) in files.iter().zip(&new) {
                let content = desk.read(file);
                let is_old = content == b"before";
                let shown = String::from_utf8_lossy(&content);
                assert!(is_old || content == *new, "{arguments}, {delay:?}: {file} is\n{shown}");
                old += usize::from(is_old);
                finished += usize::from(content == *new);
            }
        }
        assert!(old > 1 && finished > 1, "{arguments}: {old} times old, {finished} times new");
    }
}

/// Writes the four files of MNIST with as few images as a training takes, and validation.
#[cfg(feature = "perception")]
fn write_digits(folder: &Path) {
    use flate2::{Compression, write::GzEncoder};
    for (name, count) in [("train", 10_128), ("t10k", 64)] {
        let labels = [0, 0, 8, 1].into_iter().chain(u32::to_be_bytes(count)).chain((0..count).map(|i| (i % 7) as u8));
        for (kind, bytes) in [("images-idx3", images(count)), ("labels-idx1", labels.collect())] {
            let file = std::fs::File::create(folder.join(format!("{name}-{kind}-ubyte.gz"))).unwrap();
            let mut gz = GzEncoder::new(file, Compression::fast());
            gz.write_all(&bytes).unwrap();
            gz.finish().unwrap();
        }
    }
}

/// A training killed again and again goes on each time, and ends as one that was left alone.
#[test]
#[cfg(feature = "perception")]
fn a_killed_training_goes_on_from_a_whole_state() {
    const TRAIN: &str = "train --device cpu --data . --epochs 2 --out out";
    let desk = Desk::new(0);
    write_digits(desk.0.path());
    let start = Instant::now();
    let output = desk.run(TRAIN);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let whole = start.elapsed();
    let new = desk.read("out");
    let state = desk.path("out.training");
    let (mut resumed, mut finished) = (0, 0);
    std::fs::write(desk.path("out"), "before").unwrap();
    for delay in (0..24).map(|i| whole * i / 16) {
        let resume = state.exists();
        let mut command = desk.command(&format!("{TRAIN}{}", if resume { " --resume" } else { "" }));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(delay);
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!error.contains("error"), "{delay:?}: {error}");
        resumed += usize::from(resume);
        let content = desk.read("out");
        assert!(content == b"before" || content == new, "{delay:?}: {} bytes", content.len());
        if content == new {
            finished += 1;
            std::fs::write(desk.path("out"), "before").unwrap();
        }
    }
    assert!(resumed > 0 && finished > 0, "{resumed} times gone on, {finished} times finished");
    // Files may not grow beyond 512 bytes.
    failed(&desk.run_after("trap '' XFSZ; ulimit -f 1", TRAIN), 1, "File too large");
    assert_eq!(desk.read("out"), b"before");
    // Without the trap it is killed in the midst of a write.
    assert!(!desk.run_after("ulimit -c 0; ulimit -f 1", TRAIN).status.success());
    assert_eq!(desk.read("out"), b"before");
}

#[test]
fn a_full_disk_is_told_and_leaves_the_old_file() {
    for &(arguments, files) in WRITERS {
        let desk = Desk::new(300);
        assert!(desk.run(arguments).status.success(), "{arguments}");
        let new: Vec<Vec<u8>> = files.iter().map(|file| desk.read(file)).collect();
        files.iter().for_each(|file| std::fs::write(desk.path(file), "before").unwrap());
        // Files may not grow beyond 512 bytes, and who tries is told by an error, not killed.
        let output = desk.run_after("trap '' XFSZ; ulimit -f 1", arguments);
        if desk.read(files[0]) == b"before" {
            failed(&output, 1, "File too large");
        }
        for file in files {
            let content = desk.read(file);
            let shown = String::from_utf8_lossy(&content);
            assert!(content == b"before" || (content.len() <= 512 && content.ends_with(b"\n")), "{arguments}: {shown}");
        }
        assert!(desk.names().iter().all(|name| !name.starts_with('.')), "{:?}", desk.names());
        // Without the trap it is killed in the midst of a write: what goes to the file itself would be
        // seen for certain.
        files.iter().for_each(|file| std::fs::write(desk.path(file), "before").unwrap());
        let output = desk.run_after("ulimit -c 0; ulimit -f 1", arguments);
        assert_eq!(output.status.success(), new.iter().all(|new| new.len() <= 512), "{arguments}");
        for (file, new) in files.iter().zip(&new) {
            let content = desk.read(file);
            let shown = String::from_utf8_lossy(&content);
            let whole = content == b"before" || (content == *new && new.len() <= 512);
            assert!(whole, "{arguments}: {file} is\n{shown}");
        }
    }
    let desk = Desk::new(300);
    for arguments in ["infer RULES patients.jsonl", "explain RULES patients.jsonl", "ask RULES patients.jsonl"] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = desk.command(arguments).stdout(full).stderr(Stdio::piped()).output().unwrap();
        failed(&output, 1, "No space left");
    }
    failed(&desk.run("learn RULES --out /dev/full patients.jsonl"), 1, "/dev/full: cannot be written: No space left");
}

/// Runs a command from which its reader turns away, before it starts or after the first byte.
fn unread(mut command: Command, first: bool) -> Output {
    let (reader, writer) = std::io::pipe().unwrap();
    let reader = first.then_some(reader);
    let child = command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    // It holds a writer's end as well.
    drop(command);
    reader.into_iter().for_each(|mut reader| reader.read_exact(&mut [0]).unwrap());
    child.wait_with_output().unwrap()
}

#[track_caller]
fn ended_quietly(what: &str, output: &Output) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !error.contains("panicked"), "{what}: {}: {error}", output.status);
}

/// As in `… | head`: whether the reader was gone before the first byte or went after it.
#[test]
fn who_stops_reading_is_no_failure() {
    // Answers that no pipe holds.
    let desk = Desk::new(2_000);
    std::fs::write(desk.path("few.jsonl"), patients(20)).unwrap();
    std::fs::write(desk.path("system.json"), r#"{"matrix":[[0.25,0.75],[0.5,0.5]],"rhs":[0.5,0.25]}"#).unwrap();
    for arguments in [
        "infer RULES patients.jsonl",
        "abduce RULES patients.jsonl",
        "ask RULES patients.jsonl",
        "ask RULES --json patients.jsonl",
        "explain RULES patients.jsonl",
        "explain RULES --format json patients.jsonl",
        "explain RULES --format dot patients.jsonl",
        "explain RULES --format html patients.jsonl",
        "explain RULES --attribute pulse few.jsonl",
        "check RULES",
        "check RULES --json",
        "check RULES --graph dot",
        "check RULES --graph html",
        "rules-report RULES few.jsonl",
        "rules-report RULES --json few.jsonl",
        "solve --all system.json",
        "solve --all --format table system.json",
        "learn RULES --out - few.jsonl",
        "calibrate RULES --out - few.jsonl",
        "--help",
        "infer --help",
    ] {
        for first in [false, true] {
            ended_quietly(arguments, &unread(desk.command(arguments), first));
        }
    }
}

/// So it is with the examples that need no network, where they were built beside the command.
#[test]
fn who_stops_reading_an_example_is_no_failure() {
    for (example, arguments) in [("iris", "--splits 1"), ("records", ""), ("recovery", "")] {
        let program = Path::new(PINESY).with_file_name("examples").join(example);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{example}.rs"));
        let changed = |path: &Path| path.metadata().and_then(|metadata| metadata.modified());
        // An old one says nothing of this source; unoptimised, the records take minutes.
        let current = changed(&program).is_ok_and(|built| built > changed(&source).unwrap());
        if !current || (cfg!(debug_assertions) && example == "records") {
            continue;
        }
        let mut command = Command::new(program);
        command.args(arguments.split_whitespace());
        ended_quietly(example, &unread(command, false));
    }
}

/// A note that nobody can be told costs nothing but the note.
#[test]
fn a_full_standard_error_stops_nothing() {
    let desk = Desk::new(300);
    for (arguments, code) in [
        ("learn RULES --out out patients.jsonl", 0),
        ("calibrate RULES --out out patients.jsonl", 0),
        ("explain RULES --format html --page-limit 1 --out out patients.jsonl", 0),
        ("check RULES", 0),
        ("infer RULES none.jsonl", 1),
        ("ask --watch", 2),
    ] {
        let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let status = desk.command(arguments).stdout(Stdio::null()).stderr(full()).status().unwrap();
        assert_eq!(status.code(), Some(code), "{arguments}");
        assert_eq!(desk.path("out").exists(), arguments.contains("--out"), "{arguments}");
        let _ = std::fs::remove_file(desk.path("out"));
    }
}

#[test]
fn what_cannot_be_read_or_written_is_named_before_the_work() {
    let desk = Desk::new(3);
    // Nobody, not even root, makes a file there.
    for arguments in [
        "learn RULES --out /proc/none.json patients.jsonl",
        "calibrate RULES --out /proc/none.json patients.jsonl",
        "explain RULES --out /proc/none.html --format html patients.jsonl",
        "learn RULES --out ok.json --report /proc/none.json patients.jsonl",
    ] {
        failed(&desk.run(arguments), 1, "/proc/none.");
    }
    assert_eq!(desk.names(), ["images", "patients.jsonl"]);
    // A folder, what the system will not read, what is not there.
    for file in [".", "/proc/self/mem", "none.jsonl"] {
        for command in ["infer", "abduce", "ask", "explain", "rules-report"] {
            failed(&desk.run(&format!("{command} RULES {file}")), 1, file);
        }
        failed(&desk.run(&format!("infer RULES --params {file} patients.jsonl")), 1, file);
        failed(&desk.run(&format!("check {file}")), 1, file);
        failed(&desk.run(&format!("solve {file}")), 1, file);
    }
}

/// Runs a command to its end and gives the most memory it was seen to take, in MB.
fn peak(mut command: Command) -> usize {
    let mut child = command.env("RAYON_NUM_THREADS", "2").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(peak);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return peak / 1024;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn what_is_long_passes_through_little_memory() {
    let desk = Desk::new(300_000);
    let answering = peak(desk.command("infer RULES patients.jsonl"));
    let streaming = peak(desk.command("learn RULES --stream --out streamed.json patients.jsonl"));
    let whole = peak(desk.command("learn RULES --out whole.json patients.jsonl"));
    assert!(answering < 60 && streaming < 60 && whole > 80, "{answering}, {streaming} and {whole} MB");
    assert_eq!(desk.read("streamed.json"), desk.read("whole.json"));
}

#[test]
fn a_streamed_file_teaches_the_same() {
    let desk = Desk::new(10_000);
    for more in ["", " --threshold 0.6", " --only infection", " --tolerance 0.01"] {
        for (stream, out) in [("", "whole.json"), (" --stream", "streamed.json")] {
            let output = desk.run(&format!("learn RULES{more}{stream} --out {out} patients.jsonl"));
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        assert_eq!(desk.read("streamed.json"), desk.read("whole.json"), "{more}");
    }
    for more in ["--conflicts c.jsonl", "--method calibrated", "--threshold auto --validation patients.jsonl"] {
        let output = desk.run(&format!("learn RULES --stream {more} --out out patients.jsonl"));
        failed(&output, 2, "--stream with");
    }
    failed(&desk.run("learn RULES --stream --out out -"), 2, "--stream with standard input");
    std::fs::write(desk.path("bad.jsonl"), patients(5_000) + "{\"temperature\":\"hot\"}\n").unwrap();
    failed(&desk.run("learn RULES --stream --out out bad.jsonl"), 1, "bad.jsonl:5001: temperature");
    assert!(!desk.path("out").exists());
}

#[test]
fn a_file_that_changes_between_readings_teaches_nothing() {
    let desk = Desk::new(20_000);
    let mut child = desk
        .command("learn RULES --stream --out out patients.jsonl")
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut file = std::fs::OpenOptions::new().append(true).open(desk.path("patients.jsonl")).unwrap();
    while child.try_wait().unwrap().is_none() {
        file.write_all(patients(1).as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    failed(&child.wait_with_output().unwrap(), 1, "changed while it was read again");
    assert!(!desk.path("out").exists());
}

/// Wide answers are not gathered by the thousand.
#[test]
fn wide_answers_take_little_memory() {
    let desk = Desk::new(0);
    let mut rules = String::from("[[attribute]]\nname = \"a\"\ndomain = [\"x\", \"y\"]\n");
    for i in 0..4 {
        write!(rules, "[[attribute]]\nname = \"b{i}\"\ndomain = \"0..99999\"\n").unwrap();
        write!(rules, "[[rule]]\nif = \"a == 'x'\"\nthen = \"b{i} == 1\"\n").unwrap();
    }
    std::fs::write(desk.path("wide.toml"), rules).unwrap();
    for (name, count) in [("few.jsonl", 10), ("many.jsonl", 150)] {
        std::fs::write(desk.path(name), "{\"a\":\"x\"}\n".repeat(count)).unwrap();
    }
    for command in ["infer", "infer --score product", "abduce", "abduce --own-excluded"] {
        let [few, many] = ["few", "many"].map(|name| peak(desk.command(&format!("{command} wide.toml {name}.jsonl"))));
        // 150 cases of 400,000 degrees are 240 MB.
        assert!(many < few + 100, "{command}: {few} and {many} MB");
    }
}

/// More threads than any machine has are not started, and what cannot be started is told.
#[test]
fn threads_are_bounded() {
    let desk = Desk::new(3);
    for count in ["10000000", "18446744073709551615", "99999999999999999999", "-1", "0"] {
        let output = desk.command("infer RULES patients.jsonl").env("RAYON_NUM_THREADS", count).output().unwrap();
        assert!(output.status.success(), "{count}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let limits = "ulimit -v 400000; export RAYON_NUM_THREADS=1000";
    failed(&desk.run_after(limits, "infer RULES patients.jsonl"), 1, "error: threads cannot be started: ");
}

#[test]
fn new_files_are_as_readable_as_others() {
    let desk = Desk::new(3);
    for (mask, expected) in [("077", 0o600), ("022", 0o644)] {
        let _ = std::fs::remove_file(desk.path("out"));
        assert!(desk.run_after(&format!("umask {mask}"), WRITERS[0].0).status.success());
        assert_eq!(mode(&desk.path("out")), expected);
    }
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
