//! Pass-through of notifications: log messages and updates of resources reach the clients that they
//! are for, and no others.

use crate::harness::fake_server::FakeServer;
use crate::harness::mcp::{Client, Session, text};
use crate::harness::*;

fn logged(client: &mut Client) -> Vec<Value> {
    client.heard("notifications/message").iter().map(|told| told["params"].clone()).collect()
}

#[tokio::test]
async fn log_messages_reach_only_the_client_of_the_request() {
    let odd = FakeServer::new();
    let folder = Folder::with_servers(json!({ "odd": odd.entry(&["logs"]) }));
    let mut client = Client::legacy(folder.path(), &["--expose-tools", "odd/*"]);
    client.tools();
    let log = |level: &str, says: &[&str]| json!({ "level": level, "says": says });
    client.call("odd__log", log("info", &["not asked for"]));
    assert_eq!(client.request("logging/setLevel", json!({ "level": "notice" }))["result"], json!({}));
    client.call("odd__log", log("warning", &["one", "two"]));
    client.call("odd__log", log("info", &["too low"]));
    let line = |data: &str| json!({ "level": "warning", "logger": "odd", "data": data });
    assert_eq!(logged(&mut client), [line("one"), line("two")]);
    let asked = odd.seen().into_iter().filter(|message| message["method"] == "logging/setLevel");
    assert_eq!(asked.map(|message| message["params"]["level"].clone()).collect::<Vec<_>>(), ["notice"]);
    let wrong = client.request("logging/setLevel", json!({ "level": "loud" }));
    assert_eq!(wrong["error"]["code"], -32602, "{wrong:#}");

    // A message during two requests, or during a script's call, belongs to no client.
    let script = json!({ "name": "run", "arguments": { "code": "return await env.odd.late({ ms: 4000 })" } });
    let run = client.begin("tools/call", script);
    eventually("the script's call arrives", || async {
        odd.seen().iter().any(|message| message["params"]["name"] == "late").then_some(())
    })
    .await;
    client.call("odd__log", log("error", &["whose?"]));
    assert_eq!(text(&client.answer(run)["result"]), "late");
    client.call("odd__log", log("warning", &["three"]));
    assert_eq!(logged(&mut client).len(), 3);

    // The server may still work on a request that was cancelled.
    let hang = client.begin("tools/call", json!({ "name": "odd__hang", "arguments": {} }));
    eventually("the call arrives", || async {
        odd.seen().iter().any(|message| message["params"]["name"] == "hang").then_some(())
    })
    .await;
    client.send(
        &json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": hang } }),
    );
    odd.sees("notifications/cancelled").await;
    client.call("odd__log", log("error", &["perhaps of the call before"]));
    assert_eq!(logged(&mut client).len(), 3);
}

#[test]
fn clients_of_the_newer_revision_ask_for_log_messages_with_each_request() {
    let odd = FakeServer::new();
    let folder = Folder::with_servers(json!({ "odd": odd.entry(&["logs"]) }));
    let mut client = Client::modern(folder.path(), &["--expose-tools", "odd/*"]);
    client.tools();
    let mut call = |meta: Value| {
        let arguments = json!({ "level": "info", "says": ["heard"] });
        client.request("tools/call", json!({ "name": "odd__log", "arguments": arguments, "_meta": meta }));
        logged(&mut client).len()
    };
    assert_eq!(call(json!({})), 0);
    assert_eq!(call(json!({ "io.modelcontextprotocol/logLevel": "info" })), 1);
    let removed = client.request("logging/setLevel", json!({ "level": "info" }));
    assert_eq!(removed["error"]["code"], -32601, "{removed:#}");
}

/// Waits until the client is notified that a resource has changed.
fn updated(client: &mut Client) -> Value {
    let told = client.wait("an update", |message| message["method"] == "notifications/resources/updated");
    told["params"].clone()
}

