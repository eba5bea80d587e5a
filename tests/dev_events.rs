//! `isolet dev`: scheduled events and Workers in service-worker syntax, beyond the answers that
//! `tests/workers` has.

use crate::dev_requests::{worker, worker_with};
use crate::harness::*;

const SCHEDULED: &str = "/cdn-cgi/handler/scheduled";

#[tokio::test]
async fn a_scheduled_event_has_the_limits_of_a_request() {
    let (_folder, worker) = worker(
        "let ran = [];
         export default {
            fetch: () => Response.json(ran),
            async scheduled({ cron }, env, ctx) {
                ran.push(cron);
                if (cron === 'loop') for (;;);
                if (cron === 'never') ctx.waitUntil(new Promise(() => {}));
                if (cron === 'log') { console.log('at work'); throw new TypeError('on purpose') }
            },
         }",
    );
    for (cron, status, text) in [
        ("fine", 200, "ok"),
        ("log", 500, "exception"),
        ("never", 500, "exceededCpu"),
        ("loop", 500, "exceededCpu"),
        ("again", 200, "ok"),
    ] {
        let answer = worker.get(&format!("{SCHEDULED}?cron={cron}")).await.expect(status);
        let given = answer.text();
        assert_eq!(
            (given.lines().next(), answer.header("content-type")),
            (Some(text), "text/plain;charset=UTF-8")
        );
        assert_eq!(given, text);
    }
    worker.wait_for_stderr(&[
        "at work",
        "TypeError: on purpose",
        "worker.js:8:",
        "GET /cdn-cgi/handler/scheduled 500",
    ]);
    // The limit has ended the process, and the state with it.
    assert_eq!(worker.get("/").await.expect(200).json(), json!(["again"]));
    assert_says(&worker.get("/cdn-cgi/handler/email").await.expect(404).text(), &["is not a valid handler"]);
    worker.get(&format!("{SCHEDULED}?time=soon")).await.expect(400);
    worker.get(&format!("{SCHEDULED}?cron={}", "x".repeat(2000))).await.expect(400);
}

#[tokio::test]
async fn scheduled_is_called_in_each_form() {
    let (_folder, class) = worker(
        "import { WorkerEntrypoint } from 'cloudflare:workers';
         export default class extends WorkerEntrypoint {
            scheduled(controller) { console.log('in a class', controller.cron) }
         }",
    );
    class.get(&format!("{SCHEDULED}?cron=*+*+*+*+*")).await.expect(200);
    class.wait_for_stderr(&["in a class * * * * *"]);
    let (_folder, none) = worker("export default { fetch: () => new Response('fetch') }");
    let failed = none.get(SCHEDULED).await.expect(500).text();
    assert!(failed.starts_with("exception\n"), "{failed}");
    assert_says(&failed, &["has no scheduled handler"]);
    none.wait_for_stderr(&["has no scheduled handler"]);
    assert_eq!(none.get("/__scheduled").await.expect(200).text(), "fetch");
    let (_folder, tested) = worker_with(
        "export default { scheduled({ cron }) { console.log('tested', cron); if (cron === 'x') throw 1 } }",
        &["--test-scheduled"],
    );
    for path in ["/__scheduled?cron=1+*", "/__scheduled?cron=x"] {
        assert_eq!(tested.get(path).await.expect(200).text(), "Ran scheduled event");
    }
    tested.wait_for_stderr(&["tested 1 *", "tested x", "/__scheduled failed"]);
}

#[tokio::test]
async fn crons_are_checked_and_one_is_shown() {
    let folder = Folder::new();
    folder.write("worker.js", "export default { scheduled() {} }");
    let config = |crons: &str| {
        folder.write(
            "wrangler.json",
            format!("{{ \"main\": \"worker.js\",\n \"triggers\": {{ \"crons\": [{crons}] }} }}"),
        );
    };
    config("\"*/15 * * * *\", \"0 0 * * 0\"");
    let failed = isolet(["dev", folder.text(), "--listen", "127.0.0.1:0"]).output().exits(3).stderr;
    assert_says(&failed, &["wrangler.json:2:42: `triggers.crons[1]` has the day of the week \"0\""]);
    config("\"*/15 * * * *\"");
    let worker = Daemon::dev(folder.path(), &[]);
    worker.wait_for_stderr(&["do not run by themselves", "/cdn-cgi/handler/scheduled?cron=*/15+*+*+*+*"]);
    worker.get(SCHEDULED).await.expect(200);
}

#[tokio::test]
async fn failures_of_listeners_are_the_events() {
    let (_folder, worker) = worker(
        "addEventListener('fetch', (event) => {
            const { pathname } = new URL(event.request.url);
            if (pathname === '/none') return;
            if (pathname === '/sync') throw new Error('at once');
            if (pathname === '/text') return event.respondWith('text');
            event.respondWith(answer(pathname));
            if (pathname === '/twice') event.respondWith(answer(pathname));
         });
         async function answer(pathname) {
            if (pathname === '/later') throw new Error('later');
            return new Response([FetchEvent.name, typeof ScheduledEvent, typeof ExtendableEvent].join());
         }",
    );
    for (path, expected) in [
        ("/none", "No listener for the fetch event called respondWith()"),
        ("/sync", "at once"),
        ("/text", "fetch must return a Response"),
        ("/later", "later"),
        ("/twice", "respondWith() was called twice"),
    ] {
        assert_says(&worker.get(path).await.expect(500).text(), &[expected]);
    }
    assert_eq!(worker.get("/").await.expect(200).text(), "FetchEvent,function,function");
    let failed = worker.get(SCHEDULED).await.expect(500).text();
    assert!(failed.starts_with("exception\n"), "{failed}");
    assert_says(&failed, &["no listener for scheduled events"]);
    worker.wait_for_stderr(&["no listener for scheduled events"]);
}

#[test]
fn a_module_without_exports_and_listeners_is_no_worker() {
    let folder = Folder::new();
    folder.write("wrangler.json", r#"{ "main": "worker.js" }"#);
    folder.write("worker.js", "export const a = 1;");
    let failed = isolet(["dev", folder.text(), "--check"]).output().exits(3).stderr;
    assert_says(&failed, &["default export"]);
}
