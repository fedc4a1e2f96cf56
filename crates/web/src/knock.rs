//! A knock: what the listener found out about a request before any door was opened.

use domain::instances::Tenant;
use std::{net::IpAddr, sync::Arc};

/// Travels with the request as an extension.
#[derive(Clone)]
pub struct Knock {
    /// The network address of the other side.
    pub peer: Option<IpAddr>,
    /// Whose Frontend API it is; absent at the other doors.
    pub tenant: Option<Arc<Tenant>>,
    /// The application's own proxy, if one was recognised by the instance's secret key.
    pub proxy: Option<Proxy>,
    /// Whether the request came by the instance's own host.
    pub own_host: bool,
}

/// A proxy that has shown the instance's secret key.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Where browsers reach it; absent where it gave no address, or none that is allowed.
    pub url: Option<String>,
    /// The browser's network address, as the proxy saw it.
    pub client: Option<IpAddr>,
}
