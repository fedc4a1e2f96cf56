//! Operations of one instance: tokens, sign-ins, reads, documents, durable writes, new applications.

use crate::{
    Outcome, Plan,
    api::{call, text},
    floor,
    load::{self, request},
    machine,
    process::Running,
    report::{
        Report,
        Target::{AtLeast, AtMost},
        median, percentile,
    },
};
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Instant};

/// How many people there are.
const PEOPLE: usize = 64;
/// How many connections ask at once where nothing else is said.
const CONNECTIONS: usize = 8;
const PASSWORD: &str = "correct horse battery";
/// The page that asks.
pub const ORIGIN: (&str, &str) = ("origin", "http://localhost:3000");
/// What its forms say of themselves.
pub const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A server's first instance, as its first start has told.
pub struct Instance {
    /// Where the server is.
    pub address: SocketAddr,
    /// The path of the Frontend API.
    pub door: String,
    /// `Bearer` and the secret key.
    pub backend: String,
    /// `Bearer` and the platform token.
    pub platform: String,
    /// Its id.
    pub id: String,
    /// The application's.
    pub application: String,
    /// Its slug.
    pub slug: String,
}

/// Somebody who is signed in.
pub struct Person {
    /// Their id.
    pub user: String,
    /// Their session's.
    pub session: String,
    /// The cookie of their client, with its name.
    pub cookie: String,
}

impl Instance {
    /// Reads `first-start.json`.
    pub fn read(server: &Running, data: &std::path::Path) -> Outcome<Instance> {
        let file = std::fs::read_to_string(data.join("first-start.json")).map_err(|e| e.to_string())?;
        let first: Value = serde_json::from_str(&file).map_err(|e| e.to_string())?;
        let slug = text(&first, "/slug")?;
        Ok(Instance {
            address: server.address,
            door: format!("/t/{slug}"),
            slug,
            backend: format!("Bearer {}", text(&first, "/secret_key")?),
            platform: format!("Bearer {}", text(&first, "/platform_token")?),
            id: text(&first, "/instance_id")?,
            application: text(&first, "/application_id")?,
        })
    }

    /// A call of the platform, of which the answer's body is returned.
    pub fn platform(&self, method: &str, path: &str, body: &Value) -> Outcome<Value> {
        let headers = [("authorization", self.platform.as_str()), ("content-type", "application/json")];
        call(self.address, method, &format!("/api{path}"), &headers, &body.to_string())?.good()
    }

    fn form(&self, path: &str, cookie: &str, form: &str) -> Outcome<(Value, Option<String>)> {
        let answer = call(self.address, "POST", &format!("{}{path}", self.door), &[ORIGIN, FORM, ("cookie", cookie)], form)?;
        let cookie = answer.cookies.iter().rfind(|cookie| cookie.starts_with("__client") && !cookie.starts_with("__client_uat")).cloned();
        Ok((answer.good().map_err(|why| format!("{path} {why}"))?, cookie))
    }

    /// Signs somebody up, by a test address.
    pub fn sign_up(&self, number: usize) -> Outcome<Person> {
        let password = PASSWORD.replace(' ', "+");
        let (begun, cookie) = self.form("/v1/client/sign_ups", "", &format!("email_address={}&password={password}", address(number)))?;
        let (id, cookie) = (text(&begun, "/response/id")?, cookie.ok_or("a sign-up without a cookie")?);
        self.form(&format!("/v1/client/sign_ups/{id}/prepare_verification"), &cookie, "strategy=email_code")?;
        let (done, new) = self.form(&format!("/v1/client/sign_ups/{id}/attempt_verification"), &cookie, "strategy=email_code&code=424242")?;
        let (user, session) = (text(&done, "/response/created_user_id")?, text(&done, "/response/created_session_id")?);
        Ok(Person { user, session, cookie: new.ok_or("no new cookie")? })
    }

    /// Signs somebody in again who has signed up: another start has other cookies.
    pub fn sign_in(&self, number: usize, user: &str) -> Outcome<Person> {
        let form = format!("identifier={}&password={}", address(number), PASSWORD.replace(' ', "+"));
        let (done, cookie) = self.form("/v1/client/sign_ins", "", &form)?;
        Ok(Person { user: user.to_owned(), session: text(&done, "/response/created_session_id")?, cookie: cookie.ok_or("no cookie")? })
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
        request(self.address, "GET", path, headers, "")
    }
}

/// A test address, ready for a form.
fn address(number: usize) -> String {
    format!("somebody{number}%2Bclerk_test%40example.com")
}

/// The requests, dealt to so many connections.
fn dealt(requests: Vec<Vec<u8>>, connections: usize) -> Vec<Vec<Vec<u8>>> {
    let mut lists = vec![Vec::new(); connections];
    for (number, request) in requests.into_iter().enumerate() {
        lists[number % connections].push(request);
    }
    lists
}

/// Measures in turns with the limit.
fn turns(plan: &Plan, mut limit: impl FnMut() -> Outcome<f64>, mut measured: impl FnMut() -> Outcome<f64>) -> Outcome<Vec<(f64, f64)>> {
    (0..plan.turns).map(|_| limit().and_then(|limit| Ok((measured()?, limit)))).collect()
}

