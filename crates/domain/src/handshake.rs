//! The handshake: how a backend that renders pages learns who is signed in, by one redirect over the instance's host.

use crate::{
    clients::Visit,
    keys, once,
    once::Purpose,
    organizations::active::{self, Wanted},
    redirect_urls, redirects, refresh,
    sessions::{self, Session},
    settings, tokens, users,
};
use ::store::Tx;
use foundation::{Problem, Result, Secret};
use protocols::jose::Category;
use serde_json::{Value, json};
use url::{Origin, Url};

/// The parameters that bring the cookies. The SDK reads the first of each, and a live one stays in the address: an earlier one must go.
const NONCE: &str = "__clerk_handshake_nonce";
const TOKEN: &str = "__clerk_handshake";
const STALE: [&str; 2] = [NONCE, TOKEN];

/// How the cookies travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Behind a nonce that the backend redeems with its secret key.
    Nonce,
    /// In a signed token.
    Token,
}

/// Where a handshake leads.
#[derive(Debug)]
pub struct Onward {
    /// The address to go back to.
    pub location: String,
    /// A whole `Set-Cookie` value, where cookies of this answer are the application's own.
    pub cookie: Option<String>,
}

/// The longest token that travels as a cookie: browsers keep 4,096 bytes with the name and the attributes.
const LONGEST_COOKIE: usize = 3_800;

/// Builds the cookies that the application is to set and puts them on the way.
///
/// A live instance behind the application's own proxy hands them over in a cookie, because the SDK leaves a live parameter in the address,
/// where it would be spent when the page is loaded again. Otherwise they travel in the address.
///
/// Where the page's address names an organization, by id or slug, the session is in that from now on; `Some(None)` is the personal account.
///
/// # Errors
/// [`Problem::RedirectUrlInvalid`] where the application may not be sent to; [`Problem::ParamInvalid`] for a live token that would stand in an address.
pub async fn perform(tx: &mut Tx<'_>, visit: &mut Visit, redirect_url: &str, format: Format, organization: Option<Option<&str>>) -> Result<Onward> {
    let settings = settings::effective(tx).await?;
    let list = redirect_urls::all(tx).await?;
    let target = redirects::check(&visit.tenant, &settings, &list, redirect_url, "redirect_url")?;
    let mut directives = directives(tx, visit, &target, format, organization).await?;
    if !visit.tenant.is_development() && visit.credential.proxied && redirects::is_behind_proxy(&visit.tenant, &target) {
        let attributes = attributes(&target);
        // A session's cookie stays the last one.
        directives.splice(0..0, [NONCE, TOKEN].map(|name| format!("{name}=; {attributes}; HttpOnly; Max-Age=0")));
        let token = sign(tx, &directives).await?;
        let (name, value) = if token.len() <= LONGEST_COOKIE { (TOKEN, token) } else { (NONCE, issue(tx, &directives).await?) };
        return Ok(Onward {
            location: redirects::without_params(target, &STALE).into(),
            cookie: Some(format!("{name}={value}; {attributes}; HttpOnly; Max-Age=60")),
        });
    }
    let location = match format {
        Format::Nonce => redirects::with_param(target, NONCE, &issue(tx, &directives).await?, &STALE),
        // A nonce is worth nothing without the secret key; a token is the session itself, and the SDK leaves a live one in the address.
        Format::Token if !visit.tenant.is_development() => {
            return Err(Problem::invalid("format", "must be nonce where the handshake does not come by the stored proxy").into());
        }
        Format::Token if !redirects::may_carry(&visit.tenant, &settings, &list, &target) => return Err(Problem::RedirectUrlInvalid("redirect_url").into()),
        Format::Token => redirects::with_param(target, TOKEN, &sign(tx, &directives).await?, &STALE),
    };
    Ok(Onward { location, cookie: None })
}

async fn issue(tx: &mut Tx<'_>, directives: &[String]) -> Result<String> {
    let nonce = once::issue_nonce(tx, Purpose::Handshake, &json!(directives).to_string()).await?;
    Ok(nonce.expose().to_owned())
}

async fn sign(tx: &mut Tx<'_>, directives: &[String]) -> Result<String> {
    let key = keys::signer(tx, tokens::LIFE).await?;
    let seconds = tx.now().seconds();
    key.sign(Category::Handshake, &json!({ "handshake": directives, "iat": seconds, "nbf": seconds - 10, "exp": seconds + 60 }))
}

