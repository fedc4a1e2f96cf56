//! E1, S11: whether an address exists in another pool shows in no answer, and in no time. Time is not measured but what takes it: the statements, the
//! passwords that are hashed, and the mails.

use super::{
    invitations::invite,
    pools::{isolated, signed_up},
    text,
};
use crate::request_log::Kept;
use serde_json::{Value, json};
use testkit::{Browser, PASSWORD, Reply, TestServer, address};
use tracing::{Dispatch, instrument::WithSubscriber};
use tracing_subscriber::EnvFilter;

/// What a request made the server do, and how it was answered.
#[derive(Debug, PartialEq)]
struct Work {
    statements: Vec<String>,
    hashes: usize,
    mails: usize,
    jobs: u32,
    status: u16,
    body: Value,
}

/// What is the same for everybody in an answer: its form, and words that are no ids, times, addresses or secrets.
fn form(value: &Value, about: &str) -> Value {
    match value {
        Value::String(text) if text.len() > 24 || text.contains(about) => Value::from("…"),
        Value::Number(_) => Value::from(0),
        // Addresses of one instant have an order by chance.
        Value::Array(list) => {
            let mut list: Vec<Value> = list.iter().map(|value| form(value, about)).collect();
            list.sort_by_key(Value::to_string);
            list.into()
        }
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), form(value, about))).collect(),
        other => other.clone(),
    }
}

/// Watches what the server does.
struct Watch {
    server: TestServer,
    kept: Kept,
    log: Dispatch,
    /// As long as there is one alone, statements that other tests run first are taken for such that nobody listens to.
    _second: Dispatch,
}

impl Watch {
    fn new(server: TestServer) -> Watch {
        let kept = Kept::default();
        let log = || {
            let kept = kept.clone();
            Dispatch::new(tracing_subscriber::fmt().json().with_env_filter(EnvFilter::new("off,sql=trace")).with_writer(move || kept.clone()).finish())
        };
        let (log, second) = (log(), log());
        Watch { server, kept, log, _second: second }
    }

    async fn see(&self, about: &str, ask: impl Future<Output = Reply>) -> (Reply, Work) {
        let (passwords, inbox) = (&self.server.world.passwords, &self.server.world.inbox);
        let (before, caught) = (passwords.hashed(), inbox.caught(Some(about)).len());
        let reply = ask.with_subscriber(self.log.clone()).await;
        let hashes = passwords.hashed() - before;
        let text = self.kept.take();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let statements: Vec<String> = lines.map(|line| line["fields"]["text"].as_str().expect("a text").to_owned()).collect();
        assert!(!statements.is_empty(), "nothing was seen");
        let jobs = self.server.run_jobs().await;
        let mails = inbox.caught(Some(about)).len() - caught;
        let work = Work { statements, hashes, mails, jobs, status: reply.status.as_u16(), body: form(&reply.body, about) };
        (reply, work)
    }
}

/// All that a stranger at the door of a pool can ask about an address, one after another.
async fn strangers(watch: &Watch, email: &str) -> Vec<Work> {
    let mut done = Vec::new();
    let door = || watch.server.browser().in_pool("beta").from("203.0.113.7");
    for form in [
        vec![("identifier", email)],
        vec![("identifier", email), ("password", "not the password")],
        vec![("identifier", email), ("password", PASSWORD)],
        vec![("identifier", email), ("strategy", "email_code")],
        vec![("identifier", email), ("strategy", "reset_password_email_code")],
    ] {
        done.push(watch.see(email, door().post("/v1/client/sign_ins", &form)).await.1);
    }
    let mut newcomer = door();
    let (begun, work) = watch.see(email, newcomer.post("/v1/client/sign_ups", &[("email_address", email), ("password", PASSWORD)])).await;
    done.push(work);
    let path = format!("/v1/client/sign_ups/{}", text(begun.response(), "id"));
    done.push(watch.see(email, newcomer.override_method("PATCH", &path, &[("email_address", email)])).await.1);
    done.push(watch.see(email, newcomer.post(&format!("{path}/prepare_verification"), &[("strategy", "email_code")])).await.1);
    let attempt = format!("{path}/attempt_verification");
    done.push(watch.see(email, newcomer.post(&attempt, &[("strategy", "email_code"), ("code", "000000")])).await.1);
    done
}