#[test]
fn subscribers_are_notified_also_after_the_server_was_restarted() {
    let odd = FakeServer::new();
    let folder = Folder::with_servers(json!({ "odd": odd.entry(&["watched"]) }));
    let mut client = Client::legacy(folder.path(), &["--expose-tools", "odd"]);
    client.tools();
    let touch = |uri: &str| json!({ "uri": uri });
    let page = json!({ "uri": "odd://page" });
    client.call("odd__touch", touch("odd://page"));
    assert_eq!(client.request("resources/subscribe", page.clone())["result"], json!({}));
    client.call("odd__touch", touch("odd://other"));
    client.call("odd__touch", touch("odd://page/part"));
    assert_eq!(updated(&mut client), page);

    client.call("odd__die", json!({}));
    // There may have been a change meanwhile, so the new subscription begins with an update.
    assert_eq!(updated(&mut client), page);
    client.call("odd__touch", touch("odd://page"));
    assert_eq!(updated(&mut client), page);

    assert_eq!(client.request("resources/unsubscribe", page.clone())["result"], json!({}));
    client.call("odd__touch", touch("odd://page"));
    let refused = client.request("resources/subscribe", json!({ "uri": "odd://none" }));
    assert_eq!(refused["error"]["message"], "there is no such page", "{refused:#}");
    assert!(client.heard("notifications/resources/updated").is_empty());
}

#[test]
fn clients_of_the_newer_revision_subscribe_by_listening() {
    let odd = FakeServer::new();
    let folder = Folder::with_servers(json!({ "odd": odd.entry(&["watched"]) }));
    let mut client = Client::modern(folder.path(), &["--expose-tools", "odd"]);
    client.tools();
    let wanted = json!({ "notifications": { "resourceSubscriptions": ["odd://page"] } });
    let listening = client.begin("subscriptions/listen", wanted);
    let told = client.wait("it", |message| message["method"] == "notifications/subscriptions/acknowledged");
    assert_eq!(told["params"]["notifications"]["resourceSubscriptions"], json!(["odd://page"]), "{told:#}");
    let told = loop {
        // An acknowledged request is not a subscription yet.
        client.call("odd__touch", json!({ "uri": "odd://page" }));
        if let Some(told) = client.heard("notifications/resources/updated").pop() {
            break told;
        }
    };
    assert_eq!(told["params"]["uri"], "odd://page", "{told:#}");
    assert_eq!(told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], listening);

    let wanted = json!({ "notifications": { "resourceSubscriptions": ["odd://none"] } });
    let refused = client.request("subscriptions/listen", wanted);
    assert_eq!(refused["error"]["message"], "there is no such page", "{refused:#}");
}

#[tokio::test]
async fn one_subscription_upstream_serves_all_sessions() {
    let odd = FakeServer::new();
    let folder = Folder::with_servers(json!({ "odd": odd.entry(&["watched"]) }));
    let server = Daemon::serve_in(folder, &["--expose-tools", "odd"]).await_ready().await;
    let page = json!({ "uri": "odd://page" });
    let count = |method: &str| odd.seen().iter().filter(|message| message["method"] == method).count();
    let (one, other) = (Session::open(&server).await, Session::open(&server).await);
    for session in [&one, &one, &other] {
        assert_eq!(session.request("resources/subscribe", page.clone()).await["result"], json!({}));
    }
    assert_eq!(count("resources/subscribe"), 1);
    one.request("resources/unsubscribe", page.clone()).await;
    one.request("resources/unsubscribe", page.clone()).await;
    // A subscription of another session stays.
    other.request("tools/call", json!({ "name": "odd__touch", "arguments": page })).await;
    assert_eq!(count("resources/unsubscribe"), 0);
    let close = http::Request::new(::http::Method::DELETE, "/mcp");
    assert!(server.send(other.within(close)).await.status < 300);
    odd.sees("resources/unsubscribe").await;
}
