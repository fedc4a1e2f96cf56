//! Places: where a network address is, from a database file that the operator has given. Nothing is asked over the network.

use maxminddb::Reader;
use serde::Deserialize;
use std::{collections::BTreeMap, net::IpAddr, path::Path, sync::Arc};

/// A place, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The city's English name.
    pub city: Option<String>,
    /// The country's English name.
    pub country: Option<String>,
}

/// Finds places. Without a file it knows none. Cheap to clone.
#[derive(Clone, Default)]
pub struct Places(Option<Arc<Reader<Vec<u8>>>>);

#[derive(Deserialize)]
struct Entry {
    city: Option<Named>,
    country: Option<Named>,
    registered_country: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    names: Option<BTreeMap<String, String>>,
    iso_code: Option<String>,
}

impl Named {
    fn name(self) -> Option<String> {
        let text = self.names.and_then(|mut names| names.remove("en")).or(self.iso_code)?;
        Some(text.chars().filter(|c| !c.is_control()).take(64).collect())
    }
}

impl Places {
    /// Reads a file in MaxMind's format (GeoLite2 City, DB-IP and others) into memory.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn open(file: &Path) -> Result<Places, String> {
        let bytes = std::fs::read(file).map_err(|e| format!("the file of places {} cannot be read: {e}", file.display()))?;
        let reader = Reader::from_source(bytes).map_err(|e| format!("{} is no database of places in MaxMind's format: {e}", file.display()))?;
        Ok(Places(Some(Arc::new(reader))))
    }

    /// Where an address is. What the file does not know, or says in a way that cannot be read, stays unknown.
    pub fn of(&self, address: IpAddr) -> Place {
        let Some(reader) = &self.0 else { return Place::default() };
        let entry: Option<Entry> = reader.lookup(address).ok().and_then(|found| found.decode().ok().flatten());
        entry.map_or_else(Place::default, |entry| Place {
            city: entry.city.and_then(Named::name),
            country: entry.country.or(entry.registered_country).and_then(Named::name),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Vec<u8> {
        [vec![2 << 5 | u8::try_from(text.len()).expect("short")], text.as_bytes().to_vec()].concat()
    }

    fn map(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = vec![7 << 5 | u8::try_from(entries.len()).expect("few")];
        entries.iter().for_each(|(key, value)| bytes.extend([text(key), value.clone()].concat()));
        bytes
    }

    fn number(kind: u8, value: u16) -> Vec<u8> {
        [vec![kind << 5 | 2], value.to_be_bytes().to_vec()].concat()
    }

    /// A database in MaxMind's format that knows one network of 24 bits.
    fn file(network: [u8; 3], entry: &[u8]) -> Vec<u8> {
        let record = |value: u32| value.to_be_bytes()[1..].to_vec();
        let mut bytes = Vec::new();
        for bit in 0..24_u32 {
            let set = network[bit as usize / 8] >> (7 - bit % 8) & 1 == 1;
            let (found, nothing) = (record(if bit == 23 { 24 + 16 } else { bit + 1 }), record(24));
            bytes.extend(if set { [nothing, found].concat() } else { [found, nothing].concat() });
        }
        bytes.extend([0; 16]);
        bytes.extend(entry);
        bytes.extend(b"\xab\xcd\xefMaxMind.com");
        bytes.extend(map(&[
            ("node_count", number(6, 24)),
            ("record_size", number(5, 24)),
            ("ip_version", number(5, 4)),
            ("database_type", text("Test-City")),
            ("languages", vec![0, 4]),
            ("binary_format_major_version", number(5, 2)),
            ("binary_format_minor_version", number(5, 0)),
            ("build_epoch", vec![1, 2, 1]),
            ("description", map(&[])),
        ]));
        bytes
    }

    fn of(bytes: Vec<u8>, address: &str) -> Place {
        Places(Some(Arc::new(Reader::from_source(bytes).expect("a database")))).of(address.parse().expect("an address"))
    }

    #[test]
    fn an_address_is_found_and_everything_else_is_unknown() {
        let entry = map(&[
            ("city", map(&[("names", map(&[("de", text("Athen")), ("en", text("Athens"))]))])),
            ("country", map(&[("iso_code", text("GR")), ("names", map(&[("en", text("Greece"))]))])),
        ]);
        let bytes = file([203, 0, 113], &entry);
        assert_eq!(of(bytes.clone(), "203.0.113.77"), Place { city: Some("Athens".to_owned()), country: Some("Greece".to_owned()) });
        for elsewhere in ["203.0.114.1", "127.0.0.1", "2001:db8::1", "::ffff:203.0.113.77"] {
            assert_eq!(of(bytes.clone(), elsewhere), Place::default(), "{elsewhere}");
        }
        assert_eq!(Places::default().of("203.0.113.77".parse().expect("an address")), Place::default());
    }

    #[test]
    fn a_file_that_says_something_else_makes_a_place_unknown_and_breaks_nothing() {
        assert_eq!(of(file([10, 0, 0], &map(&[("city", text("Athens"))])), "10.0.0.1"), Place::default());
        assert_eq!(of(file([10, 0, 0], &[0xff, 0xff, 0xff]), "10.0.0.1"), Place::default());
        let registered = map(&[("registered_country", map(&[("iso_code", text("GR\u{7}"))]))]);
        assert_eq!(of(file([10, 0, 0], &registered), "10.0.0.1").country.as_deref(), Some("GR"));
        let folder = std::env::temp_dir();
        assert!(Places::open(&folder).is_err_and(|why| why.contains("cannot be read")));
    }
}
