//! The texts of the page in each of its languages.

use super::language::Language;
use crate::state::{HealthIssueKind, LikelyCause, LiveState, SourceReason, StreamSource};
use polyv_client::Outcome;

/// Declares the texts, each in English and in Chinese.
macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident: $english:literal | $chinese:literal,)*) => {
        /// The texts of the page in one language.
        pub(super) struct Messages {
            $($(#[$doc])* pub(super) $name: &'static str,)*
        }
        const ENGLISH: Messages = Messages { $($name: $english,)* };
        const CHINESE: Messages = Messages { $($name: $chinese,)* };
    };
}

messages! {
    /// The value of the attribute `lang`.
    tag: "en" | "zh-CN",
    /// The name of the other language in itself.
    other_name: "中文" | "English",
    other_tag: "zh" | "en",
    tagline: "Polyv live streams" | "保利威直播流监控",
    skip_to_channels: "Skip to the channels" | "跳到频道列表",
    metrics: "Metrics" | "指标",

    one_channel: "channel" | "个频道",
    channels: "channels" | "个频道",
    critical: "critical" | "严重",
    one_warning: "warning" | "警告",
    warnings: "warnings" | "警告",
    live: "Live" | "直播中",
    not_live: "Not live" | "未直播",
    unknown: "Unknown" | "未知",
    not_polled_yet: "Not polled yet" | "尚未查询",
    watching: "{} watching" | "{} 人观看",
    /// `{t}` is a time of day, and `{d}` a duration.
    planned_in: "planned for {t}, in {d}" | "计划 {t} 开播，还有 {d}",
    planned_late: "planned for {t}, {d} late" | "计划 {t} 开播，已迟 {d}",
    planned_until: "until {t}" | "计划 {t} 结束",
    planned_over: "until {t}, {d} over" | "计划 {t} 结束，已超时 {d}",
    live_of: "{live} live of {n}" | "{live} 个直播中，共 {n} 个",

    search: "Name, number, account, label or stream" | "名称、频道号、账号、标签或流名",
    account: "Account" | "账号",
    any_account: "All accounts" | "全部账号",
    any_state: "All channels" | "全部频道",
    with_a_problem: "With a problem" | "有问题的",
    apply: "Filter" | "筛选",
    nothing_matches: "No channel matches." | "没有符合条件的频道。",
    nothing_configured: "No channel is configured." | "尚未配置频道。",
    /// `{a}`, `{b}` and `{n}` are the first, the last and the number of channels.
    shown_of: "Channels {a} to {b} of {n}" | "第 {a}–{b} 个频道，共 {n} 个",
    previous: "Previous" | "上一页",
    next: "Next" | "下一页",

    channel: "Channel" | "频道",
    state: "State" | "状态",
    condition: "Condition" | "情况",
    bitrate: "Video bitrate" | "视频码率",
    frame_rates: "Frame rates" | "帧率",
    newest_sample: "Newest sample" | "最新采样",
    last_half_hour: "Last 30 minutes" | "最近 30 分钟",
    worst_first: "Worst first" | "问题优先",
    sort_by: "Sort by" | "排序",

    all_right: "All right" | "正常",
    likely_cause: "likely cause: " | "可能的原因：",
    /// What would be a problem if it lasted.
    transient_issue: "Low or gone just now" | "刚刚变低或中断",
    /// `{}` is a percentage, here and in the next one.
    of_expected: "{} of expected" | "预期的 {}",
    of_usual: "{} of usual" | "平时的 {}",
    video: "video" | "视频",
    audio: "audio" | "音频",
    no_samples_yet: "No samples yet" | "尚无采样",
    no_samples_any_more: "Samples have stopped" | "采样已中断",
    none: "–" | "–",

    exporter: "Exporter" | "导出器",
    calls: "Calls to Polyv since the start" | "启动以来对保利威的调用",
    no_calls: "none yet" | "尚无",
    polling: "Polling" | "轮询",
    in_time: "in time" | "准时",
    paused: "paused: Polyv throttled or blocked us" | "已暂停：被保利威限流或封禁",
    late_by: "late by" | "延迟",
    stretched:
        "too many channels for the rate limit: intervals are stretched by the factor"
        | "频道数超出限额，轮询间隔延长为原来的倍数：",
    refused_accounts: "Polyv does not accept the signature of" | "保利威不接受以下账号的签名：",
    clock: "Clock against Polyv's" | "与保利威的时钟差",
    clock_ok: "right" | "正常",
    clock_ahead: "this host is {} ahead" | "本机快 {}",
    clock_behind: "this host is {} behind" | "本机慢 {}",
    configuration: "Configuration" | "配置",
    in_force_since: "in force since" | "生效于",
    reload_failed:
        "the last reload failed, see the log; the previous one is in force since"
        | "上次重新加载失败（详见日志），仍在使用旧配置，生效于",
    version: "Version" | "版本",

    all_channels: "All channels" | "全部频道",
    no_such_channel: "There is no such channel in the configuration:" | "配置中没有这个频道：",
    stream: "Stream" | "流",
    now: "Now" | "当前",
    /// `{}` is a duration.
    lowest: "Lowest in {}" | "{}内最低",
    highest: "Highest in {}" | "{}内最高",
    expected: "Expected" | "预期",
    usual: "Usual" | "平时",
    video_bitrate: "Video bitrate" | "视频码率",
    video_frame_rate: "Video frame rate" | "视频帧率",
    audio_frame_rate: "Audio frame rate" | "音频帧率",
    /// `{}` is a duration.
    chart_note: "The lowest sample of every {}." | "图中为每 {}内的最低采样。",
    no_history: "No samples in the last 30 minutes." | "最近 30 分钟没有采样。",
    last_polls: "Last polls" | "最近的查询",
    result: "Result" | "结果",
    times: "Polls" | "次数",
    samples: "New samples" | "新采样",
    first: "First" | "首次",
    last: "Last" | "末次",
    changes: "Changes between live and not live" | "直播状态变化次数",
    last_response: "Last response from Polyv" | "保利威最近一次应答",
    labels: "Labels" | "标签",
    expected_live: "Expected to be live" | "预期正在直播",
    source: "Source" | "数据来源",
    source_tencent: "stream information" | "流信息接口",
    source_v4: "stream information (v4)" | "流信息接口（v4）",
    source_snapshot: "snapshots of what is pushed" | "推流快照",
    reason_configured: "as configured" | "按配置",
    reason_undecided: "no source has brought a sample yet" | "尚无来源给出采样",
    reason_last_session: "as in the last broadcast" | "与上一场直播相同",
    reason_tencent: "it brings samples" | "它有采样",
    reason_v4: "only it brings samples" | "只有它有采样",
    reason_push: "nothing else brings samples" | "其他来源都没有采样",
    push: "Push" | "推流",
    nothing_pushed: "nothing is pushed" | "没有推流",
    lost_frames: "Lost frames" | "丢帧",
    ingest_node: "Ingest node" | "接入节点",
    viewers: "Viewers" | "观看人数",
    plan: "Planned broadcast" | "计划直播",
    broadcasts: "Recorded broadcasts" | "录制的直播",
    latest_broadcast: "The latest broadcast" | "最近一场直播",
    report: "Report" | "报告",
    all_broadcasts: "All broadcasts" | "全部直播",
    no_broadcasts: "None so far." | "尚无。",
    start: "Start" | "开始",
    end: "End" | "结束",
    length: "Duration" | "时长",
    times_in: "Times are in" | "时区：",
    as_json: "As JSON" | "JSON 格式",

    /// What the script shows; `{}` is a time, or a status.
    lost:
        "The connection to the exporter is lost. What you see is as of {}."
        | "与导出器的连接已断开，当前显示的是 {} 的数据。",
    refused:
        "The exporter rejects requests (HTTP {}): reload the page. What you see is old."
        | "导出器拒绝请求（HTTP {}），请重新载入页面。当前显示的是旧数据。",
    regained: "Connected again." | "已重新连接。",
    ago: "{} ago" | "{}前",
    seconds: "s" | "秒",
    minutes: "min" | "分钟",
    hours: "h" | "小时",
    days: "d" | "天",
}

// === impl Messages ===

impl Messages {
    /// Where a channel's samples come from.
    pub(super) const fn of_source(&self, source: StreamSource) -> &'static str {
        match source {
            StreamSource::Tencent => self.source_tencent,
            StreamSource::ListStreamInfo => self.source_v4,
            StreamSource::Snapshot => self.source_snapshot,
        }
    }

    /// Why they come from there.
    pub(super) const fn of_source_reason(&self, reason: SourceReason) -> &'static str {
        match reason {
            SourceReason::Configured => self.reason_configured,
            SourceReason::Undecided => self.reason_undecided,
            SourceReason::LastSession => self.reason_last_session,
            SourceReason::TencentSamples => self.reason_tencent,
            SourceReason::V4Samples => self.reason_v4,
            SourceReason::OnlyPush => self.reason_push,
        }
    }

    /// The word for a number of channels.
    pub(super) fn channels(&self, count: usize) -> &'static str {
        if count == 1 {
            self.one_channel
        } else {
            self.channels
        }
    }

    /// The word for a number of warnings.
    pub(super) fn warnings(&self, count: usize) -> &'static str {
        if count == 1 {
            self.one_warning
        } else {
            self.warnings
        }
    }
}

