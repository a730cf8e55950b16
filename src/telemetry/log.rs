//! The log: one line an event, to standard error.

use std::io::IsTerminal;

use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use super::stderr::Stderr;

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogLevel {
    /// What keeps the exporter from working.
    Error,
    /// What a person should look at.
    Warn,
    /// What happens.
    #[default]
    Info,
    /// Every poll that failed, and every response with invalid values.
    Debug,
    /// Every poll.
    Trace,
}

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// `ts=… level=info message="…" key=value`
    #[default]
    Logfmt,
    /// A JSON object a line.
    Json,
}

// === impl LogLevel ===

impl LogLevel {
    fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        }
    }
}

/// Starts the log.
///
/// The level is that of our own modules; libraries stay at `warn`, since at `trace` an HTTP
/// client logs addresses, and ours are signed. Does nothing where a log was started before.
/// [`Stderr::drain`] has to end it.
pub fn init_tracing(level: LogLevel, format: LogFormat) {
    let libraries = LevelFilter::WARN.min(level.filter());
    let filter = EnvFilter::new(format!(
        "{libraries},polyv_exporter={ours}",
        ours = level.filter()
    ));
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Logfmt => {
            let lines = tracing_logfmt::builder().with_target(false).layer();
            Box::new(lines.with_writer(|| Stderr))
        }
        LogFormat::Json => Box::new(
            tracing_subscriber::fmt::layer()
                .json()
                .flatten_event(true)
                .with_target(false)
                .with_writer(|| Stderr)
                .with_ansi(std::io::stderr().is_terminal()),
        ),
    };
    // The only error is that there is a log already, as in a test.
    _ = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .try_init();
    // The standard hook waits for standard error.
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
}
