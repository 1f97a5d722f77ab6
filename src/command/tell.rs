use std::fmt;
use std::io::Write;

/// Says something on standard error. If nobody can be told, the work goes on.
macro_rules! tell {
    ($($text:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}
pub(crate) use tell;

/// The most letters of an error's message, and how many of them are its end, which says what was
/// expected.
const MESSAGE: [usize; 2] = [2_000, 500];
/// The most letters of a word in it, such as a name, and how many of them are its end.
const WORD: [usize; 2] = [200, 20];

/// Tells of an error on standard error, however long what it quotes is and whatever letters that has:
/// the middle of long words and messages is left out, and control characters are escaped, line ends
/// apart.
pub fn tell_error(error: &dyn fmt::Display) {
    let _ = writeln!(std::io::stderr(), "error: {}", presentable(&error.to_string()));
}

fn presentable(message: &str) -> String {
    let words: String = message.split_inclusive(char::is_whitespace).map(|word| shortened(word, WORD)).collect();
    let escaped = |letter: char| {
        let is_control = letter.is_control() && letter != '\n';
        is_control.then(|| letter.escape_default()).into_iter().flatten().chain((!is_control).then_some(letter))
    };
    shortened(&words, MESSAGE).chars().flat_map(escaped).collect()
}

fn shortened(text: &str, [most, end]: [usize; 2]) -> String {
    let letters = text.chars().count();
    if letters <= most {
        return text.to_owned();
    }
    text.chars().take(most - end).chain(['…']).chain(text.chars().skip(letters - end)).collect()
}

#[cfg(test)]
mod tests {
    use super::presentable;

    #[test]
    fn messages_are_short_and_plain() {
        assert_eq!(presentable("x: expected 1\n  │ naïve"), "x: expected 1\n  │ naïve");
        assert_eq!(presentable("a\u{1b}[2J\r\u{7}b\u{9c}"), "a\\u{1b}[2J\\r\\u{7}b\\u{9c}");
        let long = presentable(&format!("'{}': expected one of a, b", "ü".repeat(5_000_000)));
        let expected = format!("'{}…{}': expected one of a, b", "ü".repeat(179), "ü".repeat(17));
        assert_eq!(long, expected);
        let list = presentable(&("expected one of ".to_owned() + &"a, ".repeat(1_000) + "z"));
        assert!(list.starts_with("expected one of a, a") && list.ends_with("a, z") && list.chars().count() == 2_001);
    }
}
