//! The server: configuration, wiring, listeners, the job runner, and what a first start does.

pub mod commands;
pub mod config;
pub mod dispatch;
mod doubts;
pub mod files;
pub mod first_start;
pub mod jobs;
mod last_start;
pub mod listen;
pub mod metrics;
pub mod start;
