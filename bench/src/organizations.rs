//! Organizations: what lists and switches cost where an instance has very many, beside one that has a few.
//!
//! Both servers run at once, and are measured in turns. The many are rows made past the server: copies of the first organization with other ids and
//! slugs, of which somebody else is the member.

use crate::{
    Outcome, Plan,
    api::{call, text},
    load::{self, request},
    operations::{FORM, Instance, ORIGIN, Person},
    process::Running,
    report::{Report, Target::AtLeast},
};
use rusqlite::{Connection, types::Value};
use serde_json::json;
use std::{fs, path::Path};

/// How many organizations are a few, and how many of them the visitor belongs to.
const FEW: usize = 10;
/// How many are very many.
const MANY: usize = 10_000;

/// One of the two instances.
struct Side {
    server: Running,
    instance: Instance,
    person: Person,
}

/// P17.
pub fn measure(plan: &Plan, report: &mut Report) -> Outcome {
    if !plan.wants("P17") {
        return Ok(());
    }
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let (few, many) = (folder.path().join("few"), folder.path().join("many"));
    fs::create_dir_all(&few).map_err(|e| e.to_string())?;
    let server = Running::server(&plan.server, &few)?;
    let instance = Instance::read(&server, &few)?;
    let person = instance.sign_up(0)?;
    let filler = instance.sign_up(1)?;
    let organizations = found(&instance, &person)?;
    drop(server);
    copy(&few, &many)?;
    seed(&many, &organizations[0], &filler)?;
    let sides = [few, many].map(|data| -> Outcome<Side> {
        let server = Running::server(&plan.server, &data)?;
        let instance = Instance::read(&server, &data)?;
        let person = instance.sign_in(0, &person.user)?;
        Ok(Side { server, instance, person })
    });
    let [few, many] = sides;
    let (few, many) = (few?, many?);
    type Requests = fn(&Instance, &Person, &[String]) -> Vec<Vec<u8>>;
    let cases: [(&str, Requests); 4] = [
        ("a user's list of their organizations", own),
        ("switching between two", switches),
        ("the backend's list", listed),
        ("the backend's look at one, by slug", one),
    ];
    for (what, requests) in cases {
        let per_cpu = |side: &Side| load::run(&side.server, &[requests(&side.instance, &side.person, &organizations)], 200, plan.turn).map(|load| load.per_cpu);
        let taken = (0..plan.turns.max(3)).map(|_| Ok((per_cpu(&many)?, per_cpu(&few)?))).collect::<Outcome<Vec<_>>>()?;
        report.ratio("P17", &format!("{what}, with {MANY} organizations ÷ with {FEW}"), "/CPU-s", &taken, AtLeast(0.83));
    }
    Ok(())
}

/// Turns organizations on, and creates the few, all of them the person's; their ids.
fn found(instance: &Instance, person: &Person) -> Outcome<Vec<String>> {
    let ask = |method: &str, path: &str, body: serde_json::Value| {
        let headers = [("authorization", instance.backend.as_str()), ("content-type", "application/json")];
        call(instance.address, method, &format!("/api/v1{path}"), &headers, &body.to_string())?.good()
    };
    ask("PATCH", "/instance/organization_settings", json!({ "enabled": true }))?;
    (0..FEW)
        .map(|number| {
            let body = json!({ "name": format!("Team {number}"), "slug": format!("team-{number}"), "created_by": person.user });
            text(&ask("POST", "/organizations", body)?, "/id")
        })
        .collect()
}

fn copy(from: &Path, to: &Path) -> Outcome {
    fs::create_dir_all(to).map_err(|e| e.to_string())?;
    for entry in fs::read_dir(from).map_err(|e| e.to_string())? {
        let path = entry.map_err(|e| e.to_string())?.path();
        if let (true, Some(name)) = (path.is_file(), path.file_name()) {
            fs::copy(&path, to.join(name)).map_err(|e| e.to_string())?;
        }
    }
    Ok(())
}

/// Adds organizations until there are many, each with one member.
fn seed(data: &Path, like: &str, filler: &Person) -> Outcome {
    let fault = |e: rusqlite::Error| e.to_string();
    let mut database = Connection::open(data.join("insula.db")).map_err(fault)?;
    database.pragma_update(None, "synchronous", "OFF").map_err(fault)?;
    let transaction = database.transaction().map_err(fault)?;
    for (table, key) in [("organizations", "id"), ("memberships", "organization_id")] {
        let mut rows = transaction.prepare(&format!("select * from {table} where {key} = ?1")).map_err(fault)?;
        let names: Vec<String> = rows.column_names().map(str::to_owned).collect();
        let width = names.len();
        let template: Vec<Value> = rows.query_row([like], |row| (0..width).map(|column| row.get(column)).collect()).map_err(fault)?;
        let places = vec!["?"; width].join(", ");
        let mut insert = transaction.prepare(&format!("insert into {table} values ({places})")).map_err(fault)?;
        for number in FEW..MANY {
            let row = names.iter().zip(&template).map(|(name, value)| match (name.as_str(), value) {
                ("id" | "organization_id", Value::Text(id)) => Value::Text(format!("{}{number:06}", &id[..id.len() - 6])),
                ("slug", _) => Value::Text(format!("team-{number}")),
                ("user_id", _) => Value::Text(filler.user.clone()),
                (_, other) => other.clone(),
            });
            insert.execute(rusqlite::params_from_iter(row)).map_err(fault)?;
        }
    }
    transaction.execute("update counters set value = ?1 where name = 'organizations'", [i64::try_from(MANY).unwrap_or(0)]).map_err(fault)?;
    transaction.commit().map_err(fault)
}

fn own(instance: &Instance, person: &Person, _: &[String]) -> Vec<Vec<u8>> {
    let path = format!("{}/v1/me/organization_memberships?paginated=true&limit=10&offset=0", instance.door);
    vec![request(instance.address, "GET", &path, &[ORIGIN, ("cookie", &person.cookie)], "")]
}

fn switches(instance: &Instance, person: &Person, organizations: &[String]) -> Vec<Vec<u8>> {
    let path = format!("{}/v1/client/sessions/{}/touch", instance.door, person.session);
    let to = |id: &String| {
        request(instance.address, "POST", &path, &[ORIGIN, FORM, ("cookie", &person.cookie)], &format!("active_organization_id={id}&intent=select_org"))
    };
    organizations.iter().take(2).map(to).collect()
}

fn listed(instance: &Instance, _: &Person, _: &[String]) -> Vec<Vec<u8>> {
    vec![request(instance.address, "GET", "/api/v1/organizations?limit=10&offset=0", &[("authorization", &instance.backend)], "")]
}

fn one(instance: &Instance, _: &Person, _: &[String]) -> Vec<Vec<u8>> {
    vec![request(instance.address, "GET", "/api/v1/organizations/team-3", &[("authorization", &instance.backend)], "")]
}