fn attributes(target: &Url) -> &'static str {
    if target.scheme() == "https" { "Path=/; SameSite=Lax; Secure" } else { "Path=/; SameSite=Lax" }
}

/// The cookies behind a nonce; they can be fetched once.
///
/// # Errors
/// [`Problem::TokenSpent`].
pub async fn redeem(tx: &mut Tx<'_>, nonce: &Secret) -> Result<Vec<Value>> {
    let payload = once::spend_nonce(tx, Purpose::Handshake, nonce).await?;
    serde_json::from_str(&payload).map_err(|e| foundation::Error::broken("a handshake's cookies", e))
}

/// The session in front: the one that was used last, or else the newest.
async fn front(tx: &mut Tx<'_>, visit: &mut Visit, organization: Option<Option<&str>>) -> Result<Option<Session>> {
    let live = visit.live_sessions(tx).await?;
    let last = visit.client.as_ref().and_then(|c| c.last_active_session);
    let Some(session) = live.iter().find(|s| Some(s.id) == last).or(live.last()) else { return Ok(None) };
    if users::get(tx, session.user).await?.banned {
        return Ok(None);
    }
    sessions::use_it(tx, visit, session).await?;
    if let Some(named) = organization {
        // Where they do not belong to it, the page finds out by the token.
        return sessions::enter_if_welcome(tx, session, named).await.map(Some);
    }
    Ok(Some(session.clone()))
}

/// Complete `Set-Cookie` values, each once with the plain name and once with the instance's suffix. A session's cookie comes last, because
/// the SDK takes the last one.
async fn directives(tx: &mut Tx<'_>, visit: &mut Visit, target: &Url, format: Format, organization: Option<Option<&str>>) -> Result<Vec<String>> {
    let session = front(tx, visit, organization).await?;
    let attributes = attributes(target);
    let year = 31_536_000;
    let mut cookies: Vec<(&str, String)> = Vec::new();
    if visit.tenant.is_development() {
        let secret = visit.dev_browser(tx).await?;
        cookies.push(("__clerk_db_jwt", format!("{}; {attributes}; Max-Age={year}", secret.expose())));
    }
    match (&session, &visit.client) {
        (Some(session), Some(client)) => {
            // The page that asks is the one that the browser goes back to; a referrer would be whoever linked to it.
            let origin = Some(target.origin()).filter(Origin::is_tuple).map(|origin| origin.ascii_serialization());
            let organization = active::of_session(tx, session, Wanted::Sessions).await?;
            let token = tokens::mint(tx, &visit.tenant, (session, organization.as_ref()), origin.as_deref(), tokens::LIFE).await?;
            cookies.push(("__client_uat", format!("{}; {attributes}; Max-Age={year}", client.updated_at.seconds())));
            cookies.push(("__session", format!("{token}; {attributes}; Max-Age={year}")));
        }
        _ => {
            cookies.push(("__client_uat", format!("0; {attributes}; Max-Age={year}")));
            cookies.push(("__session", format!("; {attributes}; Expires=Thu, 01 Jan 1970 00:00:00 GMT")));
        }
    }
    let suffix = &visit.tenant.cookie_suffix;
    let mut directives: Vec<String> = Vec::new();
    // It is worth as much as the session, so it never stands in an address.
    if format == Format::Nonce {
        directives.push(match (&session, &visit.client) {
            (Some(session), Some(client)) => {
                let token = refresh::issue(tx, session, client).await?;
                format!("__refresh_{suffix}={}; {attributes}; HttpOnly; Max-Age={year}", token.expose())
            }
            _ => format!("__refresh_{suffix}=; {attributes}; HttpOnly; Expires=Thu, 01 Jan 1970 00:00:00 GMT"),
        });
    }
    directives.extend(cookies.iter().flat_map(|(name, value)| [format!("{name}_{suffix}={value}"), format!("{name}={value}")]));
    Ok(directives)
}

/// Where a top-level visit that only renews the client's cookie goes on.
///
/// # Errors
/// [`Problem::RedirectUrlInvalid`].
pub async fn touch_target(tx: &mut Tx<'_>, visit: &Visit, redirect_url: Option<&str>) -> Result<Option<String>> {
    let Some(text) = redirect_url else { return Ok(None) };
    let settings = settings::effective(tx).await?;
    let list = redirect_urls::all(tx).await?;
    redirects::check(&visit.tenant, &settings, &list, text, "redirect_url").map(|url| Some(url.into())).map_err(|problem: Problem| problem.into())
}
