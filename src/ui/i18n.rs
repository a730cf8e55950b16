//! What the page says, in each of its languages.

use super::language::Language;
use crate::state::{HealthIssueKind, LiveState};
use polyv_client::Outcome;

/// All that the page says. A language without one of them does not compile.
pub(super) struct Messages {
    /// For the attribute `lang`.
    pub(super) tag: &'static str,
    /// What the other language is called in itself, and its parameter.
    pub(super) other: (&'static str, &'static str),
    pub(super) tagline: &'static str,
    pub(super) skip_to_channels: &'static str,
    pub(super) metrics: &'static str,

    /// One, and several.
    pub(super) channels: [&'static str; 2],
    pub(super) critical: &'static str,
    /// One, and several.
    pub(super) warnings: [&'static str; 2],
    pub(super) live: &'static str,
    pub(super) not_live: &'static str,
    pub(super) unknown: &'static str,
    pub(super) not_asked_yet: &'static str,
    pub(super) live_of: (&'static str, &'static str),

    pub(super) search: &'static str,
    pub(super) account: &'static str,
    pub(super) any_account: &'static str,
    pub(super) any_state: &'static str,
    pub(super) with_a_problem: &'static str,
    pub(super) apply: &'static str,
    pub(super) nothing_matches: &'static str,
    pub(super) nothing_configured: &'static str,
    /// `{a}` to `{b}` of `{n}` channels.
    pub(super) shown_of: &'static str,
    pub(super) previous: &'static str,
    pub(super) next: &'static str,

    pub(super) channel: &'static str,
    pub(super) state: &'static str,
    pub(super) condition: &'static str,
    pub(super) bitrate: &'static str,
    pub(super) frame_rates: &'static str,
    pub(super) newest_sample: &'static str,
    pub(super) last_half_hour: &'static str,
    pub(super) worst_first: &'static str,
    pub(super) sort_by: &'static str,

    pub(super) all_right: &'static str,
    /// What would be a problem if it lasted.
    pub(super) wavering: &'static str,
    /// Where `{}` stands, the share stands.
    pub(super) of_expected: &'static str,
    pub(super) of_usual: &'static str,
    pub(super) video: &'static str,
    pub(super) audio: &'static str,
    pub(super) no_samples_yet: &'static str,
    pub(super) no_samples_any_more: &'static str,
    pub(super) none: &'static str,

    pub(super) exporter: &'static str,
    pub(super) calls: &'static str,
    pub(super) no_calls: &'static str,
    pub(super) polling: &'static str,
    pub(super) in_time: &'static str,
    pub(super) paused: &'static str,
    pub(super) late_by: &'static str,
    pub(super) stretched: &'static str,
    pub(super) refused_accounts: &'static str,
    pub(super) clock: &'static str,
    pub(super) clock_ok: &'static str,
    pub(super) clock_ahead: &'static str,
    pub(super) clock_behind: &'static str,
    pub(super) configuration: &'static str,
    pub(super) in_force_since: &'static str,
    pub(super) reload_failed: &'static str,
    pub(super) version: &'static str,

    pub(super) all_channels: &'static str,
    pub(super) no_such_channel: &'static str,
    pub(super) stream: &'static str,
    pub(super) now: &'static str,
    /// Where `{}` stands, a duration stands.
    pub(super) lowest: &'static str,
    pub(super) highest: &'static str,
    pub(super) expected: &'static str,
    pub(super) usual: &'static str,
    pub(super) video_bitrate: &'static str,
    pub(super) video_frame_rate: &'static str,
    pub(super) audio_frame_rate: &'static str,
    /// Where `{}` stands, a duration stands.
    pub(super) chart_note: &'static str,
    pub(super) no_history: &'static str,
    pub(super) last_polls: &'static str,
    pub(super) answer: &'static str,
    pub(super) times: &'static str,
    pub(super) samples: &'static str,
    pub(super) first: &'static str,
    pub(super) last: &'static str,
    pub(super) changes: &'static str,
    pub(super) last_answer: &'static str,
    pub(super) labels: &'static str,
    pub(super) expected_live: &'static str,
    pub(super) as_json: &'static str,

    /// What the script says; `{}` is a time, or a status.
    pub(super) lost: &'static str,
    pub(super) refused: &'static str,
    pub(super) regained: &'static str,
    pub(super) ago: &'static str,
    /// Seconds, minutes, hours, days.
    pub(super) units: [&'static str; 4],
}

const ENGLISH: Messages = Messages {
    tag: "en",
    other: ("中文", "zh"),
    tagline: "Polyv live streams",
    skip_to_channels: "Skip to the channels",
    metrics: "Metrics",

    channels: ["channel", "channels"],
    critical: "critical",
    warnings: ["warning", "warnings"],
    live: "Live",
    not_live: "Not live",
    unknown: "Unknown",
    not_asked_yet: "Not asked yet",
    live_of: ("live of", ""),

    search: "Name, number, account, label or stream",
    account: "Account",
    any_account: "All accounts",
    any_state: "All channels",
    with_a_problem: "With a problem",
    apply: "Filter",
    nothing_matches: "No channel matches.",
    nothing_configured: "No channel is configured.",
    shown_of: "Channels {a} to {b} of {n}",
    previous: "Previous",
    next: "Next",

    channel: "Channel",
    state: "State",
    condition: "Condition",
    bitrate: "Video bitrate",
    frame_rates: "Frame rates",
    newest_sample: "Newest sample",
    last_half_hour: "Last 30 minutes",
    worst_first: "Worst first",
    sort_by: "Sort by",

    all_right: "All right",
    wavering: "Low or gone just now",
    of_expected: "{} of expected",
    of_usual: "{} of usual",
    video: "video",
    audio: "audio",
    no_samples_yet: "No samples yet",
    no_samples_any_more: "No samples any more",
    none: "–",

    exporter: "Exporter",
    calls: "Calls to Polyv since the start",
    no_calls: "none yet",
    polling: "Polling",
    in_time: "in time",
    paused: "paused: Polyv throttled or blocked us",
    late_by: "late by",
    stretched: "too many channels for the rate limit: intervals are stretched by the factor",
    refused_accounts: "Polyv does not accept the signature of",
    clock: "Clock against Polyv's",
    clock_ok: "right",
    clock_ahead: "this host is {} ahead",
    clock_behind: "this host is {} behind",
    configuration: "Configuration",
    in_force_since: "in force since",
    reload_failed: "the last reload failed, see the log; the old one goes on since",
    version: "Version",

    all_channels: "All channels",
    no_such_channel: "There is no such channel in the configuration:",
    stream: "Stream",
    now: "Now",
    lowest: "Lowest in {}",
    highest: "Highest in {}",
    expected: "Expected",
    usual: "Usual",
    video_bitrate: "Video bitrate",
    video_frame_rate: "Video frame rate",
    audio_frame_rate: "Audio frame rate",
    chart_note: "The lowest sample of every {}.",
    no_history: "No samples in the last 30 minutes.",
    last_polls: "Last answers",
    answer: "Answer",
    times: "Polls",
    samples: "New samples",
    first: "First",
    last: "Last",
    changes: "Changes between live and not live",
    last_answer: "Last answer from Polyv",
    labels: "Labels",
    expected_live: "Expected to be live",
    as_json: "As JSON",

    lost: "The connection to the exporter is lost. What you see is as of {}.",
    refused: "The exporter refuses (HTTP {}): load the page anew. What you see is old.",
    regained: "Connected again.",
    ago: "{} ago",
    units: ["s", "min", "h", "d"],
};

const CHINESE: Messages = Messages {
    tag: "zh-CN",
    other: ("English", "en"),
    tagline: "保利威直播流监控",
    skip_to_channels: "跳到频道列表",
    metrics: "指标",

    channels: ["个频道", "个频道"],
    critical: "严重",
    warnings: ["警告", "警告"],
    live: "直播中",
    not_live: "未直播",
    unknown: "未知",
    not_asked_yet: "尚未查询",
    live_of: ("个直播中，共", "个"),

    search: "名称、频道号、账号、标签或流名",
    account: "账号",
    any_account: "全部账号",
    any_state: "全部频道",
    with_a_problem: "有问题的",
    apply: "筛选",
    nothing_matches: "没有符合条件的频道。",
    nothing_configured: "尚未配置频道。",
    shown_of: "第 {a}–{b} 个频道，共 {n} 个",
    previous: "上一页",
    next: "下一页",

    channel: "频道",
    state: "状态",
    condition: "情况",
    bitrate: "视频码率",
    frame_rates: "帧率",
    newest_sample: "最新采样",
    last_half_hour: "最近 30 分钟",
    worst_first: "问题优先",
    sort_by: "排序",

    all_right: "正常",
    wavering: "刚刚变低或中断",
    of_expected: "预期的 {}",
    of_usual: "平时的 {}",
    video: "视频",
    audio: "音频",
    no_samples_yet: "尚无采样",
    no_samples_any_more: "采样已中断",
    none: "–",

    exporter: "导出器",
    calls: "启动以来对保利威的调用",
    no_calls: "尚无",
    polling: "轮询",
    in_time: "准时",
    paused: "已暂停：被保利威限流或封禁",
    late_by: "延迟",
    stretched: "频道数超出限额，轮询间隔延长为原来的倍数：",
    refused_accounts: "保利威不接受以下账号的签名：",
    clock: "与保利威的时钟差",
    clock_ok: "正常",
    clock_ahead: "本机快 {}",
    clock_behind: "本机慢 {}",
    configuration: "配置",
    in_force_since: "生效于",
    reload_failed: "上次重新加载失败（详见日志），仍在使用旧配置，生效于",
    version: "版本",

    all_channels: "全部频道",
    no_such_channel: "配置中没有这个频道：",
    stream: "流",
    now: "当前",
    lowest: "{}内最低",
    highest: "{}内最高",
    expected: "预期",
    usual: "平时",
    video_bitrate: "视频码率",
    video_frame_rate: "视频帧率",
    audio_frame_rate: "音频帧率",
    chart_note: "图中为每 {}内的最低采样。",
    no_history: "最近 30 分钟没有采样。",
    last_polls: "最近的应答",
    answer: "应答",
    times: "次数",
    samples: "新采样",
    first: "首次",
    last: "末次",
    changes: "直播状态变化次数",
    last_answer: "保利威最近一次应答",
    labels: "标签",
    expected_live: "预期正在直播",
    as_json: "JSON 格式",

    lost: "与导出器的连接已断开，当前显示的是 {} 的数据。",
    refused: "导出器拒绝请求（HTTP {}），请重新载入页面。当前显示的是旧数据。",
    regained: "已重新连接。",
    ago: "{}前",
    units: ["秒", "分钟", "小时", "天"],
};

// === impl Language ===

impl Messages {
    /// So many channels, in words.
    pub(super) fn channels(&self, count: usize) -> &'static str {
        let [one, several] = self.channels;
        if count == 1 { one } else { several }
    }

    /// So many warnings, in words.
    pub(super) fn warnings(&self, count: usize) -> &'static str {
        let [one, several] = self.warnings;
        if count == 1 { one } else { several }
    }
}

impl Language {
    pub(super) const fn messages(self) -> &'static Messages {
        match self {
            Self::English => &ENGLISH,
            Self::Chinese => &CHINESE,
        }
    }

