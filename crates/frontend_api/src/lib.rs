//! The Frontend API: the door of browsers and devices. Forms or JSON in, `{response, client}` out.

mod clients;
mod email_addresses;
mod environment;
mod handshake;
mod images;
mod invitations;
mod me;
mod membership_requests;
mod memberships;
mod organization_domains;
mod organizations;
mod routes;
mod scripts;
mod sessions;
mod sign_ins;
mod sign_ups;
mod tickets;

pub use routes::routes;

use foundation::Problem;
use web::Input;

/// Refuses by name what may not be dropped silently: proofs that nobody here can check, and what would be stored. Other unknown names are passed over.
fn refuse(input: &Input, params: &[&str]) -> Result<(), Problem> {
    match params.iter().find(|param| input.has(param)) {
        Some(param) => Err(Problem::ParamUnknown((*param).to_owned())),
        None => Ok(()),
    }
}
