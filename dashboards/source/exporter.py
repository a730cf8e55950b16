"""Polyv live — exporter: whether the exporter itself does well."""

from grafana_foundation_sdk.builders import common, dashboard as build
from grafana_foundation_sdk.models import common as units
from grafana_foundation_sdk.models import dashboard as models

import parts
from parts import BAD, EXPORTER, GOOD, MEDIOCRE, OFF

OF = 'job=~"$job",instance=~"$instance"'
BY = "by (instance)"
ACCOUNT = f'account=~"$account",{OF}'
ALL = "histogram_quantile(%s, sum by (le%s) (rate(%s_bucket{%s}[$__rate_interval])))"


def quantiles(metric: str, selector: str, label: str = "") -> list[parts.Query]:
    """The middle, the worst twentieth and the worst hundredth of a histogram."""
    by = f", {label}" if label else ""
    legend = f"{{{{{label}}}}} " if label else ""
    return [
        parts.query(ALL % (share, by, metric, selector), f"{legend}{name}", ref)
        for share, name, ref in (("0.5", "median", "A"), ("0.95", "p95", "B"), ("0.99", "p99", "C"))
    ]


def figures(board: build.Dashboard) -> build.Dashboard:
    """How it is now."""
    up = parts.number(
        "Exporters that answer",
        "How many exporters answered Prometheus' last scrape. Zero means that no exporter watches the"
        " channels. No data means that there was none in the last day.",
        "sum(instance:polyv_exporter_up:current)",
    ).thresholds(parts.steps((None, BAD), (1, GOOD)))
    auth = (
        parts.number(
            "Signature accepted",
            "Polyv's newest verdict on each account's appId and appSecret. No data means that Polyv"
            " has not said yet.",
            'min by (account) (polyv_account_auth_success{account=~"$account"})',
        )
        .mappings(parts.mapped(parts.YES_NO))
        .display_name("${__field.labels.account}")
    )
    paused = (
        parts.number(
            "Held back",
            "Whether all calls are held back because Polyv throttled or blocked the exporter.",
            f"max {BY} (polyv_api_paused{{{OF}}})",
        )
        .mappings(parts.mapped(parts.NO_YES))
        .display_name("${__field.labels.instance}")
    )
    stretch = (
        parts.number(
            "Intervals stretched",
            "The present poll interval as a multiple of the configured one. 1 is right; above it the"
            " budget of calls does not suffice.",
            f"max {BY} (polyv_exporter_poll_stretch_ratio{{{OF}}})",
            unit="suffix: ×",
        )
        .decimals(2)
        .thresholds(parts.steps((None, GOOD), (1.05, MEDIOCRE), (1.5, BAD)))
        .display_name("${__field.labels.instance}")
    )
    reloaded = (
        parts.number(
            "Configuration",
            "Whether the last attempt to load the configuration was successful. Where not, the one"
            " before is in force.",
            f"min {BY} (polyv_exporter_config_last_reload_successful{{{OF}}})",
        )
        .mappings(
            parts.mapped(
                {
                    "1": models.ValueMappingResult(text="valid", color=GOOD, index=0),
                    "0": models.ValueMappingResult(text="refused", color=BAD, index=1),
                }
            )
        )
        .display_name("${__field.labels.instance}")
    )
    skew = (
        parts.number(
            "Clock",
            "Polyv's clock minus that of the exporter's host: above zero the host is behind. Within"
            " a second or two is right. No data means that Polyv has not answered lately.",
            f"max {BY} (polyv_api_clock_skew_seconds{{{OF}}})",
            unit="s",
        )
        .decimals(1)
        .thresholds(parts.steps((None, BAD), (-30, MEDIOCRE), (-5, GOOD), (5, MEDIOCRE), (30, BAD)))
        .display_name("${__field.labels.instance}")
    )
    for panel in (up, auth, paused, stretch, reloaded, skew):
        board = board.with_panel(panel)
    return board


