//! Protocols as pure functions: bytes in, values out, time passed in.

pub mod jose;
