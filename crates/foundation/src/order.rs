//! Orders of lists.

use crate::problem::Problem;

/// By what a list can be sorted. The default is what a list is sorted by if nothing is asked for.
pub trait Key: Copy + Default + 'static {
    /// Each key and the word that callers know it by; one can have several.
    const WORDS: &'static [(&'static str, Self)];
}

/// A key and its direction. The default is the default key with the largest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order<K> {
    /// By what.
    pub by: K,
    /// Whether the largest comes first.
    pub descending: bool,
}

impl<K: Key> Default for Order<K> {
    fn default() -> Self {
        Order { by: K::default(), descending: true }
    }
}

impl<K: Key> Order<K> {
    /// Reads `name`, `+name` and `-name`, the last of which begins with the largest.
    ///
    /// # Errors
    /// [`Problem::ParamInvalid`] that names `order_by` and every word that it can be.
    pub fn parse(text: &str) -> Result<Order<K>, Problem> {
        let (descending, word) = match text.split_at_checked(1) {
            Some(("-", word)) => (true, word),
            // A plus that nobody has encoded arrives as a space.
            Some(("+" | " ", word)) => (false, word),
            _ => (false, text),
        };
        let key = K::WORDS.iter().find(|(known, _)| *known == word);
        key.map(|(_, by)| Order { by: *by, descending }).ok_or_else(|| {
            let words: Vec<&str> = K::WORDS.iter().map(|(word, _)| *word).collect();
            Problem::invalid("order_by", format!("must be one of {}, with + or - before it", words.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Order};
    use crate::Problem;

    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    enum By {
        #[default]
        Age,
        Name,
    }

    impl Key for By {
        const WORDS: &'static [(&'static str, By)] = &[("age", By::Age), ("name", By::Name)];
    }

    #[test]
    fn a_sign_says_the_direction() {
        let of = |text| Order::<By>::parse(text).map(|order| (order.by, order.descending));
        assert_eq!(of("name"), Ok((By::Name, false)));
        assert_eq!(of("+name"), Ok((By::Name, false)));
        assert_eq!(of(" name"), Ok((By::Name, false)), "a plus that was not encoded");
        assert_eq!(of("-name"), Ok((By::Name, true)));
        assert_eq!(Order::default(), Order { by: By::Age, descending: true });
        for text in ["", "-", "+", "--name", "Name", "é", "name desc"] {
            assert_eq!(of(text), Err(Problem::invalid("order_by", "must be one of age, name, with + or - before it")), "{text:?}");
        }
    }
}