    /// What a poll's end means, for a person.
    pub(super) const fn outcome(self, outcome: Outcome) -> &'static str {
        let (english, chinese) = match outcome {
            Outcome::Ok => ("live", "直播中"),
            Outcome::NotLive => ("not live", "未直播"),
            Outcome::AuthFailed => (
                "Polyv does not accept the account's appId or appSecret",
                "保利威不接受该账号的 appId 或 appSecret",
            ),
            Outcome::ClockSkew => (
                "the clock of the exporter's host is wrong",
                "导出器主机的时钟不准",
            ),
            Outcome::Throttled => (
                "Polyv throttles us: too many calls",
                "调用过多，被保利威限流",
            ),
            Outcome::Forbidden => ("the account may not ask for this", "该账号无此权限"),
            Outcome::Rejected => (
                "Polyv refuses: is it the number of a channel of this account?",
                "保利威拒绝：频道号是否属于该账号？",
            ),
            Outcome::ServerError => ("Polyv failed", "保利威服务器出错"),
            Outcome::Timeout => ("no answer in time", "应答超时"),
            Outcome::ConnectionFailed => ("no connection to Polyv", "无法连接保利威"),
            Outcome::BadResponse => ("an answer that makes no sense", "应答内容无法理解"),
        };
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }

    /// What is wrong, for a person.
    pub(super) const fn problem(self, kind: HealthIssueKind) -> &'static str {
        let (english, chinese) = match kind {
            HealthIssueKind::OfflineUnexpectedly => {
                ("Should be live, and is not", "应在直播，却未直播")
            }
            HealthIssueKind::SamplesMissing => ("No new samples", "没有新采样"),
            HealthIssueKind::VideoFrozen => ("No video frames", "视频画面停滞"),
            HealthIssueKind::AudioLost => ("No audio frames", "没有声音"),
            HealthIssueKind::BitrateDropped => ("Bitrate dropped", "码率骤降"),
            HealthIssueKind::BitrateLow => ("Bitrate low", "码率偏低"),
            HealthIssueKind::VideoFramerateLow => ("Video frame rate low", "视频帧率偏低"),
            HealthIssueKind::WithoutSamples => (
                "Live, and never a sample: on another CDN, perhaps",
                "直播中但从未有采样：可能使用了其他 CDN",
            ),
            HealthIssueKind::StateUnknown => {
                ("Nobody knows whether it is live", "无法得知是否在直播")
            }
            HealthIssueKind::PollFailed => ("The last polls failed", "最近的查询失败"),
        };
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }

    pub(super) const fn state(self, state: LiveState) -> &'static str {
        let messages = self.messages();
        match state {
            LiveState::Live => messages.live,
            LiveState::NotLive => messages.not_live,
            LiveState::Unknown => messages.unknown,
        }
    }
}
