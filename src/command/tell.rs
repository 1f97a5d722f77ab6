use std::fmt;
use std::io::Write;

use crate::shortened::shortened;

/// Says something on standard error, as [`say`] does, written like `format!`.
macro_rules! tell {
    ($($text:tt)*) => { $crate::command::say(&format!($($text)*)) };
}
pub(crate) use tell;

/// The most letters of an error's message, and how many of them are its end, which says what was
/// expected.
const MESSAGE: (usize, usize) = (2_000, 500);
/// The most letters of a word in it, such as a name or a path, and how many of them are its end.
const WORD: (usize, usize) = (300, 150);

/// Says something on standard error, its line ends as they are and other control characters escaped.
/// If nobody can be told, the work goes on.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", plain(text));
}

/// Says what was wrong, however long what it quotes is: the middle of long words and messages is left
/// out, and lines after the first are indented, so that none looks like a message of its own.
pub fn tell_error(error: &dyn fmt::Display) {
    say(&format!("error: {}", presentable(&error.to_string())));
}

fn presentable(message: &str) -> String {
    let escaped = plain(message);
    let words: String = escaped.split_inclusive([' ', '\n']).map(|word| shortened(word, WORD.0, WORD.1)).collect();
    shortened(&words, MESSAGE.0, MESSAGE.1).replace('\n', "\n  ")
}

/// With escapes for what would move the cursor or turn the direction of writing.
fn plain(text: &str) -> String {
    let moves = |letter: char| {
        letter.is_control() && letter != '\n'
            || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if moves(letter) { shown.extend(letter.escape_default()) } else { shown.push(letter) }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::presentable;

    #[test]
    fn messages_are_short_and_plain() {
        assert_eq!(presentable("x: expected 1\n│ naïve\terror"), "x: expected 1\n  │ naïve\\terror");
        assert_eq!(presentable("a\u{1b}[2J\r\u{7}\u{202e}b"), "a\\u{1b}[2J\\r\\u{7}\\u{202e}b");
        let long = presentable(&format!("'{}': expected one of a, b", "ü".repeat(5_000_000)));
        let expected = format!("'{}…{}': expected one of a, b", "ü".repeat(148), "ü".repeat(147));
        assert_eq!(long, expected);
        let list = presentable(&("expected one of ".to_owned() + &"a, ".repeat(1_000) + "z"));
        assert!(list.starts_with("expected one of a, a") && list.ends_with("a, z") && list.chars().count() == 2_000);
        // What is escaped is counted as it is shown.
        let moving = vec!["\u{1b}".repeat(190); 30].join(" ");
        assert_eq!(presentable(&moving).chars().count(), 2_000);
    }
}
