//! `export`: writes recorded samples in the formats of other programs.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use chrono::DateTime;
use indicatif::{ProgressBar, ProgressStyle};

use super::{CommandError, load_config};
use crate::cli::{ExportArgs, ExportFormatArg};
use crate::recorder::{Export, ExportError, ExportFormat, Period, Reader};
use polyv_client::clock::Timestamp;

/// How often the progress is drawn at most.
const DRAW_INTERVAL: Duration = Duration::from_millis(100);

/// Writes the samples to standard output, a file, or a file for each day.
pub(super) fn run(arguments: &ExportArgs) -> Result<(), CommandError> {
    let period = Period {
        start: arguments.since.unwrap_or(Timestamp::from_millis(0)),
        end: arguments
            .until
            .unwrap_or(Timestamp::from_millis(i64::MAX / 2)),
    };
    if period.end <= period.start {
        let message = "--until is not after --since";
        return Err(CommandError::Usage(message.to_owned()));
    }
    let reader = Reader::open(&recording_path(arguments)?)?;
    let mut channels = reader.channels()?;
    channels.retain(|channel| {
        let account = arguments.account.as_deref();
        account.is_none_or(|account| account == &*channel.account)
            && (arguments.channels.is_empty()
                || arguments
                    .channels
                    .iter()
                    .any(|id| **id == *channel.channel_id))
    });
    for id in &arguments.channels {
        if !channels.iter().any(|channel| **id == *channel.channel_id) {
            return Err(anyhow::anyhow!("channel {id} was not recorded").into());
        }
    }
    let format = match arguments.format {
        ExportFormatArg::Openmetrics => ExportFormat::OpenMetrics,
        ExportFormatArg::Jsonl => ExportFormat::JsonLines,
        ExportFormatArg::Csv => ExportFormat::Csv,
    };
    let export = Export::new(&reader, format, channels)?;
    let progress = progress_bar(export.steps(period))?;
    let step = || progress.inc(1);
    match &arguments.output {
        None => {
            let mut out = BufWriter::new(io::stdout().lock());
            let written = export.write(period, &mut out, step);
            let written = written.and_then(|_| Ok(out.flush()?));
            // A reader who has seen enough (`| head`) is no failure.
            match written {
                Err(ExportError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
                written => written?,
            }
        }
        Some(path) if arguments.split.is_some() => {
            for day in export.days(period) {
                let path = with_day(path, day.start);
                if write_file(&export, day, &path, step)? == 0 {
                    std::fs::remove_file(&path)?;
                }
            }
        }
        Some(path) => _ = write_file(&export, period, path, step)?,
    }
    progress.finish_and_clear();
    Ok(())
}

fn recording_path(arguments: &ExportArgs) -> Result<PathBuf, CommandError> {
    if let Some(path) = &arguments.path {
        return Ok(path.clone());
    }
    if arguments.config.file.is_none() {
        let message = "where is the recording? Give --config.file FILE or --path DIRECTORY";
        return Err(CommandError::Usage(message.to_owned()));
    }
    let config = load_config::load(&arguments.config)?;
    let recorder = config.recorder.ok_or_else(|| {
        CommandError::Usage("the configuration has no `recorder.path`".to_owned())
    })?;
    Ok(recorder.path)
}

fn write_file(
    export: &Export<'_>,
    period: Period,
    path: &Path,
    step: impl FnMut(),
) -> Result<u64, CommandError> {
    let file = File::create(path).with_context(|| path.display().to_string())?;
    let mut out = BufWriter::new(file);
    let count = export.write(period, &mut out, step)?;
    out.flush().with_context(|| path.display().to_string())?;
    Ok(count)
}

/// `samples.txt` becomes `samples-2026-12-01.txt`.
fn with_day(path: &Path, day: Timestamp) -> PathBuf {
    let time = DateTime::from_timestamp_millis(day.as_millis()).unwrap_or_default();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut name = format!("{stem}-{}", time.format("%Y-%m-%d"));
    if let Some(extension) = path.extension() {
        name.push('.');
        name.push_str(&extension.to_string_lossy());
    }
    path.with_file_name(name)
}

/// A progress bar on standard error, if that is a terminal.
fn progress_bar(steps: u64) -> Result<ProgressBar, CommandError> {
    let bar = ProgressBar::new(steps);
    let style = ProgressStyle::with_template("{bar:40} {percent} %, {eta} left")?;
    bar.set_style(style);
    bar.enable_steady_tick(DRAW_INTERVAL);
    Ok(bar)
}