def calls(board: build.Dashboard) -> build.Dashboard:
    """Calls to Polyv."""
    outcomes = parts.lines(
        "Calls by outcome",
        "Calls a second to Polyv, by how they ended. ok and not_live are answers; all others are"
        " failures. What is not shown did not occur. No data means that no call was made.",
        [
            parts.query(
                f"sum by (endpoint, outcome) (rate(polyv_api_requests_total{{{ACCOUNT}}}[$__rate_interval])) > 0",
                "{{endpoint}} {{outcome}}",
            )
        ],
        unit="reqps",
    ).stacking(common.StackingConfig().mode(units.StackingMode.NORMAL)).fill_opacity(30)
    failed = parts.lines(
        "Calls that fail",
        "The part of an endpoint's calls of the last 15 minutes that failed, for each exporter."
        " Above the dashed line a warning fires. Zero means that none failed.",
        [
            parts.query(
                f"endpoint:polyv_api_requests_failed:increase15m{{{OF}}}"
                f" / (endpoint:polyv_api_requests:increase15m{{{OF}}} > 0)",
                "{{instance}} {{endpoint}}",
                "A",
            ),
            parts.query('max(fleet:polyv_threshold:value{threshold="api_errors_ratio"})', "warning above", "B"),
        ],
        unit="percentunit",
    )
    channels = parts.lines(
        "Channels by status",
        "All channels that are watched, also those without series of their own, by what Polyv calls"
        " their status. not_live: only that is known. unknown: Polyv has not said for too long.",
        [
            parts.query(
                f"sum by (account, status) (max by (job, account, status) (polyv_account_channels{{{ACCOUNT}}})) > 0",
                "{{account}} {{status}}",
            )
        ],
        unit="short",
    ).stacking(common.StackingConfig().mode(units.StackingMode.NORMAL)).fill_opacity(30)
    found = parts.lines(
        "Finding channels",
        "How many channels are polled individually because Polyv does not report their status in batches:"
        " near zero is right. On the right how long ago each account's channels were last listed; no"
        " data means that none are discovered.",
        [
            parts.query(
                f"sum by (account) (max by (job, account) (polyv_account_status_fallback_channels{{{ACCOUNT}}}))",
                "{{account}} polled individually",
                "A",
            ),
            parts.query(
                "time() - max by (account)"
                f" (polyv_account_last_listing_success_timestamp_seconds{{{ACCOUNT}}})",
                "{{account}} listed",
                "B",
            ),
        ],
        unit="short",
    ).override_by_regexp(
        "/.*listed/",
        [
            models.DynamicConfigValue("unit", "dtdurations"),
            models.DynamicConfigValue("custom.axisPlacement", "right"),
        ],
    )
    return (
        board.with_panel(outcomes)
        .with_panel(parts.dashed(failed, "warning above", MEDIOCRE))
        .with_panel(channels)
        .with_panel(found)
        .with_panel(
            parts.lines(
                "How long calls take",
                "From sending a call to its whole answer. No data means that no call ended.",
                quantiles("polyv_api_request_duration_seconds", OF, "endpoint"),
                unit="s",
            )
        )
        .with_panel(
            parts.lines(
                "How long calls wait for their turn",
                "How long polls that were due waited for the rate limit. Near zero is right. No data"
                " means that no call was made.",
                quantiles("polyv_api_rate_limit_wait_seconds", OF),
                unit="s",
            )
        )
        .with_panel(
            parts.lines(
                "How late samples are",
                "How old samples were when they were first seen: Polyv's delay and ours. No data"
                " means that no new sample came.",
                quantiles("polyv_sample_delay_seconds", ACCOUNT, "account")
                + [
                    parts.query(
                        'account:polyv_sample_delay_seconds:p90{account=~"$account"}',
                        "{{account}} p90 since the start",
                        "D",
                    )
                ],
                unit="s",
            )
        )
        .with_panel(
            parts.lines(
                "Samples that could not be used",
                "Samples a minute that were discarded, by the reason. Zero is right.",
                [
                    parts.query(
                        "60 * sum by (account, reason)"
                        f" (rate(polyv_samples_discarded_total{{{ACCOUNT}}}[$__rate_interval]))",
                        "{{account}} {{reason}}",
                    )
                ],
                unit="short",
            )
        )
        .with_panel(
            parts.lines(
                "Minutes of viewing",
                "How many minutes of viewing each account has left, and on the right how many it has"
                " used. They are read once an hour. No data means that Polyv does not say.",
                [
                    parts.query(
                        f"min by (account) (polyv_account_minutes_available{{{ACCOUNT}}})",
                        "{{account}} left",
                        "A",
                    ),
                    parts.query(
                        f"max by (account) (polyv_account_minutes_used{{{ACCOUNT}}})",
                        "{{account}} used",
                        "B",
                    ),
                ],
                unit="short",
            ).override_by_regexp(
                "/.*used/",
                [models.DynamicConfigValue("custom.axisPlacement", "right")],
            )
        )
    )


