//! The section `recorder`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::decoder::Field;
use super::values::{HOUR, MINUTE, SECOND, expected, non_blank, within};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Polyv has the samples of the last 7 days.
const MAX_BACKFILL: Duration = Duration::from_secs(7 * 24 * 3600);
/// Units of sizes with their bytes.
const UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];
/// A smaller recording would lose what it has just recorded.
const MIN_SIZE: u64 = 16 << 20;

/// What is recorded on disk, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecorderConfig {
    /// The directory of the recording.
    pub path: PathBuf,
    /// How long samples are kept.
    pub retention: Duration,
    /// The size of the recording at most, in bytes.
    pub max_size: u64,
    /// A shorter time off air does not end a broadcast.
    pub broadcast_gap: Duration,
    /// How far back the history of a channel that turns live is requested.
    pub backfill: Duration,
}

/// Decodes `recorder`. Relative paths start at `directory`. `None` where no path is set.
pub(super) fn decode(field: Field<'_>, directory: &Path) -> Option<RecorderConfig> {
    let mut map = field.mapping()?;
    let field_of_path = map.get("path");
    let path = field_of_path.and_then(|field| field.parse(non_blank));
    let mut recorder = RecorderConfig {
        path: directory.join(path.as_deref().unwrap_or_default()),
        retention: 14 * DAY,
        max_size: 2 << 30,
        broadcast_gap: 5 * MINUTE,
        backfill: Duration::ZERO,
    };
    let retention = within(HOUR..=3650 * DAY);
    map.set("retention", &mut recorder.retention, retention);
    map.set("max_size", &mut recorder.max_size, size);
    let gap = within(SECOND..=DAY);
    map.set("broadcast_gap", &mut recorder.broadcast_gap, gap);
    let backfill = within(Duration::ZERO..=MAX_BACKFILL);
    map.set("backfill", &mut recorder.backfill, backfill);
    map.deny_unknown();
    if field_of_path.is_none() {
        field.warn("nothing is recorded, since `recorder` has no `path`");
    }
    path.map(|_| recorder)
}

/// A number of bytes with a unit.
fn size(text: &str) -> Result<u64, String> {
    let parse = || {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = text.strip_prefix(digits)?;
        let (_, bytes) = UNITS.iter().find(|(name, _)| *name == unit)?;
        digits.parse::<u64>().ok()?.checked_mul(*bytes)
    };
    match parse() {
        Some(bytes) if bytes >= MIN_SIZE => Ok(bytes),
        Some(_) => expected("at least `16MiB`", text),
        None => {
            let failure = expected("a size such as `512MiB` or `2GiB`", text);
            match probable_size(text) {
                Some(size) => failure.map_err(|why| format!("{why}: did you mean `{size}`?")),
                None => failure,
            }
        }
    }
}

/// The size that was probably meant: `2 gib` or `2G`.
fn probable_size(text: &str) -> Option<String> {
    let compact: String = text.split_whitespace().collect();
    let digits = compact.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = compact.strip_prefix(digits)?;
    digits.parse::<u64>().ok()?;
    let is_meant = |name: &str| {
        let short = name.trim_end_matches("iB");
        [name, short]
            .iter()
            .any(|name| name.eq_ignore_ascii_case(unit))
    };
    let (name, _) = UNITS.iter().find(|(name, _)| is_meant(name))?;
    Some(format!("{digits}{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!(size("512MiB"), Ok(512 << 20));
        assert_eq!(size("2GB"), Ok(2_000_000_000));
        for text in ["2", "GiB", "2 GiB", "-2GiB", "2gib", "1KiB", "99999999TiB"] {
            assert!(size(text).is_err(), "{text}");
        }
        for text in ["2g", "2G", "2 GiB", "2gib"] {
            assert!(size(text).unwrap_err().ends_with("did you mean `2GiB`?"));
        }
    }
}
