//! The Platform API: the door of platforms, opened by a workspace's token. JSON in, JSON out.

mod applications;
mod domains;
mod instance_path;
mod instances;
mod keys;
mod plans;
mod routes;
mod settings;

pub use routes::routes;
