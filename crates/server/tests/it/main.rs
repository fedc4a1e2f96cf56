//! Contract tests: the whole server in process, one folder for each door and one file for each noun.

#![allow(clippy::disallowed_methods, reason = "tests start processes and talk to them")]

mod attacks;
mod backend;
mod canaries;
mod catalog;
mod commands;
mod conversions;
mod coverage;
mod frontend;
mod isolation;
mod listener;
mod live;
mod mail;
mod metrics;
mod organizations;
mod peers;
mod platform;
mod process;
mod races;
mod reference;
mod request_log;
mod trouble;
mod verify;
