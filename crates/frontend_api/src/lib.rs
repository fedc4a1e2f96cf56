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
