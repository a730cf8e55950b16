"""Polyv live — channel: everything of one channel."""

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as units
from grafana_foundation_sdk.models import dashboard as models

import parts
from parts import BAD, CHANNEL, GOOD, OFF, UNKNOWN

OF = 'account=~"$account",channel_id="$channel"'
NOT_LIVE = "No data means that the channel is not live, or that Polyv has no such value."


def stream(metric: str, how: str = "max") -> str:
    """A metric of each of the channel's streams, whichever exporter tells of it."""
    return f"{how} by (stream) ({metric}{{{OF}}})"


def of_channel(metric: str) -> str:
    """A metric of the channel, whichever exporter tells of it."""
    return f"max({metric}{{{OF}}})"


def threshold(name: str) -> str:
    """A threshold of the alert rules."""
    return f'max(fleet:polyv_threshold:value{{threshold="{name}"}})'


def figures(board: build.Dashboard) -> build.Dashboard:
    """How it is now."""
    now = [
        parts.number(
            "State",
            "Whether the channel is live, as Polyv says; unknown where it has not answered for too"
            " long. No data means that no exporter watches the channel.",
            f"max({parts.state(OF)})",
            width=3,
        ).mappings(parts.mapped(parts.STATES)),
        parts.number(
            "Alerts",
            "How many alerts fire for the channel. Zero means none, or that Prometheus has not got"
            " the alert rules.",
            f'count(ALERTS{{alertstate="firing",{OF}}}) or 0 * {of_channel("polyv_channel_info")}',
            width=3,
        ).thresholds(parts.steps((None, GOOD), (1, BAD))),
        parts.number(
            "Bitrate",
            "The weakest stream's newest video bitrate. Zero means that it sends no video."
            f" {NOT_LIVE}",
            f"min(polyv_stream_video_bitrate_bps{{{OF}}})",
            unit="bps",
            width=3,
        ),
        parts.number(
            "Bitrate of its level",
            "The weakest stream's best half minute, as a part of the expected bitrate, or where"
            " none is configured of its own usual level. Zero means no video for that long. No"
            " data means not live, not for long enough, or that Prometheus has not got the alert"
            " rules.",
            f"min(channel:polyv_stream_video_bitrate_of_expected:min{{{OF}}}"
            f" or channel:polyv_stream_video_bitrate_of_baseline:min{{{OF}}})",
            unit="percentunit",
            width=3,
        ).thresholds(parts.steps((None, "text"))),
        parts.number(
            "Video",
            f"The weakest stream's newest video frame rate. Zero means a picture that stands still. {NOT_LIVE}",
            f"min(polyv_stream_video_framerate_fps{{{OF}}})",
            unit="suffix: fps",
            width=3,
        ),
        parts.number(
            "Audio",
            f"The weakest stream's newest audio frame rate. Zero means that there is no sound track. {NOT_LIVE}",
            f"min(polyv_stream_audio_framerate_fps{{{OF}}})",
            unit="suffix: fps",
            width=3,
        ),
        parts.number(
            "Newest sample",
            "How old the newest sample is, by its own time: Polyv's delay and ours. Near zero means"
            " fresh. No data means that there never was one.",
            f"time() - {of_channel('polyv_channel_last_sample_timestamp_seconds')}",
            unit="s",
            width=2,
        ),
        parts.number(
            "Last poll",
            "How the last poll of the channel ended: why it shows nothing. No data means that it"
            " was not asked yet.",
            f"group by (outcome) (polyv_channel_last_poll_outcome{{{OF}}})",
            width=2,
        )
        .text_mode(units.BigValueTextMode.NAME)
        .display_name("${__field.labels.outcome}"),
        parts.number(
            "Polyv says",
            "What Polyv calls the channel's status: more than live or not. No data means that it is"
            " not requested, or was not reported lately.",
            f"group by (status) (polyv_channel_reported_status{{{OF}}})",
            width=2,
        )
        .text_mode(units.BigValueTextMode.NAME)
        .display_name("${__field.labels.status}"),
    ]
    now += [
        parts.number(
            "Source",
            "Where the channel's samples come from. No data means that it is not live.",
            f"group by (source) (polyv_channel_source{{{OF}}})",
            width=4,
        )
        .text_mode(units.BigValueTextMode.NAME)
        .display_name("${__field.labels.source}"),
        parts.number(
            "Pushed",
            "Whether a stream is pushed to the live channel: 1, or 0 where its status was set without one."
            " No data means that it is not live, or that Polyv does not say.",
            of_channel("polyv_channel_pushing"),
            width=4,
        ).thresholds(parts.steps((None, BAD), (1, GOOD))),
        parts.number(
            "Lost frames at the ingest node",
            "The share of lost frames as Polyv reports it; whether of 1 or of 100 is undocumented. Zero"
            " means that none is lost. No data means that it is not live, or that the CDN does not report it.",
            of_channel("polyv_channel_ingest_lost_frames"),
            width=8,
        ).thresholds(parts.steps((None, "text"))),
        parts.number(
            "Ingest node",
            "The address of the CDN's node that receives the stream. No data means that it is not live,"
            " or that the CDN does not report it.",
            f"group by (ingest_node) (polyv_channel_ingest_info{{{OF}}})",
            width=8,
        )
        .text_mode(units.BigValueTextMode.NAME)
        .display_name("${__field.labels.ingest_node}"),
    ]
    for panel in now:
        board = board.with_panel(panel)
    return board


