//! A runner's executable and nothing else, for the tests of process isolation. `isolet` has this as a hidden subcommand.

fn main() -> std::process::ExitCode {
    isolet_runtime::process::runner::main(std::env::args().skip(2))
}
