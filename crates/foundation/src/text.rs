//! Small rules about text that more than one room needs.

/// Lower-case words joined by hyphens, from any text: at most `most` characters, never empty ("app" if nothing remains).
pub fn kebab(text: &str, most: usize) -> String {
    let mut slug = String::new();
    for character in text.chars() {
        if character.is_ascii_alphanumeric() {
            slug.push(character.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() >= most {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "app".to_owned() } else { slug.to_owned() }
}

/// Whether the text holds a character that has no place in a name or an address: controls, line and paragraph
/// separators, and the marks that change the direction of what follows.
pub fn has_control(text: &str) -> bool {
    text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kebab_keeps_letters_and_digits() {
        assert_eq!(kebab("My  Shop & Co.", 32), "my-shop-co");
        assert_eq!(kebab("日本", 32), "app");
        assert_eq!(kebab("--x--", 32), "x");
        assert_eq!(kebab("abcdef", 3), "abc");
    }
}
