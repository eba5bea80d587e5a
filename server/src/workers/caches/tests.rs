use bytes::Bytes;
use futures_util::stream;

use isolet_runtime::CallChain;

use super::*;

fn head(method: &str, url: &str, headers: &[(&str, &str)]) -> RequestHead {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    RequestHead { method: method.into(), url: url.into(), headers, cf: String::new() }
}

fn asked(head: RequestHead, body: RequestBody) -> FetchRequest {
    FetchRequest { head, body, chain: CallChain::default() }
}

async fn ask(caches: &WorkerCaches, head: RequestHead, body: RequestBody) -> FetchedResponse {
    caches.fetch(asked(head, body)).await.unwrap()
}

async fn put(caches: &WorkerCaches, url: &str, bytes: usize) -> u16 {
    let body = RequestBody::Whole(vec![7; bytes].into());
    ask(caches, head("PUT", url, &[("cache-control", "max-age=60")]), body).await.head.status
}

async fn get(caches: &WorkerCaches, url: &str) -> FetchedResponse {
    ask(caches, head("GET", url, &[]), RequestBody::Empty).await
}

const URL: &str = "http://a.example/";

#[tokio::test]
async fn workers_and_names_have_caches_of_their_own() {
    let all = Caches::default();
    let (shop, site) = (all.of_worker("shop", 1 << 20), all.of_worker("site", 1 << 20));
    assert_eq!(put(&shop, URL, 3).await, 204);
    assert_eq!(get(&all.of_worker("shop", 0), URL).await.head.status, 200);
    assert_eq!(get(&site, URL).await.head.status, 504);
    let named = head("GET", URL, &[(CACHE_NAME, "other")]);
    assert_eq!(ask(&shop, named, RequestBody::Empty).await.head.status, 504);
    let delete = || ask(&shop, head("DELETE", URL, &[]), RequestBody::Empty);
    assert_eq!((delete().await.head.status, delete().await.head.status), (200, 404));
}

#[tokio::test]
async fn whatever_is_put_the_bound_holds() {
    let caches = Caches::default().of_worker("a", 1 << 20);
    assert_eq!(put(&caches, URL, 256 << 10).await, 204);
    assert_eq!(put(&caches, URL, (256 << 10) + 1).await, 413, "too long for an entry");
    // The one before stays.
    assert_eq!(get(&caches, URL).await.head.status, 200);
    for number in 0..100 {
        assert_eq!(put(&caches, &format!("{URL}{number}"), 100 << 10).await, 204);
    }
    let mut kept = 0;
    for number in 0..100 {
        kept += usize::from(get(&caches, &format!("{URL}{number}")).await.head.status == 200);
    }
    assert!((1..=10).contains(&kept), "{kept}");
    // Empty ones count too.
    for number in 0..10_000 {
        assert_eq!(put(&caches, &format!("{URL}empty/{number}"), 0).await, 204);
    }
    assert!(caches.0.kept_entries() <= 1024);
}

#[tokio::test]
async fn what_is_read_or_under_way_counts() {
    let caches = Caches::default().of_worker("a", 1 << 20);
    let mut held = Vec::new();
    let mut refused = 0;
    for number in 0..100 {
        let url = format!("{URL}{number}");
        match put(&caches, &url, 200 << 10).await {
            204 => held.push(get(&caches, &url).await.body),
            status => {
                assert_eq!(status, 413);
                refused += 1;
            }
        }
    }
    assert!(held.len() <= 8 && refused >= 92, "{} {refused}", held.len());
    drop(held);
    assert_eq!(put(&caches, URL, 200 << 10).await, 204);
    // Uploads that do not end.
    let mut uploads = Vec::new();
    for number in 0..100 {
        let pieces = stream::iter([Ok(Bytes::from(vec![7; 200 << 10]))]).chain(stream::pending());
        let request = head("PUT", &format!("{URL}open/{number}"), &[("cache-control", "max-age=60")]);
        let body = RequestBody::Stream(pieces.boxed());
        let mut upload = caches.fetch(asked(request, body));
        if futures_util::poll!(&mut upload).is_pending() {
            uploads.push(upload);
        }
    }
    assert!(uploads.len() <= 8, "{}", uploads.len());
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_kept() {
    let caches = Caches::default().of_worker("a", 1 << 20);
    let pieces = stream::iter([Ok(Bytes::from_static(b"a")), Err("it broke".to_owned())]);
    let request = head("PUT", URL, &[("cache-control", "max-age=60")]);
    let body = RequestBody::Stream(pieces.boxed());
    let broken = caches.fetch(asked(request, body)).await;
    assert_eq!(broken.err().map(|error| error.message).as_deref(), Some("it broke"));
    assert_eq!(get(&caches, URL).await.head.status, 504);
}
