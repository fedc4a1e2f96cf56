//! The Platform API: the door of platforms, opened by a workspace's token. JSON in, JSON out.

mod applications;
mod conversions;
mod domains;
mod instances;
mod jwt_templates;
mod keys;
mod plans;
mod pools;
mod redirect_urls;
mod routes;
mod settings;
mod users;

pub use routes::routes;
