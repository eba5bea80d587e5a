//! The bodies of requests and responses.

use futures_util::FutureExt as _;

use super::*;

async fn is_dropped(body: &std::sync::Weak<()>) {
    while body.strong_count() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn a_body_is_ahead_of_its_reader_by_the_window_and_costs_little_more() {
    within(async {
        let (exchanges, sent) = exchanges();
        let mut pending = begin(&exchanges, 1, RequestBody::Empty);
        exchanges.receive(response(1, BodyStart::Stream)).unwrap();
        let ResponseBody::Stream(mut body) = pending.answer().await.unwrap().body else { panic!() };
        for _ in 0..WINDOW_BYTES {
            exchanges.receive(chunk(1, 1)).unwrap();
        }
        let mut pieces = 0;
        while let Some(Some(Ok(_))) = body.next().now_or_never() {
            pieces += 1;
        }
        assert!(pieces < 100, "{pieces} pieces");
        assert_eq!(sent.count("Credit"), 4);
    });
}

#[test]
fn a_body_that_is_not_wanted_is_not_read() {
    within(async {
        for ends in [
            FromWorker::BodyRefused { id: 1 },
            ended_message(1),
            // The client goes.
            log(0, 0),
        ] {
            let (exchanges, _) = exchanges();
            let (body, alive) = endless();
            let pending = begin(&exchanges, 1, body);
            let goes = matches!(ends, FromWorker::Log { .. });
            exchanges.receive(ends).unwrap();
            let pending = (!goes).then_some(pending);
            is_dropped(&alive).await;
            drop(pending);
        }
        let (exchanges, _) = exchanges();
        let (body, alive) = endless();
        let _pending = begin(&exchanges, 1, body);
        exchanges.close(0, &ended());
        is_dropped(&alive).await;
    });
}

/// A link that ends each request on another thread as soon as it has it.
struct HastyWorker(std::sync::mpsc::Sender<u32>);

impl WorkerLink for HastyWorker {
    fn send(&self, message: ToWorker) {
        if let ToWorker::Request { id, .. } = message {
            let _ = self.0.send(id);
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn work_ended(&self, _: usize) {}

    fn has_room(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

#[test]
fn a_request_that_ends_at_once_leaves_no_task_behind() {
    within(async {
        let (sender, requests) = std::sync::mpsc::channel();
        let exchanges =
            Exchanges::new(Arc::new(HastyWorker(sender)), Arc::new(|_, _| ()), &limits(), &limits(), None);
        let worker = exchanges.clone();
        let thread = std::thread::spawn(move || {
            for id in requests.iter().take(20) {
                worker.receive(ended_message(id)).unwrap();
            }
        });
        let mut bodies = Vec::new();
        for id in 1..=20 {
            let (body, alive) = endless();
            let mut pending = begin(&exchanges, id, body);
            assert_eq!(pending.answer().await.unwrap_err().code, ErrorCode::Crashed);
            bodies.push(alive);
        }
        thread.join().unwrap();
        for body in &bodies {
            is_dropped(body).await;
        }
    });
}

#[test]
fn a_body_whose_request_ends_is_not_whole() {
    within(async {
        let (exchanges, _) = exchanges();
        let mut pending = begin(&exchanges, 1, RequestBody::Empty);
        exchanges.receive(response(1, BodyStart::Stream)).unwrap();
        let ResponseBody::Stream(mut body) = pending.answer().await.unwrap().body else { panic!() };
        exchanges.receive(chunk(1, 3)).unwrap();
        exchanges.receive(ended_message(1)).unwrap();
        assert_eq!(body.next().await.unwrap().unwrap().len(), 3);
        let broken = body.next().await.unwrap().unwrap_err();
        assert!(broken.0.contains("ended before"), "{broken}");
        assert!(body.next().await.is_none());
    });
}
