"""Polyv live — overview: which channels are live, troubled, unknown."""

from grafana_foundation_sdk.builders import common, dashboard as build

import parts
from parts import BAD, CHANNEL, GOOD, MEDIOCRE, OFF, OVERVIEW, UNKNOWN

OF = 'account=~"$account",channel_id=~"$channel"'
LIVE = 'channel:polyv_channel_state:max{state="live",%s} == 1' % OF
# A browser can't show 30,000 rows; these are the worst, and of equal ones any.
WORST = f"topk(500, channel:polyv_channel_trouble:max{{{OF}}})"


def of_the_worst(expr: str) -> str:
    """The same for the channels that are worst off."""
    return f"{expr} and on (account, channel_id) {WORST}"


def figures(board: build.Dashboard) -> build.Dashboard:
    """Numbers of channels."""
    by_state = (
        "Zero means that there is none. No data means that Prometheus has no exporter to ask, or has"
        " not got the alert rules."
    )
    return (
        board.with_panel(
            parts.number(
                "Live",
                f"Channels that are live now. {by_state}",
                f"count({LIVE}) or 0 * count(channel:polyv_channel_info:max)",
            )
        )
        .with_panel(
            parts.number(
                "Not live",
                f"Channels that are not live now, as Polyv says. {by_state}",
                f'count(channel:polyv_channel_state:max{{state="not_live",{OF}}} == 1)'
                " or 0 * count(channel:polyv_channel_info:max)",
            ).thresholds(parts.steps((None, OFF)))
        )
        .with_panel(
            parts.number(
                "Unknown",
                "Channels whose state is unknown: not polled yet, or no response for too long."
                f" {by_state}",
                f'count(channel:polyv_channel_state:min{{state="unknown",{OF}}} == 1)'
                " or 0 * count(channel:polyv_channel_info:max)",
            ).thresholds(parts.steps((None, GOOD), (1, UNKNOWN)))
        )
        .with_panel(
            parts.number(
                "Troubled",
                f"Channels for which a page or a warning fires. {by_state}",
                f"count(channel:polyv_channel_trouble:max{{{OF}}} >= 2)"
                " or 0 * count(channel:polyv_channel_info:max)",
            ).thresholds(parts.steps((None, GOOD), (1, BAD)))
        )
        .with_panel(
            parts.number(
                "Should be live and are not",
                "Channels that should be live now, by expect.live or their plan, and that are not."
                f" {by_state}",
                "count(max by (account, channel_id) (polyv_channel_expected_live{%s} == 1)"
                " unless on (account, channel_id) %s)"
                " or 0 * count(channel:polyv_channel_info:max)" % (OF, LIVE),
            ).thresholds(parts.steps((None, GOOD), (1, BAD)))
        )
        .with_panel(
            parts.number(
                "Bitrate of all streams",
                "The sum of the newest video bitrates. Zero means that no stream sends video. No"
                " data means that no channel is live, or none has samples.",
                "sum(max by (account, channel_id, stream)"
                f" (polyv_stream_video_bitrate_bps{{{OF}}}))",
                unit="bps",
            )
        )
    )


def channels(board: build.Dashboard) -> build.Dashboard:
    """The table of channels."""
    one = "by (account, channel_id)"
    panel = parts.list_of(
        "Channels",
        "The channels that are worst off first, up to 500. Bitrate and frame rates are those of"
        " the weakest stream in its newest sample; its best half minute is shown as a part of what"
        " is expected, or where nothing is, of its own usual level. 0 is a measured 0; an empty cell"
        " means that the channel is not live, or that Polyv has no such value. No rows mean that"
        " Prometheus has no exporter to ask, or has not got the alert rules.",
        [
            ("Alert", f"max {one} ({WORST})"),
            ("Firing", of_the_worst(f'count {one} (ALERTS{{alertstate="firing",{OF}}})')),
            ("State", of_the_worst(parts.state(OF))),
            ("Bitrate", of_the_worst(f"min {one} (polyv_stream_video_bitrate_bps{{{OF}}})")),
            (
                "of expected",
                of_the_worst(f"channel:polyv_stream_video_bitrate_of_expected:min{{{OF}}}"),
            ),
            (
                "of usual",
                of_the_worst(f"channel:polyv_stream_video_bitrate_of_baseline:min{{{OF}}}"),
            ),
            ("Video", of_the_worst(f"min {one} (polyv_stream_video_framerate_fps{{{OF}}})")),
            ("Audio", of_the_worst(f"min {one} (polyv_stream_audio_framerate_fps{{{OF}}})")),
            (
                "Sample age",
                of_the_worst(
                    f"(time() - max {one} (polyv_channel_last_sample_timestamp_seconds{{{OF}}})"
                    f" and on (account, channel_id) {LIVE})"
                ),
            ),
            (
                "",
                of_the_worst(
                    "max by (account, channel_id, channel_name)"
                    f" (channel:polyv_channel_info:max{{{OF}}})"
                ),
            ),
        ],
        [("channel_name", "Channel"), ("channel_id", "Id"), ("account", "Account")],
    ).sort_by([common.TableSortByFieldState().display_name("Alert").desc(True)])
    url = (
        f"/d/{CHANNEL}?var-account=${{__data.fields.Account}}&var-channel=${{__data.fields.Id}}"
        "&var-datasource=${datasource}&${__url_time_range}"
    )
    panel = parts.column(panel, "Channel", link=("Everything of this channel", url), width=220)
    panel = parts.column(panel, "Alert", values=parts.TROUBLES, width=90)
    panel = parts.column(panel, "Firing", unit="short", width=80)
    panel = parts.column(panel, "State", values=parts.STATES, width=90)
    panel = parts.column(panel, "Bitrate", unit="bps", decimals=2)
    # Where the page and the warning begin.
    for name, page, warning in (("of expected", 0.5, 0.75), ("of usual", 0.25, 0.5)):
        limits = [(None, BAD), (page, MEDIOCRE), (warning, GOOD)]
        panel = parts.column(panel, name, unit="percentunit", decimals=0, limits=limits)
    for name in ("Video", "Audio"):
        panel = parts.column(panel, name, unit="suffix: fps", decimals=1)
    panel = parts.column(panel, "Sample age", unit="s", decimals=0)
    return board.with_panel(panel)


def timeline(board: build.Dashboard) -> build.Dashboard:
    """States over time."""
    changed = (
        "topk(30, max by (account, channel_id) (changes("
        f"polyv_channel_state_changed_timestamp_seconds{{{OF}}}[$__range] @ end())))"
    )
    expr = (
        f"(channel:polyv_channel_info:max{{{OF}}} * 0 + on (account, channel_id) group_left ()"
        f" {parts.state(OF)}) and on (account, channel_id) {changed}"
    )
    return board.with_panel(
        parts.states(
            "States",
            "What the 30 channels were that changed most in this time range; choose channels above"
            " to see others. A gap means that no exporter answered Prometheus, and no data also that it"
            " has not got the alert rules.",
            [parts.query(expr, "{{channel_name}}")],
            parts.STATES,
            height=12,
        )
    )


def dashboard() -> build.Dashboard:
    """The whole."""
    board = parts.start(
        "Polyv live — overview",
        OVERVIEW,
        "Which channels are live, troubled or unknown. Made for polyv-exporter and its alert rules.",
    )
    board = board.with_variable(parts.account()).with_variable(parts.channel(many=True))
    board = board.annotation(parts.alerts(f'severity="page",{OF}'))
    board = board.annotation(parts.changes(OF, shown=False))
    return timeline(channels(figures(board)))
