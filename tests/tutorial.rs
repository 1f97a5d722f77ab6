//! The tutorial: its files are written, its commands run, and what they print compared.
#![cfg(all(feature = "cli", unix))]

use std::path::Path;
use std::process::Command;

/// A fenced block: what follows the fence, and the lines inside.
fn blocks(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        match (line.strip_prefix("```"), open) {
            (Some(info), false) => {
                found.push((info, Vec::new()));
                open = true;
            }
            (Some(_), true) => open = false,
            (None, true) => found.last_mut().unwrap().1.push(line),
            (None, false) => {}
        }
    }
    found
}

fn run(command: &str, folder: &Path) -> String {
    let bin = Path::new(env!("CARGO_BIN_EXE_pinesy")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    // Both streams in the order written.
    let both = format!("exec 2>&1; {command}");
    let output = Command::new("sh").args(["-c", &both]).env("PATH", path).current_dir(folder).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_command_prints_what_the_tutorial_says() {
    let text = std::fs::read_to_string("docs/tutorial.md").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let triage = std::fs::read_to_string("rulesets/triage.toml").unwrap();
    std::fs::write(folder.path().join("triage.toml"), &triage).unwrap();
    let mut commands = 0;
    for (info, lines) in blocks(&text) {
        if info == "toml" {
            assert!(triage.contains(&lines.join("\n")), "not in triage.toml: {lines:?}");
        } else if let Some((_, file)) = info.split_once(' ') {
            std::fs::write(folder.path().join(file), lines.join("\n") + "\n").unwrap();
        } else if info == "console" {
            let mut lines = lines.into_iter().peekable();
            while let Some(command) = lines.next() {
                let command = command.strip_prefix("$ ").unwrap_or_else(|| panic!("a command: {command}"));
                let mut expected = Vec::new();
                while lines.peek().is_some_and(|line| !line.starts_with("$ ")) {
                    expected.extend(lines.next());
                }
                let printed = run(command, folder.path());
                let mut printed: Vec<&str> = printed.lines().collect();
                if expected.last() == Some(&"…") {
                    expected.pop();
                    assert!(printed.len() > expected.len(), "$ {command}\n{printed:?}");
                    printed.truncate(expected.len());
                }
                assert_eq!(printed.join("\n"), expected.join("\n"), "$ {command}");
                commands += 1;
            }
        }
    }
    assert!(commands > 15, "{commands} commands");
    let page = std::fs::read_to_string(folder.path().join("rules.html")).unwrap();
    assert!(page.contains("data-attribute=\"urgency\""));
}
