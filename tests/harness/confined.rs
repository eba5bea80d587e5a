//! Programs to which the kernel refuses some system calls, as under the profile of a container or a
//! service.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

pub use libc::{ENOSYS, EPERM};

/// A system call that is refused.
pub struct Refused {
    call: i64,
    /// The arguments of the refused calls; all calls without conditions.
    conditions: Vec<SeccompCondition>,
    error: i32,
}

/// Refuses the call with all arguments.
pub fn refuse(call: i64, error: i32) -> Refused {
    Refused { call, conditions: Vec::new(), error }
}

impl Refused {
    /// Only if these bits of an argument have this value.
    pub fn where_bits(self, argument: u8, bits: u64, value: u64) -> Self {
        self.condition(argument, SeccompCmpOp::MaskedEq(bits), value)
    }

    /// Only if an argument has another value.
    pub fn unless(self, argument: u8, value: u64) -> Self {
        self.condition(argument, SeccompCmpOp::Ne, value)
    }

    fn condition(mut self, argument: u8, operator: SeccompCmpOp, value: u64) -> Self {
        let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Qword, operator, value);
        self.conditions.push(condition.expect("an argument from 0 to 5"));
        self
    }
}

/// Runs `start`; the kernel refuses these calls to all processes that it starts. Of several rules
/// for one call the first applies.
pub fn confined<T: Send>(refused: Vec<Refused>, start: impl FnOnce() -> T + Send) -> T {
    let mut filters: Vec<BpfProgram> = Vec::new();
    for Refused { call, conditions, error } in refused {
        let rules = if conditions.is_empty() {
            Vec::new()
        } else {
            vec![SeccompRule::new(conditions).expect("a rule")]
        };
        let refused = SeccompAction::Errno(u32::try_from(error).expect("an error number"));
        let architecture = TargetArch::try_from(std::env::consts::ARCH).expect("a known architecture");
        let rules = BTreeMap::from([(call, rules)]);
        let filter =
            SeccompFilter::new(rules, SeccompAction::Allow, refused, architecture).expect("a filter");
        filters.push(filter.try_into().expect("a short filter"));
    }
    // A filter applies to its thread and to the processes that the thread starts. The filter that
    // forbids filters is installed last.
    std::thread::scope(|scope| {
        let started = scope.spawn(|| {
            for filter in filters {
                seccompiler::apply_filter(&filter).expect("the kernel has seccomp");
            }
            start()
        });
        started.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
