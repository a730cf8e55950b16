"""What the dashboards have in common: queries, panels, variables, links."""

from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.builders import (
    common,
    dashboard as build,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as units
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

Query = prometheus.Dataquery

SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")

OVERVIEW, CHANNEL, EXPORTER = "polyv-overview", "polyv-channel", "polyv-exporter"
TAG = "polyv"

# Colours that Grafana has in its light and in its dark theme.
GOOD, MEDIOCRE, BAD, UNKNOWN, OFF = "green", "yellow", "red", "orange", "blue"

# One number for a channel's state, whichever of several exporters knows it.
STATES = {
    "2": models.ValueMappingResult(text="live", color=GOOD, index=0),
    "1": models.ValueMappingResult(text="not live", color=OFF, index=1),
    "0": models.ValueMappingResult(text="unknown", color=UNKNOWN, index=2),
}
TROUBLES = {
    "3": models.ValueMappingResult(text="page", color=BAD, index=0),
    "2": models.ValueMappingResult(text="warning", color=MEDIOCRE, index=1),
    "1": models.ValueMappingResult(text="info", color=OFF, index=2),
    "0": models.ValueMappingResult(text="none", color=GOOD, index=3),
}
YES_NO = {
    "1": models.ValueMappingResult(text="yes", color=GOOD, index=0),
    "0": models.ValueMappingResult(text="no", color=BAD, index=1),
}
NO_YES = {
    "0": models.ValueMappingResult(text="no", color=GOOD, index=0),
    "1": models.ValueMappingResult(text="yes", color=BAD, index=1),
}


def state(selector: str) -> str:
    """Whether channels are live (2), not live (1) or unknown (0)."""
    return (
        f'max by (account, channel_id) (2 * polyv_channel_state{{state="live",{selector}}}'
        f' or polyv_channel_state{{state="not_live",{selector}}})'
    )


def query(expr: str, legend: str = "", ref: str = "A") -> Query:
    """A query over the time range."""
    return Query().expr(expr).legend_format(legend).ref_id(ref).range()


def instant(expr: str, legend: str = "", ref: str = "A") -> Query:
    """A query for the present."""
    return Query().expr(expr).legend_format(legend).ref_id(ref).instant()


def row_of_table(expr: str, ref: str) -> Query:
    """A query for the present whose labels become columns."""
    return instant(expr, ref=ref).format(PromQueryFormat.TABLE)


def steps(*thresholds: tuple[float | None, str]) -> build.ThresholdsConfig:
    """Colours by value; the first one has no lower end."""
    return (
        build.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value=value, color=color) for value, color in thresholds])
    )


def mapped(values: dict[str, models.ValueMappingResult]) -> list[models.ValueMapping]:
    """Texts and colours for values."""
    return [models.ValueMap(options=values)]


def number(
    title: str, description: str, expr: str, *, unit: str = "short", width: int = 4
) -> stat.Panel:
    """One number, now."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .with_target(instant(expr))
        .unit(unit)
        .thresholds(steps((None, GOOD)))
        .color_mode(units.BigValueColorMode.VALUE)
        .graph_mode(units.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("no data")
        .span(width)
        .height(4)
    )


def lines(
    title: str,
    description: str,
    targets: Sequence[Query],
    *,
    unit: str,
    width: int = 12,
    zero: bool = True,
) -> timeseries.Panel:
    """Values over time."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .line_width(1)
        .fill_opacity(0)
        .show_points(units.VisibilityMode.AUTO)
        # A gap says that nothing was known.
        .span_nulls(False)
        .legend(
            common.VizLegendOptions()
            .display_mode(units.LegendDisplayMode.LIST)
            .placement(units.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(
            common.VizTooltipOptions()
            .mode(units.TooltipDisplayMode.MULTI)
            .sort(units.SortOrder.DESCENDING)
        )
        .span(width)
        .height(8)
    )
    if zero:
        panel = panel.min(0)
    for target in targets:
        panel = panel.with_target(target)
    return panel


def dashed(panel: timeseries.Panel, pattern: str, color: str) -> timeseries.Panel:
    """Shows what is expected, and not measured, as a dashed line."""
    return panel.override_by_regexp(
        pattern,
        [
            models.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}),
            models.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": color}),
        ],
    )


