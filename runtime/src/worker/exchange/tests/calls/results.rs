//! Calls of the results of calls.

use super::*;

#[test]
fn a_long_chain_of_calls_takes_no_more_of_the_stack_than_a_short_one() {
    within(async {
        let pair = Pair::new();
        pair.caller.exchanges.add_placing(1, 1);
        for call in 2..=MAX_CALLS as u32 {
            pair.caller.receive(call_message(1, call, Callee::Result(call - 1), None)).unwrap();
        }
        let (caller, callee) = (pair.caller.exchanges.clone(), pair.callee.exchanges.clone());
        let thread = std::thread::Builder::new().stack_size(256 << 10);
        thread.spawn(move || caller.place_at(1, &callee, 1)).unwrap().join().unwrap();
        assert_eq!(pair.callee.sent.count("Call {"), MAX_CALLS - 1);
        assert_eq!(pair.caller.sent.count("CallEnded"), 0);
    });
}

#[test]
fn calls_of_a_result_that_will_not_come_fail() {
    for end in [ended_message(1), FromWorker::CallReleased { call: 1 }] {
        within(async {
            let pair = Pair::new();
            pair.caller.exchanges.add_placing(1, 1);
            for (request, call, of) in [(1, 2, 1), (2, 3, 1), (2, 4, 3)] {
                pair.caller.receive(call_message(request, call, Callee::Result(of), None)).unwrap();
            }
            assert_eq!(pair.caller.sent.count("CallEnded"), 0);
            let has_request = matches!(end, FromWorker::CallReleased { .. });
            pair.caller.receive(end).unwrap();
            for call in 3..=4 {
                let ended = format!("CallEnded {{ call: {call}, end: Failed(\"The call whose result");
                assert_eq!(pair.caller.sent.count(&ended), 1, "{call}");
            }
            assert_eq!(pair.caller.sent.count("CallEnded { call: 2,"), usize::from(has_request));
            assert_eq!(pair.caller.sent.count("CallEnded { call: 1,"), 0);
            pair.caller.receive(FromWorker::CallReleased { call: 4 }).unwrap();
        });
    }
}
