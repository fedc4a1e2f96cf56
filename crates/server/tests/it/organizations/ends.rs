//! The end of large organizations: at once for everybody, and in small steps inside.

use super::{enter, found, fresh_claims, join, server, text};
use serde_json::json;
use store::{Access, sql};
use testkit::TestServer;

/// Makes as many members as are wanted, as copies of a user and of their membership.
async fn fill(server: &TestServer, organization: &str, user: &str, count: i64) {
    let (organization, user) = (organization.to_owned(), user.to_owned());
    server
        .inside(server.home.tenant.id(), Access::Write, |tx| {
            let (organization, user) = (organization.clone(), user.clone());
            Box::pin(async move {
                tx.change(
                    sql!(
                        "insert into users (instance_id, id, pool_id, public_metadata, private_metadata, unsafe_metadata, banned, failed_attempts,
                            delete_self_enabled, create_organization_enabled, memberships, created_at, updated_at)
                          with recursive n(i) as (select cast(1 as bigint) union all select i + 1 from n where i < cast($3 as bigint))
                          select u.instance_id, 'user_2222222222222222222222' || substr(cast(100000 + n.i as text), 2, 5) , u.pool_id, u.public_metadata,
                              u.private_metadata, u.unsafe_metadata, u.banned, u.failed_attempts, u.delete_self_enabled, u.create_organization_enabled, 1,
                              u.created_at, u.updated_at
                            from users u, n where u.instance_id = $1 and u.id = $2"
                    ),
                    &[&user, &count],
                )
                .await?;
                tx.change(
                    sql!(
                        "insert into memberships (instance_id, id, organization_id, user_id, role_id, public_metadata, private_metadata, created_at, updated_at)
                          select m.instance_id, 'orgmem_' || substr(u.id, 6), m.organization_id, u.id, m.role_id, m.public_metadata, m.private_metadata,
                              m.created_at, m.updated_at
                            from memberships m, users u where m.instance_id = $1 and u.instance_id = $1 and m.organization_id = $2 and m.user_id = $3
                              and u.id like 'user_2222222222222222222222%'"
                    ),
                    &[&organization, &user],
                )
                .await?;
                tx.change(sql!("update organizations set members = members + $3 where instance_id = $1 and id = $2"), &[&organization, &count]).await
            })
        })
        .await;
}

async fn rows(server: &TestServer, table: &str) -> usize {
    server.belongings(server.home.tenant.id()).await.get(table).map_or(0, Vec::len)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_organization_is_gone_at_once_and_its_members_follow() {
    let server = server().await;
    let (mut ada, mut bob) = (server.signed_in("ada").await, server.signed_in("bob").await);
    let (acme, other) = (found(&mut ada, "Acme").await, found(&mut ada, "Other").await);
    join(&server, &acme, &mut bob, "org:member").await;
    enter(&mut bob, &acme).await.response();
    fill(&server, &acme, &bob.user_id().await, 600).await;
    server.backend().post(&format!("/v1/organizations/{acme}/invitations"), json!({ "email_address": "x@example.com", "role": "org:member" })).await.ok();
    assert_eq!(fresh_claims(&mut bob).await["o"]["id"], acme.as_str());
    ada.override_method("DELETE", &format!("/v1/organizations/{acme}"), &[]).await.response();
    // Before any job has run it is there for nobody.
    assert_eq!(rows(&server, "memberships").await, 603 - 500);
    assert_eq!(server.backend().get(&format!("/v1/organizations/{acme}")).await.status.as_u16(), 404);
    assert_eq!(server.backend().get("/v1/organizations").await.ok()["total_count"], 1);
    assert_eq!(server.backend().get("/v1/organizations?query=acme").await.ok()["data"], json!([]));
    assert_eq!(server.backend().get(&format!("/v1/organizations/{acme}/memberships")).await.status.as_u16(), 404);
    assert_eq!(server.backend().get("/v1/organization_invitations").await.ok()["total_count"], 0);
    assert_eq!(ada.get(&format!("/v1/organizations/{acme}")).await.status.as_u16(), 404);
    assert_eq!(fresh_claims(&mut bob).await.get("o"), None);
    assert_eq!(bob.get("/v1/me").await.response()["organization_memberships"], json!([]));
    assert_eq!(enter(&mut bob, &acme).await.status.as_u16(), 404);
    let body = json!({ "user_id": bob.user_id().await, "role": "org:member" });
    assert_eq!(server.backend().post(&format!("/v1/organizations/{acme}/memberships"), body).await.status.as_u16(), 404);
    assert_eq!(server.backend().delete(&format!("/v1/organizations/{acme}")).await.status.as_u16(), 404, "once");
    // Its slug is anybody's, and roles can change meanwhile.
    assert_eq!(server.backend().post("/v1/organizations", json!({ "name": "Acme", "slug": "acme" })).await.ok()["slug"], "acme");
    // The job is durable: another process of the same server goes on.
    let node = server.another_node().await;
    node.run_jobs().await;
    assert_eq!((rows(&server, "memberships").await, rows(&server, "organizations").await), (1, 2));
    assert_eq!(server.backend().get("/v1/users?limit=500").await.ok().as_array().map(Vec::len), Some(500), "the users stay");
    let counts: Vec<i64> = server
        .inside(server.home.tenant.id(), Access::Read, |tx| {
            Box::pin(tx.list(sql!("select memberships from users where instance_id = $1 order by memberships desc limit 3"), &[]))
        })
        .await;
    assert_eq!(counts, [1, 0, 0]);
    assert_eq!(ada.get(&format!("/v1/organizations/{other}")).await.response()["members_count"], 1);
    assert_eq!(server.run_jobs().await, 0, "nothing is left to do");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_users_of_a_pool_of_its_own_follow_too() {
    let (server, acme, _) = super::pools::isolated().await;
    let (id, mut users) = (text(&acme, "id"), Vec::new());
    for number in 0..40 {
        let mut browser = server.browser().in_pool("acme");
        assert_eq!(browser.sign_up(&format!("p{number}")).await.response()["status"], "complete");
        users.push(browser);
    }
    server.backend().delete(&format!("/v1/organizations/{id}")).await.ok();
    let first = &mut users[39];
    assert_eq!(first.get("/v1/client").await.status.as_u16(), 404, "their door is closed");
    assert_eq!(first.get("/v1/environment").await.status.as_u16(), 404);
    // A new organization has the slug, and neither the door nor anybody of the one before.
    let again = server.backend().post("/v1/organizations", json!({ "name": "Acme", "slug": acme["slug"] })).await.ok().clone();
    assert_ne!(again["user_pool"]["frontend_api_url"], acme["user_pool"]["frontend_api_url"]);
    assert_eq!(first.get("/v1/client").await.status.as_u16(), 404);
    server.run_jobs().await;
    assert_eq!(server.backend().get("/v1/users/count").await.ok()["total_count"], 0);
    assert_eq!((rows(&server, "memberships").await, rows(&server, "sessions").await), (0, 0));
}

/// What one transaction does is bounded, with ten thousand members too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_step_of_a_deletion_is_long() {
    let server = server().await;
    let mut ada = server.signed_in("ada").await;
    let acme = found(&mut ada, "Acme").await;
    let user = ada.user_id().await;
    fill(&server, &acme, &user, 10_000).await;
    server.backend().delete(&format!("/v1/organizations/{acme}")).await.ok();
    assert_eq!(rows(&server, "memberships").await, 10_001 - 500, "however many there are");
    let jobs = server.run_jobs().await;
    assert!(jobs >= 20, "{jobs} steps");
    assert_eq!(rows(&server, "memberships").await, 0);
}
