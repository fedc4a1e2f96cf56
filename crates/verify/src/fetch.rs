//! A source that reads the JWK set of an address: one request at a time, small answers, no redirects.

use crate::{
    cache::{Fetched, Source},
    keys::MOST_BYTES,
    refusal::Fault,
};
use http::{Request, StatusCode, Uri, header, uri::Scheme};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use std::{future::Future, net::IpAddr, pin::Pin, sync::Arc};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName},
};

/// Fetches `<Frontend API>/.well-known/jwks.json`, over TLS with the machine's own authorities. Without TLS only from this machine.
pub struct Fetch {
    address: Uri,
    tls: Arc<ClientConfig>,
}

impl Fetch {
    /// The set of the instance, or the pool, whose Frontend API is at this address (`CLERK_FAPI_URL`).
    ///
    /// # Errors
    /// Where it is no such address, or would be read from another machine without TLS.
    pub fn from(frontend_api: &str) -> Result<Fetch, Fault> {
        let fault = Fault("this is no address of a Frontend API");
        let address: Uri = format!("{}/.well-known/jwks.json", frontend_api.trim_end_matches('/')).parse().map_err(|_| fault.clone())?;
        let host = address.host().ok_or(fault.clone())?;
        if address.authority().is_none_or(|authority| authority.as_str().contains('@')) || address.query().is_some() {
            return Err(fault);
        }
        match address.scheme().map(Scheme::as_str) {
            Some("https") => {}
            Some("http") if is_here(host) => {}
            Some("http") => return Err(Fault("keys from another machine are read over https alone")),
            _ => return Err(fault),
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider())).with_safe_default_protocol_versions();
        let tls = config.map_err(|_| Fault("TLS cannot be set up"))?.with_root_certificates(roots).with_no_client_auth();
        Ok(Fetch { address, tls: Arc::new(tls) })
    }

    async fn read(&self) -> Fetched {
        let host = self.address.host().ok_or("no host")?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let is_tls = self.address.scheme() == Some(&Scheme::HTTPS);
        let port = self.address.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        #[allow(clippy::disallowed_methods, reason = "this source is what reaches out")]
        let stream = TcpStream::connect((bare, port)).await?;
        if is_tls {
            let name = ServerName::try_from(bare.to_owned())?;
            self.ask(TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await?).await
        } else {
            self.ask(stream).await
        }
    }

    async fn ask(&self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Fetched {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let authority = self.address.authority().ok_or("no host")?.as_str();
        let request = Request::get(self.address.path()).header(header::HOST, authority).header(header::ACCEPT, "application/json");
        let request = request.header(header::CONNECTION, "close").body(Empty::<Bytes>::new())?;
        // Ends with the sender, at the latest.
        tokio::spawn(connection);
        let response = sender.send_request(request).await?;
        if response.status() != StatusCode::OK {
            return Err(format!("the answer is {}", response.status()).into());
        }
        Ok(Limited::new(response.into_body(), MOST_BYTES).collect().await?.to_bytes().to_vec())
    }
}

impl Source for Fetch {
    fn fetch(&self) -> Pin<Box<dyn Future<Output = Fetched> + Send + '_>> {
        Box::pin(self.read())
    }
}

fn is_here(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.ends_with(".localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
