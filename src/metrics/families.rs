//! All metric families: the source of `/metrics`, its OpenMetrics form and the page
//! `docs/metrics.md`.

/// A family's metric type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricType {
    /// A value that goes up and down.
    Gauge,
    /// A sum that only grows.
    Counter,
    /// Counts of observations by size.
    Histogram,
}

/// The thing that a family's labels identify; a heading of the reference page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelScope {
    /// One channel.
    Channel,
    /// One stream of a channel.
    Stream,
    /// The calls to Polyv.
    Api,
    /// An endpoint of remote write.
    RemoteWrite,
    /// The exporter itself.
    Exporter,
    /// The exporter's process.
    Process,
}

/// A metric family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// The name of its samples; a counter's ends in `_total`.
    pub name: &'static str,
    /// The family's help text, in a sentence.
    pub help: &'static str,
    /// The family's type.
    pub metric_type: MetricType,
    /// The unit, with which the name ends (before `_total`); `None` for plain counts.
    pub unit: Option<&'static str>,
    /// The names of the labels.
    pub labels: &'static [&'static str],
    /// The thing that the labels identify.
    pub scope: LabelScope,
}

const CHANNEL: &[&str] = &["account", "channel_id"];
const REMOTE: &[&str] = &["remote_name"];
const STREAM: &[&str] = &["account", "channel_id", "stream"];