def over_time(board: build.Dashboard) -> build.Dashboard:
    """How it was."""
    bitrate = parts.lines(
        "Video bitrate",
        "Each stream's newest sample, and the lowest of the last 90 seconds, so that a dip between"
        " two scrapes still shows. Dotted: the highest of the last 30 seconds, which the alerts look"
        " at. Dashed: what is expected, the stream's own usual level, what nine of ten of its samples exceed, and"
        " where the page begins (without an expectation, if frames are lost too or it is a camera). Zero means that"
        " no video comes. A gap means not live.",
        [
            parts.query(stream("polyv_stream_video_bitrate_bps"), "{{stream}}", "A"),
            parts.query(stream("polyv_stream_video_bitrate_min_bps", "min"), "{{stream}} lowest", "B"),
            parts.query(stream("polyv_stream_video_bitrate_max_bps"), "{{stream}} best half minute", "C"),
            parts.query(of_channel("polyv_channel_expected_video_bitrate_bps"), "expected", "D"),
            parts.query(stream("polyv_stream_video_bitrate_baseline_bps"), "{{stream}} usual level", "E"),
            parts.query(
                stream("polyv_stream_video_bitrate_baseline_low_bps"), "{{stream}} usually above", "G"
            ),
            parts.query(
                f"{of_channel('polyv_channel_expected_video_bitrate_bps')}"
                f" * {threshold('bitrate_dropped_of_expected')}"
                " or min("
                + stream("polyv_stream_video_bitrate_baseline_bps")
                + f") * {threshold('bitrate_dropped_of_baseline')}",
                "page below",
                "F",
            ),
        ],
        unit="bps",
        width=16,
    ).height(10)
    bitrate = parts.dashed(bitrate, "expected", GOOD)
    bitrate = parts.dashed(bitrate, "/.*usual(ly above| level)/", OFF)
    bitrate = parts.dashed(bitrate, "page below", BAD)
    bitrate = bitrate.override_by_regexp(
        "/.*best half minute/",
        [models.DynamicConfigValue("custom.lineStyle", {"fill": "dot", "dash": [0, 8]})],
    )

    def frames(kind: str) -> list[parts.Query]:
        return [
            parts.query(stream(f"polyv_stream_{kind}_framerate_fps"), "{{stream}}", "A"),
            parts.query(
                stream(f"polyv_stream_{kind}_framerate_min_fps", "min"), "{{stream}} lowest", "B"
            ),
            parts.query(of_channel(f"polyv_channel_expected_{kind}_framerate_fps"), "expected", "C"),
        ]

    best = parts.query(
        stream("polyv_stream_video_framerate_max_fps"), "{{stream}} best half minute", "D"
    )
    usual = parts.query(
        stream("polyv_stream_video_framerate_baseline_fps"), "{{stream}} usual rate", "E"
    )
    video = parts.lines(
        "Video frame rate",
        "Each stream's newest sample, the lowest of the last 90 seconds, and the highest of the last"
        " 30. Dashed: what is expected, and the stream's own usual rate. Zero means a picture that stands"
        " still. A gap means not live, or no such value.",
        [*frames("video"), best, usual],
        unit="suffix: fps",
    )
    audio = parts.lines(
        "Audio frame rate",
        "Each stream's newest sample, and the lowest of the last 90 seconds. AAC has 43 frames a"
        " second at 44.1 kHz and 47 at 48 kHz. Zero means that there is no sound track; silence has"
        " frames too. A gap means not live, or no such value.",
        frames("audio"),
        unit="suffix: fps",
    )
    age = parts.lines(
        "How old the newest is",
        "By each stream's own times: its newest sample, its last video frame and its last audio"
        " frame. All three low is good; frames older than the sample are a frozen picture or lost"
        " sound. A gap means not live, or that there was none since the channel turned live.",
        [
            parts.query(f"time() - {stream('polyv_stream_last_sample_timestamp_seconds')}", "{{stream}} sample", "A"),
            parts.query(
                f"time() - {stream('polyv_stream_last_video_frame_timestamp_seconds')}", "{{stream}} video frame", "B"
            ),
            parts.query(
                f"time() - {stream('polyv_stream_last_audio_frame_timestamp_seconds')}", "{{stream}} audio frame", "C"
            ),
        ],
        unit="s",
    )
    heard = parts.lines(
        "When something was last heard",
        "How long ago a poll brought an answer, and how long ago one brought a new sample, by our"
        " clock. Answers without new samples mean that the stream, or Polyv's measuring of it, has"
        " stopped. Zero is just now. No data means never.",
        [
            parts.query(
                f"time() - {of_channel('polyv_channel_last_poll_success_timestamp_seconds')}", "answer", "A"
            ),
            parts.query(
                f"time() - {of_channel('polyv_channel_last_new_sample_timestamp_seconds')}", "new sample", "B"
            ),
        ],
        unit="s",
    )
    viewers = parts.lines(
        "Viewers",
        "How many people watch, by Polyv's newest count. A gap means that the channel is not live,"
        " or that Polyv has no count.",
        [parts.query(of_channel("polyv_channel_viewers"), "viewers")],
        unit="short",
        width=8,
    ).height(10)
    planned = (
        f"(time() >= bool {of_channel('polyv_channel_planned_start_timestamp_seconds')})"
        f" * (time() <= bool ({of_channel('polyv_channel_planned_end_timestamp_seconds')} or vector(Inf)))"
        f" or 0 * {of_channel('polyv_channel_info')}"
    )
    return (
        board.with_panel(
            parts.states(
                "State",
                "Whether the channel was live, as Polyv said. A gap means that no exporter answered"
                " Prometheus.",
                [parts.query(f"max({parts.state(OF)})", "state")],
                parts.STATES,
                height=4,
            )
        )
        .with_panel(
            parts.states(
                "Planned against live",
                "When a broadcast was planned, and when the channel was live: a late start, an early end and a"
                " broadcast that goes on show as bars that differ. Where only a start is planned, until it is"
                " over. Grey means no. A gap means that no exporter answered Prometheus.",
                [
                    parts.query(planned, "planned", "A"),
                    parts.query(f'max(polyv_channel_state{{state="live",{OF}}})', "live", "B"),
                ],
                {
                    "1": models.ValueMappingResult(text="yes", color=GOOD, index=0),
                    "0": models.ValueMappingResult(text="no", color=OFF, index=1),
                },
                height=4,
            )
        )
        .with_panel(bitrate)
        .with_panel(viewers)
        .with_panel(parts.dashed(parts.dashed(video, "expected", GOOD), "/.*usual rate/", OFF))
        .with_panel(parts.dashed(audio, "expected", GOOD))
        .with_panel(age)
        .with_panel(heard)
    )


