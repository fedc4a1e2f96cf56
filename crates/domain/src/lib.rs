//! The house: one room per noun, holding its rules and its own SQL. Doors call verbs; nobody else's SQL touches a room's tables.

#![recursion_limit = "256"]

pub mod applications;
pub mod audit;
pub mod bodies;
pub mod clients;
pub mod conversions;
pub mod counters;
pub mod domains;
pub mod events;
pub mod handshake;
pub mod identifiers;
pub mod images;
pub mod instances;
pub mod jobs;
pub mod jwt_templates;
pub mod keys;
pub mod messages;
pub mod once;
pub mod organizations;
pub mod passwords;
pub mod plans;
pub mod pools;
pub mod redirect_urls;
pub mod redirects;
pub mod refresh;
pub mod sessions;
pub mod settings;
pub mod sign_ins;
pub mod sign_ups;
pub mod testing_tokens;
pub mod tickets;
pub mod tokens;
pub mod users;
pub mod verdict;
pub mod workspaces;

pub use verdict::Verdict;
