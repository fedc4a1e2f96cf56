//! Uploads that are held: whoever sends slowly keeps out themselves, and nobody else.

use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use http::Method;
use testkit::{Browser, Reply, TestServer, picture};
use tokio::{sync::mpsc, task::JoinSet};

const OWN: &str = "/v1/me/profile_image";

/// Uploads that begin and never end, all of which have a place when this returns.
async fn hold(slow: &mut JoinSet<Reply>, browser: &Browser, times: usize) {
    let (begun, mut seen) = mpsc::unbounded_channel();
    for _ in 0..times {
        let (mut browser, begun) = (browser.clone(), begun.clone());
        slow.spawn(async move {
            let first = stream::once(async move {
                begun.send(()).expect("the test waits");
                Ok::<_, std::io::Error>(Bytes::from_static(b"\x89PNG\r\n\x1a\n"))
            });
            browser.send_body(Method::POST, OWN, Some("image/png"), Body::from_stream(first.chain(stream::pending()))).await
        });
    }
    for _ in 0..times {
        seen.recv().await.expect("it began");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_holds_all_places_of_an_instance_blocks_no_other() {
    let server = TestServer::start().await;
    let mut slow = JoinSet::new();
    let mallory = server.signed_in("mallory").await;
    hold(&mut slow, &mallory, 2).await;
    let refused = mallory.clone().upload(OWN, &picture()).await;
    assert_eq!((refused.refusal(), super::header(&refused, "retry-after")), ((503, "service_unavailable"), "2"), "{}", refused.text);
    let mut bob = server.signed_in("bob").await;
    bob.upload(OWN, &picture()).await.response();
    for name in ["eve", "trudy", "oscar"] {
        hold(&mut slow, &server.signed_in(name).await, 2).await;
    }
    assert_eq!(bob.upload(OWN, &picture()).await.status.as_u16(), 503, "eight are an instance's");
    let mut next_door = server.signed_in_next_door("ada").await;
    for _ in 0..5 {
        next_door.upload(OWN, &picture()).await.response();
    }
    let theirs = server.signed_in_next_door("carol").await.user_id().await;
    server.neighbours_backend().upload(&format!("/v1/users/{theirs}/profile_image"), &picture()).await.ok();
    slow.shutdown().await;
    bob.upload(OWN, &picture()).await.response();
}
