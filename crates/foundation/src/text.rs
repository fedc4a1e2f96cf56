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

/// Whether there is nothing to see: only blanks, joiners, fillers, marks of direction and the like. Among other characters all these have their place:
/// joiners in emoji and in Persian, marks in Hebrew and Arabic.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c.is_control() || is_invisible(c))
}

/// What Unicode calls default ignorable, the fillers, and the blank of Braille.
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_blank_and_joiners_among_letters_are_not() {
        for blank in ["", " \t", "\u{200b}\u{200b}", "\u{2060}", "\u{ad}", "\u{feff}", "\u{3164}", "\u{200d}\u{fe0f}", "\u{202e}", "\u{2800} \u{e0041}"] {
            assert!(is_blank(blank), "{blank:?}");
        }
        for seen in
            ["A", "\u{0645}\u{06cc}\u{200c}\u{062e}\u{0648}\u{0627}\u{0647}\u{0645}", "\u{1f469}\u{200d}\u{1f52c}", "\u{2764}\u{fe0f}", "\u{301}", "\u{ac00}"]
        {
            assert!(!is_blank(seen) && !has_control(seen), "{seen:?}");
        }
    }

    #[test]
    fn kebab_keeps_letters_and_digits() {
        assert_eq!(kebab("My  Shop & Co.", 32), "my-shop-co");
        assert_eq!(kebab("日本", 32), "app");
        assert_eq!(kebab("--x--", 32), "x");
        assert_eq!(kebab("abcdef", 3), "abc");
    }
}
