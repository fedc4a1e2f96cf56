//! Where something stands in the TOML file, and what is wrong with a line that is none.

/// The line of a key, by its dotted name: of the longest part of it that stands somewhere.
pub(super) fn of_key(text: &str, name: &str) -> Option<usize> {
    let (mut table, mut found) = (String::new(), None);
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            table = plain(header.split(']').next().unwrap_or_default());
            consider(name, &table, number, &mut found);
        } else if let Some((key, _)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            let key = if table.is_empty() { plain(key) } else { format!("{table}.{}", plain(key)) };
            consider(name, &key, number, &mut found);
        }
    }
    found.map(|(number, _)| number)
}

fn consider(name: &str, key: &str, number: usize, found: &mut Option<(usize, usize)>) {
    let fits = name == key || name.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'));
    if fits && found.is_none_or(|(_, length)| length < key.len()) {
        *found = Some((number, key.len()));
    }
}

/// A key without quotes and blanks.
fn plain(key: &str) -> String {
    key.chars().filter(|c| !matches!(c, '"' | '\'' | '[') && !c.is_whitespace()).collect()
}

/// What is wrong with the line that the parser stumbled over: told by what stands in it.
pub(super) fn fault(text: &str, number: usize) -> String {
    let line = text.lines().nth(number.saturating_sub(1)).unwrap_or_default().trim();
    if line.starts_with('[') {
        return match line.strip_suffix(']') {
            Some(_) => format!("names the table {line:.100} in a way that cannot be read, or a second time"),
            None => format!("does not close the bracket of the table {line:.100}"),
        };
    }
    let Some((key, value)) = line.split_once('=') else {
        return format!("is neither name = \"value\" nor a table as [name]: {line:.100}");
    };
    let (key, value) = (key.trim(), value.trim());
    let shown: String = key.chars().take(100).collect();
    if key.is_empty() {
        return "has no name before the =".to_owned();
    }
    let open = |quote: char| value.starts_with(quote) && !value[1..].contains(quote);
    if open('"') || open('\'') {
        return format!("does not close the text of {shown}: end it with the mark that it begins with");
    }
    if value.is_empty() {
        return format!("gives {shown} no value: write {shown} = \"…\"");
    }
    if stands_before(text, number, key) {
        return format!("says {shown} a second time: say it once");
    }
    let begun = |c: char| matches!(c, '"' | '\'' | '[' | '{' | '+' | '-') || c.is_ascii_digit();
    if !value.starts_with(begun) && !matches!(value, "true" | "false") {
        return format!("gives {shown} a text without quotes: write {shown} = \"{value:.100}\"");
    }
    format!("gives {shown} a value that cannot be read: {value:.100}")
}

/// Whether the key stands in the same table before that line.
fn stands_before(text: &str, number: usize, key: &str) -> bool {
    let before: Vec<&str> = text.lines().take(number.saturating_sub(1)).map(str::trim).collect();
    let table = before.iter().rposition(|line| line.starts_with('[')).map_or(0, |at| at + 1);
    before[table..].iter().filter_map(|line| line.split_once('=')).any(|(other, _)| plain(other) == plain(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_where_it_stands() {
        let text = "listen = 'x'\n# smtp = 1\n[smtp]\nhost = 'x'\n\n[settings.session]\nlifetime = 600\n[settings_rules]\n\"session.lifetime\" = { max = 5 }\n";
        for (name, line) in [
            ("listen", Some(1)),
            ("smtp.host", Some(4)),
            ("smtp", Some(3)),
            ("settings.session.lifetime", Some(7)),
            ("settings.session.multi", Some(6)),
            ("settings_rules.session.lifetime.max", Some(9)),
            ("base_url", None),
        ] {
            assert_eq!(of_key(text, name), line, "{name}");
        }
    }

    #[test]
    fn a_line_says_what_is_wrong_with_it() {
        for (text, part) in [
            ("base_url http", "neither"),
            ("base_url = http://a.example", "base_url = \"http://a.example\""),
            ("base_url = \"http://a.example", "close the text of base_url"),
            ("base_url =", "no value"),
            ("= 1", "no name"),
            ("[smtp", "bracket"),
            ("a = [1, 2", "cannot be read"),
        ] {
            assert!(fault(text, 1).contains(part), "{text}: {}", fault(text, 1));
        }
        assert!(fault("log = 'a'\nlog = 'b'", 2).contains("second time"));
        assert!(fault("[a]\nlog = 'a'\n[b]\nlog = b", 4).contains("without quotes"));
    }
}
