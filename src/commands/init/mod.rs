//! `init`: asks what a first configuration needs, checks it with Polyv, and writes it.

mod check;
mod inputs;
mod new_file;
mod prompt;

use std::fmt::Write;
use std::path::Path;

use super::runtime::block_on;
use super::{CommandError, output, proxy};
use crate::cli::InitArgs;
use crate::config::{BASE_URL_VARIABLE, Source};
use crate::telemetry::init_tracing;
use inputs::{Channels, Inputs};
use new_file::NewFile;
use prompt::Terminal;

const TEMPLATE: &str = include_str!("template.yml");

/// Asks, checks, and writes. Where anything fails, nothing is written.
pub(super) fn run(arguments: &InitArgs) -> Result<(), CommandError> {
    init_tracing(arguments.log.level, arguments.log.format);
    proxy::check_variables().map_err(CommandError::Usage)?;
    let file = &arguments.file;
    if file.exists() {
        return Err(CommandError::Usage(format!(
            "{0} exists already, and is not replaced: edit it (and see `polyv-exporter \
             check-config {0}`), or name another file with --config.file",
            file.display()
        )));
    }
    let inputs = Inputs::collect(arguments, &mut Terminal::new())?;
    let secret = inputs
        .new_secret
        .as_ref()
        .map(|secret| NewFile::write(&inputs.app_secret_file, 0o600, &format!("{secret}\n")));
    let secret = secret.transpose()?;
    let text = configuration(&inputs);
    let source = Source::text(&file.to_string_lossy(), &text);
    let config = source
        .load()
        .map_err(CommandError::faulty("configuration"))?;
    let found = block_on(async { check::with_polyv(&config, &inputs.channels).await })?;
    let written = NewFile::write(file, 0o644, &text)?;
    output::show(&(found + &next_steps(file)))?;
    written.keep();
    if let Some(secret) = secret {
        secret.keep();
    }
    Ok(())
}

/// The text of the configuration.
fn configuration(inputs: &Inputs) -> String {
    let base_url = std::env::var(BASE_URL_VARIABLE).unwrap_or_default();
    let api = match base_url.trim() {
        "" => String::new(),
        url => format!("api:\n  base_url: {}\n", quoted(url)),
    };
    TEMPLATE
        .replace("{api}", &api)
        .replace("{app_id}", &quoted(&inputs.app_id))
        .replace(
            "{app_secret_file}",
            &quoted(&inputs.app_secret_file.to_string_lossy()),
        )
        .replace("{channels}", &channels(&inputs.channels))
}

fn channels(channels: &Channels) -> String {
    let expectations = "        # name: Main stage          # on the status page and in alerts
        # expect:                   # what alerts compare with
        #   live: true              # it should be live all the time; or give it a `schedule`
        #   video_bitrate_bps: 1200000
        #   content: camera         # or `screen`, where slides are shown
";
    match channels {
        Channels::Discovered => "    discover: {}                  # all of the account's channels
    channels: []                  # those with a name, a schedule or expectations of their own
"
        .to_owned(),
        Channels::Listed(ids) => {
            let mut text = "    channels:\n".to_owned();
            for (index, id) in ids.iter().enumerate() {
                _ = writeln!(text, "      - id: {}", quoted(id));
                if index == 0 {
                    text.push_str(expectations);
                }
            }
            text
        }
    }
}

/// A YAML string in double quotes, which JSON's strings are.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn next_steps(file: &Path) -> String {
    let file = file.display();
    format!(
        "wrote {file}. Start the exporter:

  polyv-exporter --config.file {file}

and look at http://localhost:9847/ (status page) and http://localhost:9847/metrics.
"
    )
}