/// P1 to P5, P9 and P11.
pub fn measure(plan: &Plan, report: &mut Report) -> Outcome {
    if !["P1", "P2", "P3", "P4", "P5", "P9", "P11"].iter().any(|target| plan.wants(target)) {
        return Ok(());
    }
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let server = Running::server(&plan.server, folder.path())?;
    let instance = Instance::read(&server, folder.path())?;
    if plan.wants("P9") {
        crate::estate::wait_for_spares(folder.path())?;
        applications(&instance, report)?;
    }
    let people = (0..PEOPLE).map(|number| instance.sign_up(number)).collect::<Outcome<Vec<_>>>()?;
    let floor = floor::start()?;
    let by_cpu = |server: &Running, lists: &[Vec<Vec<u8>>]| load::run(server, lists, 200, plan.turn).map(|load| load.per_cpu);
    let floor_of = |path: &str| {
        let lists = dealt(vec![request(floor.address, "GET", path, &[], ""); CONNECTIONS], CONNECTIONS);
        by_cpu(&floor, &lists)
    };
    if plan.wants("P1") {
        let requests = people.iter().map(|person| {
            let path = format!("{}/v1/client/sessions/{}/tokens", instance.door, person.session);
            request(instance.address, "POST", &path, &[ORIGIN, FORM, ("cookie", &person.cookie)], "")
        });
        let lists = dealt(requests.collect(), CONNECTIONS);
        let taken = turns(plan, || machine::signatures(plan.turn), || by_cpu(&server, &lists))?;
        report.ratio("P1", "session tokens minted ÷ raw RS256 signatures", "/CPU-s", &taken, AtLeast(0.9));
    }
    if plan.wants("P2") {
        let requests = (0..PEOPLE).map(|number| {
            let form = format!("identifier={}&password={}", address(number), PASSWORD.replace(' ', "+"));
            request(instance.address, "POST", &format!("{}/v1/client/sign_ins", instance.door), &[ORIGIN, FORM], &form)
        });
        let lists = dealt(requests.collect(), 2);
        let taken = turns(plan, || machine::password_hashes(plan.turn), || by_cpu(&server, &lists))?;
        report.ratio("P2", "sign-ins by password ÷ raw Argon2id", "/CPU-s", &taken, AtLeast(0.95));
    }
    if plan.wants("P3") {
        let requests = people.iter().map(|person| instance.get(&format!("{}/v1/client", instance.door), &[ORIGIN, ("cookie", &person.cookie)]));
        let lists = dealt(requests.collect(), CONNECTIONS);
        let taken = turns(plan, || floor_of("/json"), || by_cpu(&server, &lists))?;
        report.ratio("P3", "session checks (`GET /v1/client`) ÷ JSON of 3 KB by axum", "/CPU-s", &taken, AtLeast(0.4));
    }
    if plan.wants("P4") {
        let requests = people.iter().map(|person| instance.get(&format!("/api/v1/users/{}", person.user), &[("authorization", &instance.backend)]));
        let lists = dealt(requests.collect(), CONNECTIONS);
        let taken = turns(plan, || floor_of("/json"), || by_cpu(&server, &lists))?;
        report.ratio("P4", "`GET /v1/users/{id}` by secret key ÷ JSON of 3 KB by axum", "/CPU-s", &taken, AtLeast(0.5));
    }
    for (what, path) in [("JWKS ÷ plain text by axum", "/.well-known/jwks.json"), ("environment ÷ plain text by axum", "/v1/environment")] {
        if plan.wants("P5") {
            let lists = dealt(vec![instance.get(&format!("{}{path}", instance.door), &[ORIGIN]); CONNECTIONS], CONNECTIONS);
            let taken = turns(plan, || floor_of("/plain"), || by_cpu(&server, &lists))?;
            report.ratio("P5", what, "/CPU-s", &taken, AtLeast(0.8));
        }
    }
    if plan.wants("P11") {
        let requests = people.iter().map(|person| {
            let (path, body) = (format!("/api/v1/users/{}/metadata", person.user), json!({ "public_metadata": { "seen": 1 } }).to_string());
            request(instance.address, "PATCH", &path, &[("authorization", &instance.backend), ("content-type", "application/json")], &body)
        });
        let lists = dealt(requests.collect(), PEOPLE);
        let writes = || load::run(&server, &lists, 200, plan.turn).map(|load| load.per_second);
        let taken = turns(plan, || machine::durable_writes(folder.path(), plan.turn), writes)?;
        report.ratio("P11", "durable writes by 64 at once, SQLite ÷ single waits for the disk", "/s", &taken, AtLeast(10.0));
    }
    Ok(())
}

/// Applications one after the other, as long as key pairs that were made ahead last.
fn applications(instance: &Instance, report: &mut Report) -> Outcome {
    let mut milliseconds = Vec::new();
    for number in 0..30 {
        let began = Instant::now();
        instance.platform("POST", "/v1/platform/applications", &json!({ "name": format!("Tenant {number}"), "environment_types": ["development"] }))?;
        milliseconds.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    report.plain("P9", "creating an application, median of 30", "ms", median(&milliseconds), AtMost(10.0));
    report.plain("P9", "creating an application, p99 of 30 (the slowest)", "ms", percentile(&milliseconds, 99), AtMost(50.0));
    Ok(())
}