/// All that a user of the pool can.
async fn members(watch: &Watch, ada: &mut Browser, organization: &str, email: &str) -> Vec<Work> {
    let mut done = Vec::new();
    let (added, work) = watch.see(email, ada.post("/v1/me/email_addresses", &[("email_address", email)])).await;
    done.push(work);
    let path = format!("/v1/me/email_addresses/{}", text(added.response(), "id"));
    done.push(watch.see(email, ada.post(&format!("{path}/prepare_verification"), &[("strategy", "email_code")])).await.1);
    let code = watch.server.code(email).await;
    done.push(watch.see(email, ada.post(&format!("{path}/attempt_verification"), &[("code", &code)])).await.1);
    done.push(watch.see(email, ada.override_method("DELETE", &path, &[])).await.1);
    done.push(watch.see(email, invite(ada, organization, email, "org:member")).await.1);
    done
}

fn alike(never: &[Work], elsewhere: &[Work], who: &str) {
    assert_eq!(never.len(), elsewhere.len());
    for (step, (never, elsewhere)) in never.iter().zip(elsewhere).enumerate() {
        let differ = never.statements.iter().zip(&elsewhere.statements).find(|(never, elsewhere)| never != elsewhere);
        assert_eq!(differ, None, "step {step} of a {who}");
        assert!(never == elsewhere, "step {step} of a {who}: {never:#?} {elsewhere:#?}");
    }
}

#[tokio::test]
async fn an_address_that_exists_in_another_pool_makes_the_same_work_as_one_that_never_was() {
    let (server, acme, beta) = isolated().await;
    // A transaction that runs again has done its statements twice.
    server.database.faults().no_more_conflicts();
    // Made by the backend, because test addresses get no mail.
    for email in ["known@example.com", "befriended@example.com"] {
        let user = json!({ "email_address": [email], "password": PASSWORD, "organization_id": acme["id"] });
        server.backend().post("/v1/users", user).await.ok();
    }
    let mut ada = signed_up(&server, "beta", "ada").await;
    let (user, organization) = (ada.user_id().await, text(&beta, "id"));
    let role = json!({ "role": "org:admin" });
    server.backend().patch(&format!("/v1/organizations/{organization}/memberships/{user}"), role).await.ok();
    server.run_jobs().await;
    let watch = Watch::new(server);

    // What is remembered of the instance, the pool and Ada is remembered from the first on.
    strangers(&watch, "first@example.com").await;
    let (never, elsewhere) = (strangers(&watch, "never@example.com").await, strangers(&watch, "known@example.com").await);
    alike(&never, &elsewhere, "stranger");
    assert!(never.iter().any(|work| work.mails == 1) && never.iter().any(|work| work.hashes == 1), "mails and hashes are among it");
    members(&watch, &mut ada, &organization, "second@example.com").await;
    let never = members(&watch, &mut ada, &organization, "neverever@example.com").await;
    let elsewhere = members(&watch, &mut ada, &organization, "befriended@example.com").await;
    alike(&never, &elsewhere, "member");
    assert!(never.iter().all(|work| work.status == 200), "{never:#?}");

    // The same comparison tells an address of this pool apart, where the answer tells it too.
    let mut door = watch.server.browser().in_pool("beta");
    let here = watch.see(&address("ada"), door.post("/v1/client/sign_ins", &[("identifier", &address("ada"))])).await.1;
    let nobody = watch.see("nobody@example.com", door.post("/v1/client/sign_ins", &[("identifier", "nobody@example.com")])).await.1;
    assert_ne!(here.statements, nobody.statements);
}
