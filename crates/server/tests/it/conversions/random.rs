//! Whatever there is: what was planned is what is done, and everybody is where they belong.

use super::{convert, organization, path, plan, server};
use crate::organizations::text;
use foundation::{Random, random::Seeded};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use store::{Access, sql};
use testkit::{PASSWORD, TestServer, address};

fn below(random: &mut Seeded, most: u8) -> usize {
    let [byte] = (random as &mut dyn Random).bytes::<1>();
    usize::from(byte % most)
}

/// Some organizations, and users in any number of them, with what users and organizations can have.
async fn populate(server: &TestServer, random: &mut Seeded) -> (Vec<Value>, Vec<String>) {
    let mut organizations = Vec::new();
    for index in 0..2 + below(random, 3) {
        organizations.push(organization(server, &format!("Org {index}")).await);
    }
    let digest = server.backend().post("/v1/users", json!({ "email_address": [address("first")], "password": PASSWORD })).await.ok().clone();
    let mut users = vec![text(&digest, "id")];
    for index in 0..6 + below(random, 6) {
        let mut body = json!({ "email_address": [address(&format!("user{index}"))], "skip_password_requirement": true, "public_metadata": { "n": index } });
        if below(random, 2) == 0 {
            body["external_id"] = json!(format!("ext-{index}"));
            body["username"] = json!(format!("name{index}"));
        }
        users.push(text(server.backend().post("/v1/users", body).await.ok(), "id"));
    }
    for user in &users {
        for organization in &organizations {
            let id = text(organization, "id");
            match below(random, 5) {
                0 | 1 => {
                    let role = if below(random, 2) == 0 { "org:admin" } else { "org:member" };
                    server.backend().post(&format!("/v1/organizations/{id}/memberships"), json!({ "user_id": user, "role": role })).await.ok();
                }
                2 if below(random, 2) == 0 => {
                    let invitation = json!({ "email_address": format!("{}-guest@example.com", &user[5..]), "role": "org:member" });
                    server.backend().post(&format!("/v1/organizations/{id}/invitations"), invitation).await.ok();
                }
                _ => {}
            }
        }
        if below(random, 3) == 0 {
            server.backend().post("/v1/sign_in_tokens", json!({ "user_id": user })).await.ok();
        }
        if below(random, 3) == 0 {
            server.backend().post("/v1/sessions", json!({ "user_id": user })).await.ok();
        }
    }
    server.browser().post("/v1/client/sign_ins", &[("identifier", &address("first"))]).await.response();
    server.browser().post("/v1/client/sign_ups", &[("email_address", &address("nobody-yet"))]).await.response();
    (organizations, users)
}

/// Every membership with its role, as the application sees it: by organization and address.
async fn memberships(server: &TestServer) -> BTreeSet<(String, String, String)> {
    let found: Vec<(String, String, String)> = server
        .inside(server.home.tenant.id(), Access::Read, |tx| {
            Box::pin(async move {
                tx.list(
                    sql!(
                        "select m.organization_id, i.norm, r.key from memberships m
                          join identifiers i on i.instance_id = $1 and i.user_id = m.user_id and i.kind = 'email_address'
                          join roles r on r.instance_id = $1 and r.id = m.role_id where m.instance_id = $1"
                    ),
                    &[],
                )
                .await
            })
        })
        .await;
    found.into_iter().collect()
}

