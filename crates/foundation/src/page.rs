//! Pages of lists.

use crate::problem::Problem;

/// Which part of a list: at most 500 entries, at most 10,000 to skip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many entries.
    pub limit: i64,
    /// How many to leave out before them.
    pub offset: i64,
}

impl Page {
    /// The most entries that one answer holds.
    pub const MOST: i64 = 500;
    /// The most that can be skipped; who needs more narrows the filter.
    pub const FARTHEST: i64 = 10_000;

    /// Ten from the start: what a list shows if nothing is asked for.
    pub const FIRST: Page = Page { limit: 10, offset: 0 };

    /// Checks both bounds.
    ///
    /// # Errors
    /// [`Problem::ParamInvalid`] that names `limit` or `offset`.
    pub fn new(limit: Option<i64>, offset: Option<i64>) -> Result<Page, Problem> {
        let page = Page { limit: limit.unwrap_or(Page::FIRST.limit), offset: offset.unwrap_or(0) };
        if !(1..=Page::MOST).contains(&page.limit) {
            return Err(Problem::invalid("limit", "must be between 1 and 500"));
        }
        if !(0..=Page::FARTHEST).contains(&page.offset) {
            return Err(Problem::invalid("offset", "must be between 0 and 10000"));
        }
        Ok(page)
    }
}