def states(
    title: str,
    description: str,
    targets: Sequence[Query],
    values: dict[str, models.ValueMappingResult],
    *,
    width: int = 24,
    height: int = 8,
) -> statetimeline.Panel:
    """States over time."""
    panel = (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .mappings(mapped(values))
        .color_scheme(build.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .thresholds(steps((None, "text")))
        .show_value(units.VisibilityMode.NEVER)
        .merge_values(True)
        .row_height(0.8)
        .fill_opacity(80)
        .legend(
            common.VizLegendOptions()
            .display_mode(units.LegendDisplayMode.LIST)
            .placement(units.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .span(width)
        .height(height)
    )
    for target in targets:
        panel = panel.with_target(target)
    return panel


def list_of(
    title: str,
    description: str,
    columns: Sequence[tuple[str, str]],
    keys: Sequence[tuple[str, str]],
    *,
    width: int = 24,
    height: int = 12,
) -> table.Panel:
    """A table: its rows have the labels `keys`, its columns are queries by their names."""
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .filterable(True)
        .cell_height(units.TableCellHeight.SM)
        .footer(common.TableFooterOptions().enable_pagination(True))
        .span(width)
        .height(height)
    )
    refs = [chr(ord("A") + index) for index in range(len(columns))]
    for ref, (_, expr) in zip(refs, columns, strict=True):
        panel = panel.with_target(row_of_table(expr, ref))
    values = {f"Value #{ref}": name for ref, (name, _) in zip(refs, columns, strict=True)}
    names = dict(keys) | {value: name for value, name in values.items() if name}
    order = {name: index for index, name in enumerate(names)}
    # A query without a name is there for its labels.
    left_out = {"Time": True} | {value: True for value, name in values.items() if not name}
    return panel.with_transformation(
        models.DataTransformerConfig(id_val="merge", options={})
    ).with_transformation(
        models.DataTransformerConfig(
            id_val="organize",
            options={"excludeByName": left_out, "indexByName": order, "renameByName": names},
        )
    )


def column(
    panel: table.Panel,
    name: str,
    *,
    unit: str | None = None,
    decimals: int | None = None,
    values: dict[str, models.ValueMappingResult] | None = None,
    limits: Sequence[tuple[float | None, str]] = (),
    link: tuple[str, str] | None = None,
    width: int | None = None,
) -> table.Panel:
    """How a column of a table looks."""
    properties: list[models.DynamicConfigValue] = []

    def put(name: str, value: Any) -> None:
        properties.append(models.DynamicConfigValue(name, value))

    if unit is not None:
        put("unit", unit)
    if decimals is not None:
        put("decimals", decimals)
    if values is not None:
        put("mappings", mapped(values))
        put("custom.cellOptions", {"type": "color-text"})
    if limits:
        put("thresholds", steps(*limits).build())
        put("custom.cellOptions", {"type": "color-text"})
    if link is not None:
        title, url = link
        put("links", [{"title": title, "url": url, "targetBlank": False}])
    if width is not None:
        put("custom.width", width)
    return panel.override_by_name(name, properties)


def query_variable(
    name: str, label: str, text: str, *, many: bool, regex: str = "", description: str = ""
) -> build.QueryVariable:
    """A variable whose values Prometheus knows."""
    # The numbers are those of Grafana's editor: 1 is label_values, 3 is query_result.
    kind = 3 if text.startswith("query_result(") else 1
    variable = (
        build.QueryVariable(name)
        .label(label)
        .description(description)
        .query({"qryType": kind, "query": text, "refId": "PrometheusVariableQueryEditor-VariableQuery"})
        .datasource(SOURCE)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
        .multi(many)
        .include_all(many)
    )
    if many:
        variable = variable.all_value(".*").current(
            models.VariableOption(text="All", value="$__all", selected=True)
        )
    if regex:
        variable = variable.regex(regex)
    return variable


def datasource() -> build.DatasourceVariable:
    """Which Prometheus to ask."""
    return (
        build.DatasourceVariable("datasource")
        .label("Prometheus")
        .type("prometheus")
        .description("The Prometheus that scrapes polyv-exporter.")
    )


def account() -> build.QueryVariable:
    """Whose channels."""
    return query_variable(
        "account",
        "Account",
        "label_values(polyv_channel_info, account)",
        many=True,
        description="The accounts of the exporter's configuration.",
    )


def channel(*, many: bool) -> build.QueryVariable:
    """Which channels: shown by name, chosen by id."""
    return query_variable(
        "channel",
        "Channel",
        "query_result(group by (channel_id, channel_name)"
        ' (polyv_channel_info{account=~"$account"}))',
        many=many,
        regex='/channel_id="(?<value>[^"]+)",channel_name="(?<text>.+)"}/',
        description="Channels by their configured name.",
    )


def link(title: str, uid: str) -> build.DashboardLink:
    """A link to another of the dashboards, which keeps the time range and the variables."""
    one = uid == CHANNEL
    # There one channel is chosen, and "all of them" would be none.
    return (
        build.DashboardLink(title)
        .type(models.DashboardLinkType.LINK)
        .icon("dashboard")
        .url(f"/d/{uid}?${{datasource:queryparam}}&${{account:queryparam}}" if one else f"/d/{uid}")
        .tooltip(title)
        .keep_time(True)
        .include_vars(not one)
    )


def start(title: str, uid: str, description: str) -> build.Dashboard:
    """A dashboard without panels."""
    names = {OVERVIEW: "Overview", CHANNEL: "Channel", EXPORTER: "Exporter"}
    board = (
        build.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .editable()
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time("now-1h", "now")
        .refresh("10s")
        .with_variable(datasource())
    )
    for other, name in names.items():
        if other != uid:
            board = board.link(link(name, other))
    return board


def alerts(selector: str) -> build.AnnotationQuery:
    """Marks when alerts fire."""
    return (
        build.AnnotationQuery()
        .name("Alerts")
        .datasource(SOURCE)
        .enable(True)
        .icon_color(BAD)
        .expr(f'ALERTS{{alertstate="firing",{selector}}}')
    )


def changes(selector: str, *, shown: bool = True) -> build.AnnotationQuery:
    """Marks when channels turned live, not live or unknown: the value is the time."""
    return (
        build.AnnotationQuery()
        .name("State changes")
        .datasource(SOURCE)
        .enable(shown)
        .icon_color(OFF)
        .expr(
            "1000 * max by (account, channel_id)"
            f" (polyv_channel_state_changed_timestamp_seconds{{{selector}}})"
        )
    )