/// What the rows say of each other: everybody's pool is that of their only organization, and all numbers are right.
async fn assert_in_order(server: &TestServer) {
    let wrong: Vec<String> = server
        .inside(server.home.tenant.id(), Access::Read, |tx| {
            Box::pin(async move {
                let mut wrong: Vec<String> = Vec::new();
                for statement in [
                    sql!(
                        "select 'user ' || u.id from users u where u.instance_id = $1 and 1 <> (select count(*) from memberships m join pools p
                           on p.instance_id = $1 and p.organization_id = m.organization_id and p.id = u.pool_id where m.instance_id = $1 and m.user_id = u.id)"
                    ),
                    sql!(
                        "select 'counter ' || u.id from users u where u.instance_id = $1 and u.memberships <> (select count(*) from memberships m
                           where m.instance_id = $1 and m.user_id = u.id)"
                    ),
                    sql!(
                        "select 'identifier ' || i.id from identifiers i join users u on u.instance_id = $1 and u.id = i.user_id
                           where i.instance_id = $1 and i.pool_id <> u.pool_id"
                    ),
                    sql!(
                        "select 'ticket ' || t.id from tickets t join users u on u.instance_id = $1 and u.id = t.user_id
                           where t.instance_id = $1 and t.pool_id <> u.pool_id"
                    ),
                    sql!(
                        "select 'organization ' || o.id from organizations o where o.instance_id = $1 and o.members <>
                           (select count(*) from memberships m where m.instance_id = $1 and m.organization_id = o.id)"
                    ),
                    sql!(
                        "select 'users' from counters c where c.instance_id = $1 and c.name = 'users' and c.value <>
                           (select count(*) from users u where u.instance_id = $1)"
                    ),
                    sql!("select 'session ' || s.id from sessions s where s.instance_id = $1 and s.status = 'active'"),
                    sql!(
                        "select 'client ' || c.id from clients c where c.instance_id = $1 and not exists
                           (select 1 from pools p where p.instance_id = $1 and p.id = c.pool_id and p.organization_id is not null)"
                    ),
                ] {
                    wrong.extend(tx.list::<String>(statement, &[]).await?);
                }
                Ok(wrong)
            })
        })
        .await;
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_planned_is_what_is_done() {
    for seed in 1..=4 {
        let server = server().await;
        let mut random = Seeded::new(seed);
        let (_, users) = populate(&server, &mut random).await;
        super::run(&server).await;
        let before = memberships(&server).await;
        let wanted = json!({ "kind": "to_isolated", "users_in_several_organizations": "copy", "users_in_no_organization": "delete" });
        let done = convert(&server, &wanted).await;
        assert_eq!(memberships(&server).await, before, "everybody has the roles that they had (seed {seed})");
        assert_in_order(&server).await;
        let numbers: BTreeMap<String, i64> = serde_json::from_value(done["done"]["numbers"].clone()).expect("numbers");
        assert_eq!(numbers["users_moved"] + numbers["users_deleted"], i64::try_from(users.len()).expect("a number"));
        let total = server.backend().get("/v1/users/count").await.ok()["total_count"].clone();
        assert_eq!(total, json!(numbers["users_moved"] + numbers["copies"]));
        // And back: the copies have the addresses of those whom they are copies of.
        convert(&server, &json!({ "kind": "to_shared", "same_identifiers": "unclaim" })).await;
        assert_eq!(memberships(&server).await, before, "and still (seed {seed})");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_planned_of_a_departure_is_what_is_done() {
    for seed in 11..=13 {
        let server = server().await;
        let (organizations, _) = populate(&server, &mut Seeded::new(seed)).await;
        super::run(&server).await;
        let before = memberships(&server).await;
        let id = text(&organizations[0], "id");
        let wanted = json!({ "kind": "organization_to_application", "organization_id": id, "users_in_several_organizations": "copy" });
        let found = plan(&server, &wanted).await;
        let members = server.backend().get(&format!("/v1/organizations/{id}")).await.ok()["members_count"].clone();
        assert_eq!(found["numbers"]["memberships"], members);
        let done = convert(&server, &wanted).await;
        let here: BTreeSet<_> = before.iter().filter(|(organization, ..)| *organization != id).cloned().collect();
        assert_eq!(memberships(&server).await, here, "the others have not moved (seed {seed})");
        let copies = server.platform().get(&format!("{}/{}/copies?limit=500", path(&server), text(&done, "id"))).await.ok().clone();
        assert_eq!(copies["total_count"], done["done"]["numbers"]["users_copied"]);
    }
}
