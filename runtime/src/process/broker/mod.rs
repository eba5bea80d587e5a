//! The broker's side: the part of process isolation that runs in isolet's own process.
//!
//! | module | contents |
//! |---|---|
//! | [`runner_pool`] | hands runners to runs, and requests new ones ahead of demand |
//! | `pool_options` | the engine's options, divided among zygotes |
//! | `pooled_zygote` | the pool's record of one zygote |
//! | `zygote_process` | starts a zygote, reads its messages, replaces it when it ends |
//! | `zygote_starts` | counts of starts and failures, and the wait for the first zygotes |
//! | `backoff` | the pauses between attempts to start a zygote |
//! | `catalogue_table` | the numbers by which messages refer to catalogues |
//! | [`status`] | the state of a zygote for `GET /v1/runtime` |
//! | `stderr` | the lines that zygotes and runners print |
//! | `app_zygotes` | the pool's part in app zygotes |
//! | `copies` | allows the forks of app zygotes |
//! | `runner_handle` | one runner that waits for a run or has one |
//! | `runner_process` | the process of a runner: CPU clock, memory, signals |
//! | `send_queue` | the frames on their way to a runner |
//! | `process_limits` | limits on CPU, time and memory, enforced from outside |
//! | [`remote_run`] | one run in a runner: calls, events, result |
//! | [`worker_process`] | a Worker in a runner: many requests |

mod app_zygotes;
mod backoff;
mod catalogue_table;
mod copies;
mod pool_options;
mod pooled_zygote;
mod process_limits;
pub(crate) mod remote_run;
mod runner_handle;
pub(crate) mod runner_pool;
mod runner_process;
mod send_queue;
pub(crate) mod status;
mod stderr;
pub(crate) mod worker_process;
mod zygote_process;
mod zygote_starts;

pub(crate) use pool_options::PoolOptions;
