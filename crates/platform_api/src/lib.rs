//! The Platform API: the door of platforms, opened by a workspace's token. JSON in, JSON out.

mod applications;
mod instance_path;
mod keys;
mod plans;
mod routes;
mod settings;

pub use routes::routes;
