//! A channel's `schedule`: when it should be live.

use std::ops::RangeInclusive;
use std::time::Duration;

use chrono::{LocalResult, NaiveDateTime, TimeZone};
use chrono_tz::{TZ_VARIANTS, Tz};

use super::decoder::Field;
use super::duration::format_duration;
use super::values::{MINUTE, expected, non_blank, within};
use crate::plan::{CronRule, PlannedBroadcast, Schedule};
use polyv_client::clock::Timestamp;
use web_config::redact;

const DURATION_RANGE: RangeInclusive<Duration> = MINUTE..=Duration::from_secs(7 * 24 * 3600);
/// The end of a broadcast during which the channel is not expected to be live.
const NOT_EXPECTED: Duration = Duration::from_secs(10 * 60);
const DATE_FORMATS: [&str; 4] = [
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%dT%H:%M:%S",
];

/// Decodes a list of planned broadcasts. Faulty ones are left out.
pub(super) fn decode(field: Field<'_>) -> Schedule {
    let mut schedule = Schedule::default();
    for field in field.items("this broadcast") {
        broadcast(field, &mut schedule);
    }
    schedule
}

fn broadcast(field: Field<'_>, schedule: &mut Schedule) -> Option<()> {
    let mut map = field.mapping()?;
    let (start, cron) = (map.get("start"), map.get("cron"));
    let duration_field = map.required("duration");
    let duration = duration_field.and_then(|field| field.parse(within(DURATION_RANGE)));
    let zone = match map.get("time_zone") {
        Some(field) => field.parse(time_zone),
        None => Some(Schedule::DEFAULT_ZONE),
    };
    map.deny_unknown();
    if let (Some(field), Some(duration)) = (duration_field, duration)
        && duration <= NOT_EXPECTED
    {
        field.warn(format!(
            "a channel is not expected to be live in the last {} of a broadcast, so a late start \
             of this one is never noticed",
            format_duration(NOT_EXPECTED)
        ));
    }
    if let Some(zone) = zone
        && schedule.once.is_empty()
        && schedule.recurring.is_empty()
    {
        schedule.zone = zone;
    }
    match (start, cron) {
        (Some(start), None) => {
            let zone = zone?;
            let start = start.parse(|text| local_time(text, zone))?;
            let end = Some(start + duration?);
            schedule.once.push(PlannedBroadcast { start, end });
        }
        (None, Some(cron)) => {
            let (zone, duration) = (zone?, duration?);
            let rule = cron.parse(|text| cron_rule(text, zone, duration))?;
            schedule.recurring.push(rule);
        }
        (None, None) => field.fault(
            "this broadcast has neither `start` nor `cron`: give one, such as \
             `start: 2026-12-01 20:00` or `cron: \"0 20 * * 1-5\"`",
        ),
        (Some(_), Some(_)) => {
            field.fault("this broadcast has both `start` and `cron`: make two of it");
        }
    }
    Some(())
}

fn cron_rule(text: &str, zone: Tz, duration: Duration) -> Result<CronRule, String> {
    const FIELDS: [&str; 5] = [
        "minute",
        "hour",
        "day of the month",
        "month",
        "day of the week",
    ];
    let text = non_blank(text)?;
    CronRule::new(&text, zone, duration).map_err(|why| {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let alone = |index: usize, field: &str| {
            let all = (0..FIELDS.len()).map(|other| if other == index { field } else { "*" });
            all.collect::<Vec<_>>().join(" ")
        };
        let mut named = FIELDS.iter().zip(&fields).enumerate();
        let faulty = named.find(|(index, (_, field))| {
            CronRule::new(&alone(*index, field), zone, duration).is_err()
        });
        match faulty.filter(|_| fields.len() == FIELDS.len()) {
            Some((_, (name, field))) => format!("has a wrong {name}: {}", redact(field)),
            None => format!(
                "must be five fields ({}) such as `0 20 * * 1-5`, not {} ({why})",
                FIELDS.join(", "),
                redact(&text)
            ),
        }
    })
}

fn time_zone(text: &str) -> Result<Tz, String> {
    let zone = text.parse();
    zone.or_else(|_| {
        let failure = expected("the name of a time zone such as `Asia/Shanghai`", text);
        let distance = |zone: &Tz| strsim::damerau_levenshtein(zone.name(), text);
        match TZ_VARIANTS.iter().min_by_key(|zone| distance(zone)) {
            Some(zone) if distance(zone) <= 2 => {
                failure.map_err(|why| format!("{why}: did you mean `{zone}`?"))
            }
            _ => failure,
        }
    })
}

/// A local time. One that occurs twice, when clocks are set back, counts the first time.
fn local_time(text: &str, zone: Tz) -> Result<Timestamp, String> {
    let mut formats = DATE_FORMATS.iter();
    let parse = |format: &&str| NaiveDateTime::parse_from_str(text.trim(), format).ok();
    let Some(local) = formats.find_map(parse) else {
        return expected("a local time such as `2026-12-01 20:00`", text);
    };
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => {
            Ok(Timestamp::from_millis(at.timestamp_millis()))
        }
        LocalResult::None => Err(format!(
            "does not exist in {zone}: clocks are set forward at that time"
        )),
    }
}