def details(board: build.Dashboard) -> build.Dashboard:
    """Its streams side by side, its alerts, its polls."""
    streams = parts.list_of(
        "Streams",
        "The channel's streams side by side, as in their newest samples. 0 is a measured 0; an"
        " empty cell means that Polyv has no such value. No rows mean not live.",
        [
            ("Bitrate", stream("polyv_stream_video_bitrate_bps")),
            ("lowest", stream("polyv_stream_video_bitrate_min_bps", "min")),
            ("usual level", stream("polyv_stream_video_bitrate_baseline_bps")),
            ("Video", stream("polyv_stream_video_framerate_fps")),
            ("Audio", stream("polyv_stream_audio_framerate_fps")),
            ("Age", f"time() - {stream('polyv_stream_last_sample_timestamp_seconds')}"),
            ("Samples", stream("polyv_stream_samples_total")),
        ],
        [("stream", "Stream")],
        width=14,
        height=7,
    )
    for name in ("Bitrate", "lowest", "usual level"):
        streams = parts.column(streams, name, unit="bps", decimals=2)
    for name in ("Video", "Audio"):
        streams = parts.column(streams, name, unit="suffix: fps", decimals=1)
    streams = parts.column(streams, "Age", unit="s", decimals=0)
    samples = parts.lines(
        "New samples",
        "How many samples a minute each stream brings: about 12, one every 5 seconds. Zero means"
        " that none comes. A gap means not live.",
        [
            parts.query(
                f"60 * max by (stream) (rate(polyv_stream_samples_total{{{OF}}}[$__rate_interval]))",
                "{{stream}}",
            )
        ],
        unit="short",
        width=10,
    ).height(7)
    firing = parts.states(
        "Alerts",
        "Which alerts fired for the channel. No data means that none did, or that Prometheus has"
        " not got the alert rules.",
        [parts.query(f'max by (alertname) (ALERTS{{alertstate="firing",{OF}}})', "{{alertname}}")],
        {"1": models.ValueMappingResult(text="fires", color=BAD, index=0)},
        width=14,
        height=7,
    ).no_value("no alert fired")
    polls = parts.states(
        "Polls",
        "Whether polls brought an answer; not live is one. A gap means that no exporter answered"
        " Prometheus, or that the channel was not asked yet.",
        [parts.query(f"max(polyv_channel_poll_success{{{OF}}})", "answered")],
        {
            "1": models.ValueMappingResult(text="answered", color=GOOD, index=0),
            "0": models.ValueMappingResult(text="failed", color=UNKNOWN, index=1),
        },
        width=10,
        height=4,
    )
    transitions = parts.number(
        "Live transitions",
        "How often the channel turned live or not live in this time range. Zero means that it"
        " stayed what it was.",
        f"max(increase(polyv_channel_live_transitions_total{{{OF}}}[$__range]))",
        width=10,
    ).decimals(0)
    expected = parts.number(
        "Expected to be live",
        "Whether the channel should be live now, by expect.live or its plan. No means that"
        " nothing is expected.",
        f"{of_channel('polyv_channel_expected_live')} or 0 * {of_channel('polyv_channel_info')}",
        width=6,
    ).mappings(
        parts.mapped(
            {
                "1": models.ValueMappingResult(text="yes", color=GOOD, index=0),
                "0": models.ValueMappingResult(text="no", color=OFF, index=1),
            }
        )
    )
    start = parts.number(
        "Planned start",
        "The start of the planned broadcast that is running, or else of the next one within 24 hours. No"
        " data means that none is planned.",
        f"1000 * {of_channel('polyv_channel_planned_start_timestamp_seconds')}",
        unit="dateTimeAsIso",
        width=8,
    )
    return (
        board.with_panel(streams)
        .with_panel(samples)
        .with_panel(firing)
        .with_panel(polls)
        .with_panel(expected)
        .with_panel(start)
        .with_panel(transitions)
    )


def dashboard() -> build.Dashboard:
    """The whole."""
    board = parts.start(
        "Polyv live — channel",
        CHANNEL,
        "Everything of one channel. Made for polyv-exporter and its alert rules.",
    )
    board = board.with_variable(parts.account()).with_variable(parts.channel(many=False))
    board = board.annotation(parts.alerts(OF)).annotation(parts.changes(OF))
    return details(over_time(figures(board)))
