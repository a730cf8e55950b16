//! The channels of the chaos simulation: their scripts, and the metrics that they must have.

use fastrand::Rng;

use crate::support::scrape::Scrape;
use crate::support::test_env::TestEnv;

const FIRST: u32 = 1_000;
const BITRATE: f64 = 1_200_000.0;
const VIDEO: f64 = 15.0;
const AUDIO: f64 = 43.0;
const STATUS: &str = "polyv_channel_reported_status";

/// The state in which a channel spends the quiet end of each hour, and its metrics then.
struct FinalPhase {
    script: &'static str,
    /// `polyv_channel_state` and `polyv_channel_reported_status`.
    state: &'static str,
    status: &'static str,
    /// Streams with series, and what the main one has: the bitrate and both frame rates.
    streams: usize,
    values: [f64; 3],
}

const fn live(script: &'static str, streams: usize, values: [f64; 3]) -> FinalPhase {
    FinalPhase {
        script,
        state: "live",
        status: "live",
        streams,
        values,
    }
}

const fn not_live(script: &'static str, status: &'static str) -> FinalPhase {
    FinalPhase {
        script,
        state: "not_live",
        status,
        streams: 0,
        values: [0.0; 3],
    }
}

const FINAL_PHASES: [FinalPhase; 12] = [
    live("{phase: steady}", 1, [BITRATE, VIDEO, AUDIO]),
    live(
        "{phase: bitrate_drop, to: 0.3}",
        1,
        [BITRATE * 0.3, VIDEO, AUDIO],
    ),
    live(
        "{phase: framerate_sag, to: 0.6}",
        1,
        [BITRATE, VIDEO * 0.6, AUDIO],
    ),
    live(
        "{phase: video_freeze, bitrate: stays}",
        1,
        [BITRATE, 0.0, AUDIO],
    ),
    live("{phase: audio_loss}", 1, [BITRATE, VIDEO, 0.0]),
    live("{phase: audio_only}", 1, [0.0, 0.0, AUDIO]),
    live("{phase: two_streams}", 2, [BITRATE, VIDEO, AUDIO]),
    // From here on, channels have no samples, and are therefore configured rather than found.
    live(NO_SAMPLES, 0, [0.0; 3]),
    live("{phase: empty}", 0, [0.0; 3]),
    not_live("{phase: offline, status: end}", "ended"),
    not_live("{phase: offline, status: waiting}", "waiting"),
    not_live("{phase: offline, status: banpush}", "banned"),
];

/// A stream is pushed, and the call for Tencent's CDN has no samples of it.
const NO_SAMPLES: &str = "{phase: no_samples}";

/// The state of every channel between the last fault and its final phase.
const OFF_AIR: FinalPhase = not_live("{phase: offline, status: end}", "ended");

/// Scripts that a channel may follow while things go wrong.
const SCRIPTS: [&str; 10] = [
    "steady",
    "offline",
    "{phase: bitrate_drop, to: 0.2}",
    "{phase: video_freeze, bitrate: collapses}",
    "audio_loss",
    "two_streams",
    "no_samples",
    "empty",
    "{repeat: [{phase: steady, for: 40s}, {phase: offline, for: 25s}]}",
    "{repeat: [{phase: audio_only, for: 3m}, {phase: deleted, for: 1m}, {phase: steady, for: 2m}]}",
];

/// All channels; every other one of those with samples is found, the others are configured.
#[derive(Clone, Copy)]
pub struct Channels {
    pub count: u32,
}

impl Channels {
    pub fn ids(self) -> Vec<u32> {
        (FIRST..FIRST + self.count).collect()
    }

    /// The channels of both accounts as a scenario has them.
    pub fn scenario(self) -> String {
        let ids = self.ids().into_iter();
        let channels: Vec<String> = ids.map(|id| channel_entry(id, "offline")).collect();
        format!(
            "accounts:
- {{app_id: first, app_secret: s1}}
- {{app_id: second, app_secret: s2}}
channels: [{}]",
            channels.join(", ")
        )
    }

    pub fn config(self) -> String {
        let account_config = |name: &str, secret: &str| {
            let ids = self.ids().into_iter();
            let configured: Vec<String> = ids
                .filter(|id| account(*id) == name && is_configured(*id))
                .map(|id| format!("{{id: {id}}}"))
                .collect();
            format!(
                "- {{name: {name}, app_id: {name}, app_secret: {secret}, discover: {{}}, \
                 channels: [{}]}}",
                configured.join(", ")
            )
        };
        format!(
            "accounts:\n{}\n{}",
            account_config("first", "s1"),
            account_config("second", "s2")
        )
    }

    /// Starts another random script for a few channels.
    pub fn shake(self, rng: &mut Rng, env: &TestEnv) {
        for id in self.ids() {
            if rng.u32(0..8) == 0 {
                let script = rng.choice(SCRIPTS).expect("there are scripts");
                env.set_script(&id.to_string(), script);
            }
        }
    }

    /// Replaces every channel by one that has no past and is off the air for that time,
    /// before its final phase begins.
    pub fn calm(self, env: &TestEnv, off_air_seconds: u32) {
        for id in self.ids() {
            let script = final_phase(id).script;
            let off_air = format!("{{phase: offline, status: end, for: {off_air_seconds}s}}");
            let entry = channel_entry(id, &format!("[{off_air}, {script}]"));
            let replaced = env.simulator.put_channel(&id.to_string(), &entry);
            replaced.unwrap_or_else(|error| panic!("{error}"));
        }
    }

