//! What every door shares: calls, input, refusals, cookies, and the list of operations.

mod admission;
mod answer;
mod app;
mod asked;
mod bodies;
mod call;
mod cookies;
pub mod forms;
mod input;
mod knock;
mod limits;
mod place;
mod places;
pub mod rates;
mod refusal;
mod routes;
mod strict_json;
mod upload;
mod version;

pub use answer::{Answer, created, empty, json, json_text, redirect};
pub use app::{App, Scripts};
pub use asked::Asked;
pub use bodies::Bodies;
pub use call::{BackendCall, FrontendCall, PlatformCall, Policy, is_native};
pub use input::{Id, IdAndName, Input, Inputs, Named, NoBody, Query, Within};
pub use knock::{Knock, Proxy};
pub use limits::{Class, Probe};
pub use place::{IfMatch, Place};
pub use refusal::Refusal;
pub use routes::{Asks, Face, Operation, Routes};
pub use upload::Upload;
pub use version::{Version, check_version};