// === impl Language ===

impl Language {
    pub(super) const fn messages(self) -> &'static Messages {
        match self {
            Self::English => &ENGLISH,
            Self::Chinese => &CHINESE,
        }
    }

    const fn pick(self, english: &'static str, chinese: &'static str) -> &'static str {
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }

    /// The outcome of a poll in words.
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
            Outcome::Forbidden => ("the account lacks the permission", "该账号无此权限"),
            Outcome::Rejected => (
                "Polyv rejects the request: does the channel belong to this account?",
                "保利威拒绝：频道号是否属于该账号？",
            ),
            Outcome::ServerError => ("Polyv failed", "保利威服务器出错"),
            Outcome::Timeout => ("no response in time", "应答超时"),
            Outcome::ConnectionFailed => ("no connection to Polyv", "无法连接保利威"),
            Outcome::BadResponse => ("an invalid response", "应答内容无法理解"),
        };
        self.pick(english, chinese)
    }

    /// A problem in words.
    pub(super) const fn problem(self, kind: HealthIssueKind) -> &'static str {
        let (english, chinese) = match kind {
            HealthIssueKind::OffAir => ("Should be live but is not", "应在直播，却未直播"),
            HealthIssueKind::NoSamples => ("No new samples", "没有新采样"),
            HealthIssueKind::NoVideo => ("No video frames", "视频画面停滞"),
            HealthIssueKind::NoAudio => ("No audio frames", "没有声音"),
            HealthIssueKind::BitrateDropped => ("Bitrate dropped", "码率骤降"),
            HealthIssueKind::BitrateLow => ("Bitrate low", "码率偏低"),
            HealthIssueKind::FramerateLow => ("Video frame rate low", "视频帧率偏低"),
            HealthIssueKind::StreamEmpty => ("Never a frame or a bit", "从未有音视频数据"),
            HealthIssueKind::NeverASample => {
                ("Live without any usable samples", "直播中但从未有可用采样")
            }
            HealthIssueKind::StateUnknown => ("Unknown whether it is live", "无法得知是否在直播"),
            HealthIssueKind::PollFailed => ("The last polls failed", "最近的查询失败"),
        };
        self.pick(english, chinese)
    }

    /// A likely cause in words; `None` where it is unknown.
    pub(super) const fn likely_cause(self, cause: LikelyCause) -> Option<&'static str> {
        let (english, chinese) = match cause {
            LikelyCause::Uplink => ("the uplink", "上行网络"),
            LikelyCause::Encoder => ("the encoder", "编码器"),
            LikelyCause::Source => ("the source (camera, cable)", "信号源（摄像机、线缆）"),
            LikelyCause::Polyv => ("Polyv", "保利威"),
            LikelyCause::Unknown => return None,
        };
        Some(self.pick(english, chinese))
    }

    /// A state in words.
    pub(super) const fn state(self, state: LiveState) -> &'static str {
        let messages = self.messages();
        match state {
            LiveState::Live => messages.live,
            LiveState::NotLive => messages.not_live,
            LiveState::Unknown => messages.unknown,
        }
    }
}
