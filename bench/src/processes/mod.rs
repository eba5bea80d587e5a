//! The processes of a target: started, measured, ended.
//!
//! | module | contents |
//! |---|---|
//! | [`target`] | starting the target, waiting until it answers, ending it with all its children |
//! | [`procfs`] | figures of Linux about one process |
//! | [`tree`] | CPU and memory of a process and its descendants |
//! | [`sampler`] | samples of a process tree while the load runs |

pub mod procfs;
pub mod sampler;
pub mod target;
pub mod tree;
