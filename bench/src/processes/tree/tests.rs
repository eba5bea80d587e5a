use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use super::*;

/// A shell that runs one script a line and answers each with a line.
struct Shell(Child, BufReader<std::process::ChildStdout>);

impl Shell {
    fn start() -> Self {
        let mut child = Command::new("bash")
            .args(["-c", "while read -r line; do eval \"$line\"; echo done; done"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self(child, output)
    }

    fn run(&mut self, script: &str) -> String {
        writeln!(self.0.stdin.as_mut().unwrap(), "{script}").unwrap();
        let mut line = String::new();
        self.1.read_line(&mut line).unwrap();
        line
    }

    fn tree(&self) -> ProcessTree {
        ProcessTree::new(&[self.0.id()]).unwrap()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Some 0.2 to 1 s of CPU in a process of its own.
const BUSY: &str = "bash -c 'for ((i=0;i<200000;i++)); do :; done'";

fn cpu(sample: Sample) -> Duration {
    sample.user + sample.system
}

#[test]
fn children_that_ended_unseen_are_counted() {
    let mut shell = Shell::start();
    let mut tree = shell.tree();
    assert_eq!(cpu(tree.sample()), Duration::ZERO);
    shell.run(BUSY);
    let sample = tree.sample();
    assert!(cpu(sample) >= Duration::from_millis(100), "{sample:?}");
    assert_eq!((sample.processes, sample.alive), (1, true));
    let again = tree.sample();
    assert!(cpu(again) < cpu(sample) + Duration::from_millis(100), "counted once: {sample:?} {again:?}");
}

#[test]
fn children_that_run_are_members() {
    let mut shell = Shell::start();
    let mut tree = shell.tree();
    shell.run("sleep 30 & child=$!");
    let sample = tree.sample();
    assert_eq!(sample.processes, 2);
    assert!(sample.resident > 500 * 1024, "{sample:?}");
    let memory = tree.memory();
    assert!(
        memory.proportional.unwrap() > 0 && memory.proportional.unwrap() <= memory.resident,
        "{memory:?}"
    );
    shell.run("kill $child; wait $child");
    assert_eq!(tree.sample().processes, 1);
}

#[test]
fn orphans_stay_members() {
    let mut shell = Shell::start();
    let root = shell.0.id();
    let mut tree = shell.tree();
    shell.run("bash -c 'sleep 30 & read -r -t 30 _ < <(sleep 30)' & middle=$!");
    let count = |tree: &mut ProcessTree, wanted: usize| {
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while tree.sample().processes != wanted {
            assert!(std::time::Instant::now() < deadline, "{:?}", tree.members);
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    count(&mut tree, 4);
    shell.run("kill -9 $middle; wait $middle 2>/dev/null");
    count(&mut tree, 3);
    let orphans: Vec<u32> = tree.members.keys().copied().filter(|pid| *pid != root).collect();
    assert!(orphans.iter().all(|pid| tree.members[pid].parent != root));
    for orphan in orphans {
        assert!(Command::new("kill").arg(orphan.to_string()).status().unwrap().success());
    }
    count(&mut tree, 1);
}

fn stat(parent: u32, own: u64, children: u64) -> Stat {
    Stat {
        has_ended: false,
        parent,
        started: 1,
        user: own,
        system: 0,
        children_user: children,
        children_system: 0,
        resident_pages: 1,
    }
}

/// The ticks of the tree 1 → 2 → 3 after one of `after` is seen in place of the whole tree.
fn ticks_after(after: &[(u32, Stat)]) -> u64 {
    let members = HashMap::from([(1, stat(0, 10, 0)), (2, stat(1, 100, 0)), (3, stat(2, 1000, 0))]);
    let mut tree = ProcessTree {
        units: Units::of_this_machine(),
        roots: vec![1],
        members,
        lost_user: 0,
        lost_system: 0,
        baseline: (0, 0),
    };
    let now: HashMap<u32, Stat> = after.iter().copied().collect();
    tree.settle(&now);
    tree.members = now;
    tree.ticks().0
}

#[test]
fn the_time_of_the_ended_is_neither_lost_nor_doubled() {
    // Waited for, all the way up.
    assert_eq!(ticks_after(&[(1, stat(0, 10, 1105))]), 1115);
    // The parent ignores SIGCHLD: the time last seen is kept.
    assert_eq!(ticks_after(&[(1, stat(0, 10, 0))]), 1110);
    // Waited for in part: 3 by nobody, 2 by 1.
    assert_eq!(ticks_after(&[(1, stat(0, 10, 100))]), 1110);
    // Only the leaf ended.
    assert_eq!(ticks_after(&[(1, stat(0, 10, 0)), (2, stat(1, 100, 1000))]), 1110);
    // The middle ended, and the leaf has another parent now.
    assert_eq!(ticks_after(&[(1, stat(0, 10, 100)), (3, stat(999, 1000, 0))]), 1110);
    // The root ended.
    assert_eq!(ticks_after(&[]), 1110);
    // An id was used again.
    let other = Stat { started: 2, ..stat(1, 0, 0) };
    assert_eq!(ticks_after(&[(1, stat(0, 10, 1100)), (2, other)]), 1110);
}
