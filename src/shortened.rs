//! Texts that may be long, where there is room for few characters.

/// At most `most` characters of a text: the first ones, `…` for those left out, and the last `end`.
pub fn shortened(text: &str, most: usize, end: usize) -> String {
    let letters = text.chars().count();
    if letters <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1 - end).chain(['…']).chain(text.chars().skip(letters - end)).collect()
}
