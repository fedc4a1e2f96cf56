//! Lists of roles, permissions and role sets: a few of what is in memory anyway.

use super::{Permission, Role, RoleSet};
use foundation::{Page, Timestamp, order::Key};
use std::{cmp::Ordering, sync::Arc};

/// Which, and in which order.
#[derive(Clone, Debug)]
pub struct Search {
    /// An id, or a part of names and keys.
    pub query: Option<String>,
    /// By what they are sorted.
    pub order: Order,
    /// How many.
    pub page: Page,
}

/// By what a list is sorted; ties as they came to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrderBy {
    /// When they came to be.
    #[default]
    CreatedAt,
    /// What they are called.
    Name,
    /// Their keys.
    Key,
}

impl Key for OrderBy {
    const WORDS: &'static [(&'static str, OrderBy)] = &[("created_at", OrderBy::CreatedAt), ("name", OrderBy::Name), ("key", OrderBy::Key)];
}

/// An order and its direction.
pub type Order = foundation::Order<OrderBy>;

/// What is listed.
pub trait Listed: Clone {
    /// Its id, its key, its name, and when it came to be.
    fn facts(&self) -> (String, &str, &str, Timestamp);
}

impl Listed for Permission {
    fn facts(&self) -> (String, &str, &str, Timestamp) {
        (self.id.to_string(), &self.key, &self.name, self.created_at)
    }
}

impl Listed for Arc<Role> {
    fn facts(&self) -> (String, &str, &str, Timestamp) {
        (self.id.to_string(), &self.key, &self.name, self.created_at)
    }
}

impl Listed for RoleSet {
    fn facts(&self) -> (String, &str, &str, Timestamp) {
        (self.id.to_string(), &self.key, &self.name, self.created_at)
    }
}

impl Search {
    /// The page of these, and how many there are in all.
    pub fn of<T: Listed>(&self, all: &[T]) -> (Vec<T>, i64) {
        let query = self.query.as_ref().map(|query| query.to_lowercase());
        let fits = |item: &&T| {
            let (id, key, name, _) = item.facts();
            self.query.as_ref().is_none_or(|text| *text == id)
                || query.as_ref().is_some_and(|text| key.contains(text.as_str()) || name.to_lowercase().contains(text.as_str()))
        };
        let mut found: Vec<&T> = all.iter().filter(fits).collect();
        found.sort_by(|one, other| self.order.by.compare(*one, *other));
        if self.order.descending {
            found.reverse();
        }
        let total = i64::try_from(found.len()).unwrap_or(i64::MAX);
        let (skip, take) = (usize::try_from(self.page.offset).unwrap_or(usize::MAX), usize::try_from(self.page.limit).unwrap_or(0));
        (found.into_iter().skip(skip).take(take).cloned().collect(), total)
    }
}

impl OrderBy {
    fn compare<T: Listed>(self, one: &T, other: &T) -> Ordering {
        let ((_, key, name, at), (_, other_key, other_name, other_at)) = (one.facts(), other.facts());
        match self {
            OrderBy::CreatedAt => at.cmp(&other_at),
            OrderBy::Name => name.to_lowercase().cmp(&other_name.to_lowercase()),
            OrderBy::Key => key.cmp(other_key),
        }
    }
}