    /// The channels without a status that Polyv reports: those that are left out of batches.
    pub fn without_status(self, scrape: &Scrape) -> Vec<u32> {
        let mut ids = self.ids();
        ids.retain(|id| {
            let labels = [("channel_id", id.to_string())];
            let labels = labels
                .each_ref()
                .map(|(name, value)| (*name, value.as_str()));
            scrape.all(STATUS, &labels).is_empty()
        });
        ids
    }

    /// The first difference of a scrape from channels that are all off the air. Those that were
    /// found and not live for an hour have no series.
    pub fn difference_off_air(self, scrape: &Scrape) -> Option<String> {
        let mut ids = self.ids();
        ids.retain(|id| has_series(*id, scrape));
        first_difference(ids, |id| difference(id, &OFF_AIR, scrape))
    }

    /// The first difference of a scrape from the final phases.
    pub fn difference(self, scrape: &Scrape) -> Option<String> {
        first_difference(self.ids(), |id| {
            if has_series(id, scrape) {
                difference(id, final_phase(id), scrape)
            } else {
                Some("it has no series".to_owned())
            }
        })
    }
}

fn first_difference(ids: Vec<u32>, difference: impl Fn(u32) -> Option<String>) -> Option<String> {
    ids.into_iter()
        .find_map(|id| difference(id).map(|what| format!("{id}: {what}")))
}

fn has_series(id: u32, scrape: &Scrape) -> bool {
    let labels = [("channel_id", id.to_string())];
    let labels = labels
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    !scrape.all("polyv_channel_info", &labels).is_empty()
}

/// Whether a channel is live in its final phase.
pub fn ends_live(id: u32) -> bool {
    final_phase(id).state == "live"
}

/// Whether a channel has snapshots in its final phase, where the call for them has recovered.
fn ends_with_snapshots(id: u32) -> bool {
    final_phase(id).script == NO_SAMPLES
}

/// Whether the Tencent call brings samples of a channel in its final phase.
pub fn ends_with_samples(id: u32) -> bool {
    final_phase(id).streams > 0
}

fn final_phase(id: u32) -> &'static FinalPhase {
    &FINAL_PHASES[id as usize % FINAL_PHASES.len()]
}

/// A channel as a scenario has it. Some have a second stream, whose samples appear 90 seconds
/// later.
fn channel_entry(id: u32, script: &str) -> String {
    let streams = if has_lagging_stream(id) {
        ", streams: [recordf, {name: late, lag: 90s}]"
    } else {
        ""
    };
    let account = account(id);
    format!("{{id: {id}, account: {account}, live_for: 0s, life: {script}{streams}}}")
}

fn account(id: u32) -> &'static str {
    if id.is_multiple_of(4) {
        "second"
    } else {
        "first"
    }
}

fn is_configured(id: u32) -> bool {
    final_phase(id).streams == 0 || (id / 12).is_multiple_of(2)
}

fn has_lagging_stream(id: u32) -> bool {
    (id / 12) % 3 == 1
}

fn difference(id: u32, expected: &FinalPhase, scrape: &Scrape) -> Option<String> {
    let channel = id.to_string();
    let state = scrape.state(&channel);
    if state != expected.state {
        return Some(format!("{state}, not {}", expected.state));
    }
    if scrape.of("polyv_channel_poll_success", &channel) != Some(1.0) {
        return Some(format!("the last poll: {:?}", scrape.outcome(&channel)));
    }
    let is_live = expected.state == "live";
    let statuses = scrape.all(STATUS, &[("channel_id", &channel)]);
    let statuses: Vec<_> = statuses.iter().map(|one| one.label("status")).collect();
    // A channel that is left out of batches for an hour has none.
    if statuses
        .iter()
        .any(|status| *status != Some(expected.status))
    {
        return Some(format!("status {statuses:?}, not {}", expected.status));
    }
    // A channel that is left out of batches for an hour has no snapshots.
    if ends_with_snapshots(id) && expected.streams == 0 && is_live {
        return None;
    }
    let lagging = usize::from(has_lagging_stream(id) && expected.streams > 0);
    let streams = scrape.all(
        "polyv_stream_video_bitrate_bps",
        &[("channel_id", &channel)],
    );
    if streams.len() != expected.streams + lagging {
        let names: Vec<_> = streams.iter().map(|one| one.label("stream")).collect();
        return Some(format!(
            "streams {names:?}, not {}",
            expected.streams + lagging
        ));
    }
    if expected.streams == 0 {
        return None;
    }
    let main = [("channel_id", channel.as_str()), ("stream", "recordf")];
    let names = [
        "polyv_stream_video_bitrate_bps",
        "polyv_stream_video_framerate_fps",
        "polyv_stream_audio_framerate_fps",
    ];
    names.iter().zip(expected.values).find_map(|(name, right)| {
        let shown = scrape.get(name, &main);
        // The simulated values stray by 3 %, and frame rates are whole numbers.
        let is_right = shown.is_some_and(|shown| (shown - right).abs() <= right * 0.04 + 0.5);
        (!is_right).then(|| format!("{name} {shown:?}, not {right}"))
    })
}
