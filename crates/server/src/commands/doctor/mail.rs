//! Mail: where it goes, and whether the mail server lets this server in.

use super::{Finding, Patient};
use std::time::Duration;
use store::BoxFuture;

const NAME: &str = "mail";
/// How long the whole conversation may take. Sending mail waits longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Greets the mail server and logs in, sends nothing, and leaves again.
pub fn check(patient: &Patient) -> BoxFuture<'_, Vec<Finding>> {
    Box::pin(async move {
        let Some(relay) = &patient.config.relay else {
            let inbox = format!("{}/inbox", patient.config.site.base_url());
            return vec![Finding::ok(NAME, format!("all mail is caught at {inbox}: right for developing, and none leaves this machine"))];
        };
        let server = format!("{}:{}", relay.server.host, relay.server.port);
        let remedy = "compare the options --smtp-… with what the mail server's operator says, and see that no firewall is in between";
        let Ok(checked) = tokio::time::timeout(PATIENCE, patient.world.mail.check()).await else {
            return vec![Finding::fail(NAME, format!("{server} did not answer within {} s", PATIENCE.as_secs()), remedy)];
        };
        vec![match checked {
            Ok(_) if relay.server.login.is_some() => Finding::ok(NAME, format!("{server} answers and accepts the log-in")),
            Ok(_) => Finding::ok(NAME, format!("{server} answers")),
            Err(error) => Finding::fail(NAME, format!("{server} cannot be used: {error}"), remedy),
        }]
    })
}
