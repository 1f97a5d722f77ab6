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

/// The most letters of an error's message.
const MOST: usize = 2_000;
/// How many of them are its end, which says what was expected.
const END: usize = 500;

/// Tells of an error on standard error, however long what it quotes is and whatever letters that has:
/// the middle of a long message is left out, and control characters are escaped, line ends apart.
pub fn tell_error(error: &dyn fmt::Display) {
    let _ = writeln!(std::io::stderr(), "error: {}", presentable(&error.to_string()));
}

fn presentable(message: &str) -> String {
    let shown = |letter: char| {
        let is_control = letter.is_control() && letter != '\n';
        let escaped = is_control.then(|| letter.escape_default());
        escaped.into_iter().flatten().chain((!is_control).then_some(letter))
    };
    let letters = message.chars().count();
    if letters <= MOST {
        return message.chars().flat_map(shown).collect();
    }
    let (start, end) = (message.chars().take(MOST - END), message.chars().skip(letters - END));
    start.flat_map(shown).chain(" … ".chars()).chain(end.flat_map(shown)).collect()
}

#[cfg(test)]
mod tests {
    use super::presentable;

    #[test]
    fn messages_are_short_and_plain() {
        assert_eq!(presentable("x: expected 1\n  │ naïve"), "x: expected 1\n  │ naïve");
        assert_eq!(presentable("a\u{1b}[2J\r\u{7}b\u{9c}"), "a\\u{1b}[2J\\r\\u{7}b\\u{9c}");
        let long = presentable(&format!("'{}': expected one of a, b", "ü".repeat(5_000_000)));
        assert!(long.starts_with("'üü") && long.ends_with("üü': expected one of a, b"), "{long}");
        assert_eq!(long.chars().count(), 2_003);
    }
}