def remote_write(board: build.Dashboard) -> build.Dashboard:
    """What is sent to other stores of metrics."""
    endpoint = "by (instance, remote_name)"
    behind = parts.lines(
        "Remote write: behind",
        "How long ago the oldest new sample was recorded that an endpoint has not got so far. A few seconds are right;"
        " above the dashed line a warning fires. No data means that no remote write is configured.",
        [
            parts.query(
                f"time() - min {endpoint} (polyv_remote_write_position_timestamp_seconds{{{OF}}})",
                "{{instance}} {{remote_name}}",
                "A",
            ),
            parts.query(
                'max(fleet:polyv_threshold:value{threshold="remote_write_behind_seconds"})',
                "warning above",
                "B",
            ),
        ],
        unit="s",
    )
    pending = parts.lines(
        "Remote write: samples that wait",
        "How many recorded samples, new and filled, an endpoint has not got so far. It rises while a"
        " receiver is away. No data means that no remote write is configured.",
        [
            parts.query(
                f"max {endpoint} (polyv_remote_write_pending_samples{{{OF}}})",
                "{{instance}} {{remote_name}}",
            )
        ],
        unit="short",
    )
    sent = parts.lines(
        "Remote write: samples",
        "Samples a second that endpoints accepted, and those that were dropped because an endpoint"
        " refused them: zero is right. No data means that no remote write is configured.",
        [
            parts.query(
                f"sum {endpoint} (rate(polyv_remote_write_samples_total{{{OF}}}[$__rate_interval]))",
                "{{instance}} {{remote_name}}",
                "A",
            ),
            parts.query(
                "sum by (instance, remote_name, reason)"
                f" (rate(polyv_remote_write_dropped_samples_total{{{OF}}}[$__rate_interval]))",
                "{{instance}} {{remote_name}} dropped: {{reason}}",
                "B",
            ),
        ],
        unit="short",
    )
    failed = parts.lines(
        "Remote write: requests that fail",
        "Requests a second that failed and are repeated. Nothing is lost by it. No data means that"
        " no remote write is configured.",
        [
            parts.query(
                f"sum {endpoint} (rate(polyv_remote_write_failures_total{{{OF}}}[$__rate_interval]))",
                "{{instance}} {{remote_name}}",
            )
        ],
        unit="reqps",
    )
    for panel in (parts.dashed(behind, "warning above", MEDIOCRE), pending, sent, failed):
        board = board.with_panel(panel)
    return board


