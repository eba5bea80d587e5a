//! The log on standard error. Each event is one line, whatever a server, a script or a
//! configuration put into it.
//!
//! Messages beside the log ([`stderr`]) have the same format, so that with `--log-format json`
//! every line of standard error is a JSON object.

use std::fmt::{self, Debug};
use std::io::{self, Write};

use isolet_bindings::text;
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::format::{self, Writer};

use super::colours;
use super::stderr::{self, InfallibleStderr, LogFormat};

/// The options of commands that run until they are stopped.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct LogOptions {
    /// The format of standard error: lines for people, or a JSON object a line
    #[arg(long, env = "ISOLET_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// The least important events that are logged.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Nothing.
    Off,
    /// Errors.
    Error,
    /// Warnings.
    Warn,
    /// Normal events, and the output of MCP servers.
    Info,
    /// Details for the debugging of isolet.
    Debug,
    /// Everything.
    Trace,
}

impl Verbosity {
    /// Returns the directives for `RUST_LOG`. Libraries log no more than warnings.
    fn directives(self) -> String {
        let own = format!("{self:?}").to_ascii_lowercase();
        if self <= Self::Warn { own } else { format!("warn,isolet={own}") }
    }
}

/// The kind of a command, which decides the default of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandKind {
    /// Runs until it is stopped. Its log is the only record of what happens.
    Service,
    /// Runs until the program that started it ends it.
    Child,
    /// Ends by itself, and reports failed servers in its own messages.
    OneShot,
}

/// Sets up the log. `verbosity`, from the command line, takes precedence over `RUST_LOG`; the
/// default is warnings, and the output of MCP servers and Workers for a service. The log is written
/// to standard error, as standard output belongs to results. Only the log of a service has
/// timestamps.
pub fn init(kind: CommandKind, format: LogFormat, verbosity: Option<Verbosity>) {
    stderr::set_format(format);
    let directives = verbosity.map(Verbosity::directives).or_else(|| std::env::var("RUST_LOG").ok());
    let log = tracing_subscriber::fmt().with_env_filter(filter(directives, kind));
    match format {
        LogFormat::Json => {
            log.json().flatten_event(true).with_writer(|| EscapingWriter(InfallibleStderr)).init();
        }
        LogFormat::Text => {
            let log = log
                .with_writer(|| InfallibleStderr)
                .with_ansi(colours::enabled())
                .with_target(false)
                .compact()
                .fmt_fields(format::debug_fn(write_field).delimited(" "));
            if kind == CommandKind::Service { log.init() } else { log.without_time().init() }
        }
    }
}

/// Writes one field of an event, with line breaks replaced.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    let value = format!("{value:?}");
    let value = text::line(&value);
    match field.name() {
        "message" => writer.write_str(&value),
        name => write!(writer, "{name}={value}"),
    }
}

/// A writer for JSON that escapes characters that control a terminal. An event arrives in one
/// piece.
struct EscapingWriter<W>(W);

impl<W: Write> Write for EscapingWriter<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.0.write_all(text::json(&String::from_utf8_lossy(event)).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Makes the filter of events. rmcp logs whole messages below the level of errors, so these are
/// logged only if `directives` name rmcp. Its module for logins logs codes and tokens there; these
/// are never logged.
fn filter(directives: Option<String>, kind: CommandKind) -> EnvFilter {
    let names_rmcp = directives.as_ref().is_some_and(|directives| directives.contains("rmcp"));
    let directives = directives.filter(|directives| !directives.is_empty());
    let filter = directives.and_then(|directives| EnvFilter::try_new(directives).ok());
    let filter = filter.unwrap_or_else(|| {
        EnvFilter::new(match kind {
            CommandKind::Service => "warn,isolet::upstream=info,isolet::worker=info",
            CommandKind::Child => "warn",
            CommandKind::OneShot => "warn,isolet::upstream::failure=error",
        })
    });
    // The service loop of rmcp logs an error when a client disconnects before its answer, which a
    // client may do. Its worker logs answers of servers; isolet reports the same without
    // credentials.
    let rmcp = if names_rmcp {
        &["rmcp::transport::auth=error"][..]
    } else {
        &["rmcp=error", "rmcp::service=off", "rmcp::transport::worker=off"]
    };
    rmcp.iter().fold(filter, |filter, directive| {
        filter.add_directive(directive.parse().expect("a directive that is written here"))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use serde_json::Value;

    use super::*;

    const POISON: &str = "a\u{1b}[31m\u{9b}5m\u{9d}52;c;eA==\u{9c}\r\nisolet: forged\u{202e}\u{2028}b";

    #[derive(Clone, Default)]
    struct SharedBuffer(Arc<Mutex<Vec<u8>>>);

    impl Write for SharedBuffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl SharedBuffer {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().clone()).unwrap()
        }
    }

    /// Logs events with the poison in every part.
    fn log_poison() {
        tracing::warn!(quoted = POISON, shown = %POISON, debugged = ?POISON, "{POISON}");
        let span = tracing::error_span!("work", of = %POISON);
        span.in_scope(|| tracing::error!("in a span"));
    }

    #[test]
    fn an_event_is_one_line_whatever_is_in_it() {
        let kept = SharedBuffer::default();
        let writer = kept.clone();
        let log_in_text = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .compact()
            .fmt_fields(format::debug_fn(write_field).delimited(" "));
        tracing::subscriber::with_default(log_in_text.finish(), log_poison);
        let text = kept.text();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(!text.replace('\n', "").contains(text::is_unprintable), "{text:?}");
        assert!(text.contains("␤isolet: forged\u{fffd}") && text.contains("shown=a\u{fffd}[31m"), "{text}");
    }

    #[test]
    fn json_events_keep_their_text() {
        let kept = SharedBuffer::default();
        let writer = kept.clone();
        let json = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_writer(move || EscapingWriter(writer.clone()));
        tracing::subscriber::with_default(json.finish(), log_poison);
        let text = kept.text();
        assert!(!text.replace('\n', "").contains(text::is_unprintable), "{text:?}");
        let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(events.len(), 2, "{text}");
        assert_eq!((&events[0]["message"], &events[0]["shown"]), (&POISON.into(), &POISON.into()));
    }

    #[test]
    fn only_a_services_log_has_the_output_of_servers_and_none_has_messages() {
        let service = filter(None, CommandKind::Service).to_string();
        assert!(service.contains("isolet::upstream=info") && service.contains("rmcp::transport::worker=off"));
        assert!(!filter(None, CommandKind::Child).to_string().contains("info"));
        assert!(filter(None, CommandKind::OneShot).to_string().contains("isolet::upstream::failure=error"));
        assert!(!filter(Some("error".to_owned()), CommandKind::Service).to_string().contains("info"));
        assert_eq!(Verbosity::Debug.directives(), "warn,isolet=debug");
        assert_eq!(Verbosity::Off.directives(), "off");
    }
}
