//! The source that reads an address: small answers, no redirects, and no keys from afar without TLS.

use super::{FIRST, KEY, NOW, at, claims, jwk, jwks, sign};
use insula_verify::{Fetch, Freshness, Source, Verifier};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Answers each connection with these bytes; the address, and what was asked first.
async fn serving(answer: Vec<u8>) -> (String, tokio::sync::oneshot::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}/t/shop", listener.local_addr().expect("an address"));
    let (tell, asked) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let mut tell = Some(tell);
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4_096];
            let read = stream.read(&mut request).await.unwrap_or_default();
            if let Some(tell) = tell.take() {
                tell.send(String::from_utf8_lossy(&request[..read]).into_owned()).ok();
            }
            stream.write_all(&answer).await.ok();
        }
    });
    (address, asked)
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes(), body.to_vec()].concat()
}

#[tokio::test]
async fn keys_come_from_the_frontend_api() {
    let (address, asked) = serving(answer("200 OK", &jwks(&[jwk(&FIRST, "one")]))).await;
    let verifier = at(NOW, Verifier::fetching(KEY, Fetch::from(&format!("{address}/")).expect("a source"), Freshness::default()).expect("a verifier"));
    verifier.verify(&sign(&claims())).await.expect("a session");
    let asked = asked.await.expect("asked").to_ascii_lowercase();
    assert!(asked.starts_with("get /t/shop/.well-known/jwks.json http/1.1\r\n") && asked.contains("\r\nhost: 127.0.0.1:"), "{asked}");
}

/// J7: no redirect is followed, nothing large is read, and what breaks off is nothing.
#[tokio::test]
async fn what_is_not_a_small_answer_is_none() {
    let set = jwks(&[jwk(&FIRST, "one")]);
    let (elsewhere, _) = serving(answer("200 OK", &set)).await;
    let cut = answer("200 OK", &set)[..200].to_vec();
    for answer in [
        answer(&format!("302 Found\r\nlocation: {elsewhere}"), b""),
        answer("304 Not Modified", b""),
        answer("404 Not Found", &set),
        answer("500 Oh", &set),
        answer("200 OK", &vec![b' '; 300 << 10]),
        b"HTTP/1.1 200 OK\r\ncontent-length: 52428800\r\n\r\n".to_vec(),
        b"nonsense".to_vec(),
        Vec::new(),
        cut,
    ] {
        let (address, _) = serving(answer).await;
        assert!(Fetch::from(&address).expect("a source").fetch().await.is_err());
    }
    assert!(Fetch::from("http://127.0.0.1:9").expect("a source").fetch().await.is_err(), "nobody listens");
}

#[test]
fn an_address_is_https_or_this_machine() {
    for good in [
        "https://clerk.shop.example",
        "https://insula.example/t/shop/o/acme",
        "http://localhost:7080/t/shop",
        "http://shop.localhost:7080",
        "http://[::1]:7080",
    ] {
        assert!(Fetch::from(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "shop.example",
        "/t/shop",
        "http://shop.example",
        "http://localhost.evil.example",
        "http://10.0.0.1",
        "ftp://localhost",
        "https://a@b.example",
        "https://a.example/?x=",
        "file:///etc",
    ] {
        assert!(Fetch::from(bad).is_err(), "{bad}");
    }
}