def itself(board: build.Dashboard) -> build.Dashboard:
    """The exporter's own work and what it takes."""
    lag = parts.lines(
        "How late polls are",
        "How late the most overdue poll is against its plan. Below a second is right; above 30 a"
        " warning fires. Back-off and pauses set a new time, so they do not show here.",
        [parts.query(f"max {BY} (polyv_exporter_poll_lag_seconds{{{OF}}})", "{{instance}}")],
        unit="s",
    )
    scrape = parts.lines(
        "What a scrape takes",
        "How long Prometheus' scrapes of the exporter take. No data means that it is not scraped.",
        [
            parts.query(
                f"max {BY} (scrape_duration_seconds{{{OF}}} and on (job, instance) instance:polyv_exporter_up:current)",
                "{{instance}}",
            )
        ],
        unit="s",
    )
    series = parts.lines(
        "Series",
        "How many series a scrape brings. It grows with channels that are live.",
        [
            parts.query(
                f"max {BY} (scrape_samples_scraped{{{OF}}} and on (job, instance) instance:polyv_exporter_up:current)",
                "{{instance}}",
            )
        ],
        unit="short",
    )
    ours = f"{{{OF}}} and on (job, instance) polyv_exporter_build_info"
    cpu = parts.lines(
        "CPU",
        "How many cores the exporter keeps busy. No data where the system does not tell.",
        [
            parts.query(
                f"max {BY} (rate(process_cpu_seconds_total{{{OF}}}[$__rate_interval])"
                " and on (job, instance) polyv_exporter_build_info)",
                "{{instance}}",
            )
        ],
        unit="percentunit",
    )
    memory = parts.lines(
        "Memory",
        "What the exporter holds in memory, and on the right what it has reserved of addresses,"
        " which costs nothing. It grows with channels that are live, and then stays.",
        [
            parts.query(f"max {BY} (process_resident_memory_bytes{ours})", "{{instance}} resident", "A"),
            parts.query(f"max {BY} (process_virtual_memory_bytes{ours})", "{{instance}} virtual", "B"),
        ],
        unit="bytes",
    ).override_by_regexp(
        "/.*virtual/",
        [models.DynamicConfigValue("custom.axisPlacement", "right")],
    )
    files = parts.lines(
        "Files and threads",
        "Open file descriptors as a part of what the system allows, for which 1 is the end, and"
        " threads.",
        [
            parts.query(
                f"max {BY} (process_open_fds{ours}) / max {BY} (process_max_fds{ours})",
                "{{instance}} files",
                "A",
            ),
            parts.query(f"max {BY} (process_threads{ours})", "{{instance}} threads", "B"),
        ],
        unit="percentunit",
    ).override_by_regexp(
        "/.*threads/",
        [
            models.DynamicConfigValue("unit", "short"),
            models.DynamicConfigValue("custom.axisPlacement", "right"),
        ],
    )
    dropped = parts.lines(
        "Log lines dropped",
        "How many lines of the log were dropped because nothing read standard error in time."
        " Nothing else waits for it.",
        [
            parts.query(
                f"sum {BY} (increase(polyv_exporter_log_lines_dropped_total{{{OF}}}[$__rate_interval]))",
                "{{instance}}",
            )
        ],
        unit="short",
    )
    versions = parts.list_of(
        "Exporters",
        "Which exporters there are, since when they run, and since when their configuration is in"
        " force.",
        [
            (
                "",
                f"max by (instance, version, revision, rust_version) (polyv_exporter_build_info{{{OF}}})",
            ),
            ("Running for", f"time() - max {BY} (process_start_time_seconds{ours})"),
            (
                "Configured for",
                f"time() - max {BY} (polyv_exporter_config_last_reload_success_timestamp_seconds{{{OF}}})",
            ),
        ],
        [("instance", "Exporter"), ("version", "Version"), ("revision", "Revision"), ("rust_version", "Rust")],
        height=6,
    )
    versions = parts.column(versions, "Running for", unit="dtdurations", decimals=0)
    versions = parts.column(versions, "Configured for", unit="dtdurations", decimals=0)
    recorded = parts.lines(
        "Recording",
        "Samples a minute that are recorded, those of them that had been missing, attempts that failed, and on the"
        " right whether recording works: 1 is right. No data means that no recorder is configured.",
        [
            parts.query(
                f"60 * sum {BY} (rate(polyv_recorder_samples_total{{{OF}}}[$__rate_interval]))",
                "{{instance}} recorded",
                "A",
            ),
            parts.query(
                f"60 * sum {BY} (rate(polyv_recorder_filled_samples_total{{{OF}}}[$__rate_interval]))",
                "{{instance}} had been missing",
                "B",
            ),
            parts.query(
                f"60 * sum {BY} (rate(polyv_recorder_errors_total{{{OF}}}[$__rate_interval]))",
                "{{instance}} failed",
                "C",
            ),
            parts.query(f"max {BY} (polyv_recorder_up{{{OF}}})", "{{instance}} works", "D"),
        ],
        unit="short",
    ).override_by_regexp(
        "/.*works/",
        [models.DynamicConfigValue("custom.axisPlacement", "right")],
    )
    kept = parts.lines(
        "What the recording holds",
        "The size of the recording on disk, and on the right how far back it reaches. No data means that no"
        " recorder is configured.",
        [
            parts.query(f"max {BY} (polyv_recorder_size_bytes{{{OF}}})", "{{instance}} size", "A"),
            parts.query(
                f"time() - max {BY} (polyv_recorder_oldest_sample_timestamp_seconds{{{OF}}})",
                "{{instance}} reaches back",
                "B",
            ),
        ],
        unit="bytes",
    ).override_by_regexp(
        "/.*back/",
        [
            models.DynamicConfigValue("unit", "dtdurations"),
            models.DynamicConfigValue("custom.axisPlacement", "right"),
        ],
    )
    for panel in (lag, scrape, series, cpu, memory, files, dropped, recorded, kept, versions):
        board = board.with_panel(panel)
    return board


def dashboard() -> build.Dashboard:
    """The whole."""
    board = parts.start(
        "Polyv live — exporter",
        EXPORTER,
        "Whether polyv-exporter itself does well: calls, limits, lateness, resources.",
    )
    board = (
        board.with_variable(parts.account())
        .with_variable(parts.channel(many=True))
        .with_variable(
            parts.query_variable("job", "Job", "label_values(polyv_exporter_build_info, job)", many=True)
        )
        .with_variable(
            parts.query_variable(
                "instance",
                "Exporter",
                'label_values(polyv_exporter_build_info{job=~"$job"}, instance)',
                many=True,
            )
        )
    )
    board = board.annotation(
        parts.alerts('alertname=~"Polyv(Api|Exporter|Poller|Recorder|Config|Clock|RemoteWrite).*"')
    )
    board = board.annotation(parts.changes('account=~"$account",channel_id=~"$channel"', shown=False))
    return itself(remote_write(calls(figures(board))))
