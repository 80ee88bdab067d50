//! What the program says of itself while it works, for who looks for a fault in it: `RUNBOOK_LOG=debug`. Logs are not the record: nothing rests on them.

use tracing_subscriber::EnvFilter;

/// Lets the program log to standard error where `RUNBOOK_LOG` asks for it, in the syntax of the crate `tracing-subscriber`
/// (`debug`, or `runbook::runner=trace`). A filter that cannot be read asks for nothing.
pub fn begin() {
    let Some(filter) = std::env::var("RUNBOOK_LOG").ok().and_then(|asked| EnvFilter::try_new(asked).ok()) else { return };
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
}
