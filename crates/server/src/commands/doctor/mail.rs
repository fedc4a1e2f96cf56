//! Mail: where it goes, and whether the mail server lets this server in.

use super::{Finding, Patient};
use store::BoxFuture;

const NAME: &str = "mail";

/// Greets the mail server and logs in, sends nothing, and leaves again.
pub fn check(patient: &Patient) -> BoxFuture<'_, Vec<Finding>> {
    Box::pin(async move {
        let Some(relay) = &patient.config.relay else {
            let inbox = format!("{}/inbox", patient.config.site.base_url());
            return vec![Finding::ok(NAME, format!("all mail is caught at {inbox}: right for developing, and none leaves this machine"))];
        };
        let server = format!("{}:{}", relay.server.host, relay.server.port);
        vec![match patient.world.mail.check().await {
            Ok(_) if relay.server.login.is_some() => Finding::ok(NAME, format!("{server} answers and accepts the log-in")),
            Ok(_) => Finding::ok(NAME, format!("{server} answers")),
            Err(error) => {
                let remedy = "compare the options --smtp-… with what the mail server's operator says, and see that no firewall is in between";
                Finding::fail(NAME, format!("{server} cannot be used: {error}"), remedy)
            }
        }]
    })
}
