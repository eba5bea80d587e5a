//! The frames that a run and a call take, written and read: `cargo bench -p isolet-runtime --bench
//! frames`.
//!
//! `write` appends a frame to a buffer that is there already, as the queues of both sides do;
//! `read` takes it out of a buffer of received bytes.

use std::fmt;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use isolet_runtime::testing::frames::{Message, Received};

/// The messages, by name.
const KINDS: [Kind; 9] = [
    Kind("run", || Message::run("return (await env.demo.add({ a: 1, b: 2 })).sum")),
    Kind("run, 10 KB", || Message::run(&"// A line of a script.\n".repeat(450))),
    Kind("call", || Message::call(r#"{"owner":"ada","repo":"engine","title":"It stops"}"#)),
    Kind("answer, 100 B", || Message::answer(&json(100))),
    Kind("answer, 1 MB", || Message::answer(&json(1_000_000))),
    Kind("log", || Message::log("A line that a script has logged, of a usual length.")),
    Kind("done", || Message::done(&json(100))),
    Kind("method call", || Message::method_call(json(200).as_bytes())),
    Kind("method returned, 10 KB", || Message::method_returned(json(10_000).as_bytes())),
];

/// A message with its name.
struct Kind(&'static str, fn() -> Message);

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Returns a JSON text of about `bytes` bytes.
fn json(bytes: usize) -> String {
    format!("[\"{}\"]", "x".repeat(bytes))
}

fn frame(message: &Message) -> Vec<u8> {
    let mut frame = Vec::new();
    message.append_to(&mut frame);
    frame
}

fn main() {
    divan::main();
}

#[divan::bench(args = KINDS)]
fn write(bencher: Bencher, kind: &Kind) {
    let message = kind.1();
    let mut frames = frame(&message);
    bencher.counter(BytesCount::new(frames.len())).bench_local(|| {
        frames.clear();
        black_box(&message).append_to(&mut frames);
    });
}

#[divan::bench(args = KINDS)]
fn read(bencher: Bencher, kind: &Kind) {
    let message = kind.1();
    let frame = frame(&message);
    let mut received = Received::default();
    bencher.counter(BytesCount::new(frame.len())).bench_local(|| received.take(black_box(&frame), &message));
}