/// Declares families: a constant for each, and the list of all.
macro_rules! families {
    ($($(#[doc = $doc:literal])* $id:ident = $name:literal, $kind:ident, $unit:expr, $scope:ident, $labels:expr, $help:literal;)*) => {
        $(
            #[doc = concat!("`", $name, "`")]
            pub const $id: Family = Family {
                name: $name,
                help: $help,
                metric_type: MetricType::$kind,
                unit: $unit,
                labels: $labels,
                scope: LabelScope::$scope,
            };
        )*

        /// All families, in the order in which they are shown.
        pub const ALL: &[Family] = &[$($id),*];
    };
}

families! {
    CHANNEL_INFO = "polyv_channel_info", Gauge, None, Channel,
        &["account", "channel_id", "channel_name", "…"],
        "Always 1; carries the channel's configured name (its id where none is configured) and its configured labels.";
    CHANNEL_STATE = "polyv_channel_state", Gauge, None, Channel,
        &["account", "channel_id", "state"],
        "1 for the state the channel is in, 0 for the others: live, not_live, or unknown (not polled yet, or no response for too long).";
    CHANNEL_STATE_CHANGED = "polyv_channel_state_changed_timestamp_seconds", Gauge, Some("seconds"), Channel, CHANNEL,
        "When the channel entered its current state, as seen by the exporter.";
    CHANNEL_REPORTED_STATUS = "polyv_channel_reported_status", Gauge, None, Channel,
        &["account", "channel_id", "status"],
        "Always 1; the label is the status that Polyv reports: not_started, live, ended, waiting, playback or banned. Absent if poll.status is single, and if Polyv has not reported a status for too long.";
    CHANNEL_LIVE_TRANSITIONS = "polyv_channel_live_transitions_total", Counter, None, Channel, CHANNEL,
        "Changes between live and not live; time spent unknown in between does not count.";
    CHANNEL_POLL_SUCCESS = "polyv_channel_poll_success", Gauge, None, Channel, CHANNEL,
        "Whether the last poll succeeded (not live is a success); absent before the first poll.";
    CHANNEL_LAST_POLL_OUTCOME = "polyv_channel_last_poll_outcome", Gauge, None, Channel,
        &["account", "channel_id", "outcome"],
        "Always 1; the label says how the last poll ended: why a channel shows nothing. Absent before the first poll.";
    CHANNEL_LAST_POLL_SUCCESS = "polyv_channel_last_poll_success_timestamp_seconds", Gauge, Some("seconds"), Channel, CHANNEL,
        "When a poll last succeeded; absent before the first success.";
    CHANNEL_LAST_NEW_SAMPLE = "polyv_channel_last_new_sample_timestamp_seconds", Gauge, Some("seconds"), Channel, CHANNEL,
        "When the exporter last received a new sample, by its own clock; absent before the first.";
    CHANNEL_LAST_SAMPLE = "polyv_channel_last_sample_timestamp_seconds", Gauge, Some("seconds"), Channel, CHANNEL,
        "The newest sample of any of the channel's streams, by the sample's own time; absent before the first.";
    CHANNEL_PROBLEM = "polyv_channel_problem", Gauge, None, Channel,
        &["account", "channel_id", "problem", "severity", "likely_cause"],
        "Always 1; one series for each problem that the channel has now, by the alert rules' default thresholds and without their waiting times. Absent while it has none.";
    CHANNEL_SOURCE = "polyv_channel_source", Gauge, None, Channel,
        &["account", "channel_id", "source"],
        "Always 1; the label is where the channel's samples come from: tencent, list_stream_info or snapshot. Absent while it is not live.";
    CHANNEL_PUSHING = "polyv_channel_pushing", Gauge, None, Channel, CHANNEL,
        "Whether a stream is pushed to the live channel, by Polyv's get-streams; absent while it is not live, and where Polyv does not say.";
    CHANNEL_INGEST_LOST_FRAMES = "polyv_channel_ingest_lost_frames", Gauge, None, Channel, CHANNEL,
        "The share of lost frames of the pushed stream as Polyv reports it; whether of 1 or of 100 is undocumented. Absent where the CDN reports none.";
    CHANNEL_INGEST_INFO = "polyv_channel_ingest_info", Gauge, None, Channel,
        &["account", "channel_id", "ingest_node"],
        "Always 1; the label is the address of the CDN's node that receives the pushed stream. Absent where the CDN reports none.";
    CHANNEL_EXPECTED_LIVE = "polyv_channel_expected_live", Gauge, None, Channel, CHANNEL,
        "1 while the channel should be live: always with expect.live, and from a planned start until 10 minutes before the planned end. 0 outside of planned broadcasts; absent if nothing says when it should be live.";
    CHANNEL_PLANNED_START = "polyv_channel_planned_start_timestamp_seconds", Gauge, Some("seconds"), Channel, CHANNEL,
        "The start of the planned broadcast that is running, or was running and the channel is still live; else of the next one within 24 hours. Absent if there is none.";
    CHANNEL_PLANNED_END = "polyv_channel_planned_end_timestamp_seconds", Gauge, Some("seconds"), Channel, CHANNEL,
        "The end of that planned broadcast; absent if only its start is known.";
    CHANNEL_VIEWERS = "polyv_channel_viewers", Gauge, None, Channel, CHANNEL,
        "How many people watch a live channel, by Polyv's newest count; absent if that is older than 2 minutes.";
    CHANNEL_EXPECTED_CONTENT = "polyv_channel_expected_content", Gauge, None, Channel,
        &["account", "channel_id", "content"],
        "Always 1; the label is what the configuration says the channel shows: camera or screen. Absent if it says neither.";
    CHANNEL_EXPECTED_VIDEO_BITRATE = "polyv_channel_expected_video_bitrate_bps", Gauge, Some("bps"), Channel, CHANNEL,
        "The video bitrate that the configuration expects, in bits per second; absent if it expects none.";
    CHANNEL_EXPECTED_VIDEO_FRAMERATE = "polyv_channel_expected_video_framerate_fps", Gauge, Some("fps"), Channel, CHANNEL,
        "The video frame rate that the configuration expects, in frames per second; absent if it expects none.";
    CHANNEL_EXPECTED_AUDIO_FRAMERATE = "polyv_channel_expected_audio_framerate_fps", Gauge, Some("fps"), Channel, CHANNEL,
        "The audio frame rate that the configuration expects, in frames per second; absent if it expects none.";

    STREAM_VIDEO_BITRATE = "polyv_stream_video_bitrate_bps", Gauge, Some("bps"), Stream, STREAM,
        "The newest sample's video bitrate, in bits per second.";
    STREAM_VIDEO_BITRATE_MIN = "polyv_stream_video_bitrate_min_bps", Gauge, Some("bps"), Stream, STREAM,
        "The lowest video bitrate of the last poll.window of samples: a dip between two scrapes still shows.";
    STREAM_VIDEO_BITRATE_MAX = "polyv_stream_video_bitrate_max_bps", Gauge, Some("bps"), Stream, STREAM,
        "The highest video bitrate of the last poll.sustain of samples, and of at least three: under a threshold means under it the whole time. Absent until that long is covered.";
    STREAM_VIDEO_BITRATE_BASELINE = "polyv_stream_video_bitrate_baseline_bps", Gauge, Some("bps"), Stream, STREAM,
        "The stream's usual bitrate: the median video bitrate of the last 30 minutes live, held for at most 30 minutes while the bitrate is under half of it. Absent in the first 2 minutes.";
    STREAM_VIDEO_BITRATE_BASELINE_LOW = "polyv_stream_video_bitrate_baseline_low_bps", Gauge, Some("bps"), Stream, STREAM,
        "What a low bitrate is for this stream: the 10th percentile of the session's samples (at most the last 3 hours; within 5 %). While the bitrate is under half of it, for at most 30 minutes, samples wait; they count when that is over, except those with lost frames, and for 90 minutes what was low for a minute is low enough. Absent in the first 2 minutes.";
    STREAM_VIDEO_FRAMERATE = "polyv_stream_video_framerate_fps", Gauge, Some("fps"), Stream, STREAM,
        "The newest sample's video frame rate, in frames per second.";
    STREAM_VIDEO_FRAMERATE_MIN = "polyv_stream_video_framerate_min_fps", Gauge, Some("fps"), Stream, STREAM,
        "The lowest video frame rate of the last poll.window of samples.";
    STREAM_VIDEO_FRAMERATE_MAX = "polyv_stream_video_framerate_max_fps", Gauge, Some("fps"), Stream, STREAM,
        "The highest video frame rate of the last poll.sustain of samples, and of at least three. Absent until that long is covered.";
    STREAM_VIDEO_FRAMERATE_BASELINE = "polyv_stream_video_framerate_baseline_fps", Gauge, Some("fps"), Stream, STREAM,
        "The stream's usual video frame rate: the median of the samples of the bitrate's baseline, held like it.";
    STREAM_AUDIO_FRAMERATE = "polyv_stream_audio_framerate_fps", Gauge, Some("fps"), Stream, STREAM,
        "The newest sample's audio frame rate, in frames per second.";
    STREAM_AUDIO_FRAMERATE_MIN = "polyv_stream_audio_framerate_min_fps", Gauge, Some("fps"), Stream, STREAM,
        "The lowest audio frame rate of the last poll.window of samples.";
    STREAM_LAST_SAMPLE = "polyv_stream_last_sample_timestamp_seconds", Gauge, Some("seconds"), Stream, STREAM,
        "The newest sample's own time.";
    STREAM_LAST_VIDEO_FRAME = "polyv_stream_last_video_frame_timestamp_seconds", Gauge, Some("seconds"), Stream, STREAM,
        "The newest sample with a video frame rate above 0; absent if there was none since the channel went live.";
    STREAM_LAST_AUDIO_FRAME = "polyv_stream_last_audio_frame_timestamp_seconds", Gauge, Some("seconds"), Stream, STREAM,
        "The newest sample with an audio frame rate above 0; absent if there was none since the channel went live.";
    STREAM_SAMPLE_INTERVAL = "polyv_stream_sample_interval_seconds", Gauge, Some("seconds"), Stream, STREAM,
        "The usual time between two samples: the median of the last 20 (at most 15 minutes). Absent before the second sample.";
    STREAM_SAMPLES = "polyv_stream_samples_total", Counter, None, Stream, STREAM,
        "Distinct samples received; a sample that two polls return counts once.";

    API_REQUESTS = "polyv_api_requests_total", Counter, None, Api, &["account", "endpoint", "outcome"],
        "Calls to Polyv by how they ended.";
    API_REQUEST_DURATION = "polyv_api_request_duration_seconds", Histogram, Some("seconds"), Api, &["endpoint"],
        "How long calls to Polyv took, from sending to the complete response.";
    API_RATE_LIMIT_WAIT = "polyv_api_rate_limit_wait_seconds", Histogram, Some("seconds"), Api, &[],
        "How long calls waited for their turn under api.rate_limit.";
    API_PAUSED = "polyv_api_paused", Gauge, None, Api, &[],
        "1 while all calls are paused because Polyv throttled or blocked the exporter.";
    API_CLOCK_SKEW = "polyv_api_clock_skew_seconds", Gauge, Some("seconds"), Api, &[],
        "Polyv's clock (its Date header) minus this host's; absent if Polyv has not responded for poll.stale_after.";
    API_CLOCK_WRONG = "polyv_api_clock_wrong", Gauge, None, Api, &["clock"],
        "1 for the clock that is wrong if Polyv's Date header and this host's clock differ by over 30 seconds: host, or date if Polyv accepts the host's time; absent with polyv_api_clock_skew_seconds.";
    ACCOUNT_AUTH_SUCCESS = "polyv_account_auth_success", Gauge, None, Api, &["account"],
        "Whether Polyv last accepted the account's appId and signature: 1 accepted, 0 refused; absent before the first response.";
    ACCOUNT_CHANNELS = "polyv_account_channels", Gauge, None, Api, &["account", "status"],
        "Polled channels by the status that Polyv reports, including channels without series; not_live if only that is known, unknown if nothing is.";
    ACCOUNT_STATUS_FALLBACK = "polyv_account_status_fallback_channels", Gauge, None, Api, &["account"],
        "Channels that are polled individually because Polyv does not report their status in batches; absent unless poll.status is batch.";
    ACCOUNT_LISTED = "polyv_account_last_listing_success_timestamp_seconds", Gauge, Some("seconds"), Api, &["account"],
        "When the account's channels were last listed completely; absent before the first time, and without discover.";
    ACCOUNT_SCHEDULE_READ = "polyv_account_schedule_last_success_timestamp_seconds", Gauge, Some("seconds"), Api, &["account"],
        "When Polyv's plan of the account's broadcasts was last read; before the first time, when the exporter began to read it. Absent without schedule_from.";
    ACCOUNT_MINUTES_AVAILABLE = "polyv_account_minutes_available", Gauge, None, Api, &["account"],
        "Minutes of viewing that the account has left; at 0 its streams stop. Absent if Polyv does not say.";
    ACCOUNT_MINUTES_USED = "polyv_account_minutes_used", Gauge, None, Api, &["account"],
        "Minutes of viewing that the account has used; absent if Polyv does not say.";
    SAMPLE_DELAY = "polyv_sample_delay_seconds", Histogram, Some("seconds"), Api, &["account"],
        "The age of a sample when the exporter first received it: Polyv's delay and the exporter's. Samples from before a channel's first response are left out.";
    SAMPLES_DISCARDED = "polyv_samples_discarded_total", Counter, None, Api, &["account", "reason"],
        "Samples that could not be used, each counted once: bad_time, bad_value (no valid field), future, too_old, too_many_streams.";

    REMOTE_WRITE_SAMPLES = "polyv_remote_write_samples_total", Counter, None, RemoteWrite, REMOTE,
        "Samples that the endpoint has accepted.";
    REMOTE_WRITE_DROPPED = "polyv_remote_write_dropped_samples_total", Counter, None, RemoteWrite, &["remote_name", "reason"],
        "Samples that were not sent: refused (the endpoint refused the single sample), abandoned (the rest of a request of which 16 single samples were refused), expired (the recorder did not keep it until then; counted once, whatever values it has).";
    REMOTE_WRITE_FAILURES = "polyv_remote_write_failures_total", Counter, None, RemoteWrite, REMOTE,
        "Requests that failed and are repeated: 5xx, 429, network failures.";
    REMOTE_WRITE_POSITION = "polyv_remote_write_position_timestamp_seconds", Gauge, Some("seconds"), RemoteWrite, REMOTE,
        "All new samples that were recorded until then were sent or dropped; now, if none is pending. Filled samples do not count.";
    REMOTE_WRITE_PENDING = "polyv_remote_write_pending_samples", Gauge, None, RemoteWrite, REMOTE,
        "Recorded samples, new and filled, that were neither sent nor dropped so far. Each has up to three values.";

    EXPORTER_POLL_LAG = "polyv_exporter_poll_lag_seconds", Gauge, Some("seconds"), Exporter, &[],
        "How late the most overdue poll is against its schedule, or for how long nothing was polled at all; back-off and pauses reschedule.";
    EXPORTER_POLL_STRETCH = "polyv_exporter_poll_stretch_ratio", Gauge, Some("ratio"), Exporter, &[],
        "Current over configured poll interval; above 1 the rate limit does not suffice.";
    EXPORTER_LOG_LINES_DROPPED = "polyv_exporter_log_lines_dropped_total", Counter, None, Exporter, &[],
        "Log lines that were dropped because standard error was not read in time.";
    EXPORTER_BUILD_INFO = "polyv_exporter_build_info", Gauge, None, Exporter, &["version", "revision", "rust_version"],
        "Always 1; the labels identify the build.";
    EXPORTER_RELOAD_SUCCESSFUL = "polyv_exporter_config_last_reload_successful", Gauge, None, Exporter, &[],
        "Whether the last attempt to load the configuration was successful; if not, the previous one is in force.";
    EXPORTER_RELOAD_SUCCESS = "polyv_exporter_config_last_reload_success_timestamp_seconds", Gauge, Some("seconds"), Exporter, &[],
        "When the configuration in force was loaded.";

    RECORDER_UP = "polyv_recorder_up", Gauge, None, Exporter, &[],
        "Whether samples are recorded; 0 while they cannot be. Absent without recorder.path, as all metrics of the recorder.";
    RECORDER_SAMPLES = "polyv_recorder_samples_total", Counter, None, Exporter, &[],
        "Samples that were recorded; a corrected one counts once.";
    RECORDER_FILLED_SAMPLES = "polyv_recorder_filled_samples_total", Counter, None, Exporter, &[],
        "Recorded samples that had been missing: from before a channel's first poll, or from a time without polls.";
    RECORDER_ERRORS = "polyv_recorder_errors_total", Counter, None, Exporter, &[],
        "Attempts to record that failed.";
    RECORDER_SIZE = "polyv_recorder_size_bytes", Gauge, Some("bytes"), Exporter, &[],
        "Size of the recording on disk.";
    RECORDER_OLDEST_SAMPLE = "polyv_recorder_oldest_sample_timestamp_seconds", Gauge, Some("seconds"), Exporter, &[],
        "The oldest recorded sample's own time; absent where there is none.";

    PROCESS_CPU = "process_cpu_seconds_total", Counter, Some("seconds"), Process, &[],
        "Total user and system CPU time spent in seconds.";
    PROCESS_MAX_FDS = "process_max_fds", Gauge, None, Process, &[],
        "Maximum number of open file descriptors.";
    PROCESS_OPEN_FDS = "process_open_fds", Gauge, None, Process, &[],
        "Number of open file descriptors.";
    PROCESS_RESIDENT_MEMORY = "process_resident_memory_bytes", Gauge, Some("bytes"), Process, &[],
        "Resident memory size in bytes.";
    PROCESS_START_TIME = "process_start_time_seconds", Gauge, Some("seconds"), Process, &[],
        "Start time of the process since the Unix epoch in seconds.";
    PROCESS_THREADS = "process_threads", Gauge, None, Process, &[],
        "Number of operating-system threads in the process.";
    PROCESS_VIRTUAL_MEMORY = "process_virtual_memory_bytes", Gauge, Some("bytes"), Process, &[],
        "Virtual memory size in bytes.";
}

// === impl MetricType ===

impl MetricType {
    /// The word after `# TYPE`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

// === impl Family ===

/// The family of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Family> {
    ALL.iter().find(|family| family.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_valid_in_both_formats() {
        let mut names = HashSet::new();
        for family in ALL {
            assert!(
                names.insert(family.name),
                "{} is declared twice",
                family.name
            );
            let base = family.name.strip_suffix("_total");
            assert_eq!(
                base.is_some(),
                family.metric_type == MetricType::Counter,
                "{}",
                family.name
            );
            if let Some(unit) = family.unit {
                let base = base.unwrap_or(family.name);
                assert!(base.ends_with(&format!("_{unit}")), "{}", family.name);
            }
            assert!(family.help.ends_with('.'), "{}", family.name);
        }
    }
}
