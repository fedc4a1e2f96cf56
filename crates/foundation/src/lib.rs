//! Words that every crate speaks: ids, time, chance, secrets, addresses, problems, pages. No input or output happens here.

pub mod contact;
pub mod error;
pub mod ids;
pub mod meter;
pub mod network;
pub mod order;
pub mod page;
pub mod problem;
pub mod random;
pub mod secret;
pub mod text;
pub mod time;

pub use contact::{EmailAddress, Username};
pub use error::{Error, OnConflict, Result};
pub use ids::*;
pub use network::{Cidr, Network};
pub use order::Order;
pub use page::Page;
pub use problem::Problem;
pub use random::Random;
pub use secret::Secret;
pub use time::{Clock, Timestamp};
