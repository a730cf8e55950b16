//! The texts of a report in each of its languages.

use super::model::InterruptionKind;
use crate::display::Language;
use crate::state::LikelyCause;

/// Declares the texts, each in English and in Chinese.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident: $english:literal | $chinese:literal,)*) => {
        /// The texts of a report in one language. `{}` stand for what the program fills in.
        pub(super) struct Texts {
            $($(#[$doc])* pub(super) $name: &'static str,)*
        }
        const ENGLISH: Texts = Texts { $($name: $english,)* };
        const CHINESE: Texts = Texts { $($name: $chinese,)* };
    };
}

texts! {
    /// The value of the attribute `lang`.
    tag: "en" | "zh-CN",
    title: "Broadcast report" | "直播质量报告",
    channel: "Channel" | "频道",
    account: "account" | "账号",
    running: "still running" | "直播仍在进行",
    /// What is between the two times of a broadcast.
    until: "to" | "至",
    times_in: "All times are in {}." | "时间均为 {} 时间。",

    /// The length of the broadcast.
    no_interruption: "No interruptions in {}." | "直播 {}，未发现中断。",
    /// The length of the broadcast, the time affected, its share, and the longest.
    one_interruption: "One interruption of {1} ({2}) in {0}." | "直播 {0}，发生 1 次中断，时长 {1}（占 {2}）。",
    interruptions_in:
        "{4} interruptions in {0}: {1} affected ({2}), the longest {3}."
        | "直播 {0}，发生 {4} 次中断，共影响 {1}（占 {2}），最长一次 {3}。",
    incomplete:
        "The data are incomplete: more may have happened than is listed here. See “Data”."
        | "数据不完整，实际情况可能多于此处所列，详见“数据完整性”。",

    duration: "Duration" | "时长",
    start: "Start" | "开始",
    end: "End" | "结束",
    /// The planned time, and how late.
    planned_on_time: "planned {0}: on time" | "计划 {0}，准时",
    planned_late: "planned {0}: {1} late" | "计划 {0}，晚 {1}",
    planned_early: "planned {0}: {1} early" | "计划 {0}，早 {1}",
    affected: "Time affected" | "受影响时间",
    longest: "Longest interruption" | "最长中断",
    peak_viewers: "Peak viewers" | "最高观看人数",
    average_viewers: "average {}" | "平均 {}",
    affected_viewers: "Viewer-minutes affected" | "受影响的观看时间",
    viewer_minutes: "{}" | "{} 人·分钟",
    of_duration: "{} of the broadcast" | "占直播的 {}",
    complete: "Samples received" | "收到的采样",
    samples_of: "{0} of {1}" | "{0} / {1}",
    none: "–" | "–",

    interruptions: "Interruptions" | "中断记录",
    length: "Length" | "时长",
    kind: "What" | "现象",
    stream: "Stream" | "流",
    likely_cause: "Likely cause" | "可能原因",
    viewers: "Viewers" | "观看人数",
    all_streams: "all" | "全部",

    overview: "The broadcast at a glance" | "直播总览",
    video_bitrate: "Video bitrate" | "视频码率",
    video_framerate: "Video frame rate" | "视频帧率",
    audio_framerate: "Audio frame rate" | "音频帧率",
    expected: "expected {}" | "预期 {}",
    median: "Median" | "中位数",
    p5: "5th percentile" | "第 5 百分位",
    below_75: "Below 75 %" | "低于 75%",
    below_50: "Below 50 %" | "低于 50%",
    media_missing: "Media missing" | "缺失媒体",
    /// What the shares are of.
    below_note:
        "Below 75 % and 50 % of the expected bitrate, or of the stream's own usual one (the median of 30 minutes) where none is configured. Medians and percentiles are weighted by time: the bitrate was at or above the 5th percentile 95 % of the time."
        | "“低于 75%”和“低于 50%”以预期码率为准；未配置时，以该流自身的平时水平（30 分钟中位数）为准。中位数与百分位按时间加权：95% 的时间里不低于第 5 百分位。",
    media_note:
        "Media missing: gaps between samples, and audio frames that are fewer than usual. Each gap is known to within one sample, audio frames to within 5 %."
        | "缺失媒体：采样之间的空缺，以及少于平时的音频帧。每段空缺的误差不超过一个采样间隔，音频帧的误差不超过 5%。",

    data: "Data" | "数据完整性",
    pending_tail: "Not delivered by Polyv at the end" | "末尾保利威尚未提供的数据",
    unobserved: "Time not observed" | "未观测的时间",
    unobserved_note:
        "No poll said whether the channel was live; samples of that time were filled in from Polyv's history as far as it had them."
        | "这段时间内没有查询到频道是否在直播；采样已尽可能从保利威的历史数据补齐。",
    method:
        "Times are those of Polyv's samples. A sample comes every few seconds, so each time is exact to within one sample. Off air: the channel was not live. No samples: Polyv reported nothing of a stream for over 20 seconds or four sample intervals. No video, no audio: two or more samples in a row without such frames. Bitrate dropped: for 15 seconds or more under half of the expected bitrate; where none is configured, under a quarter of the usual one with lost frames. Overlapping interruptions count once."
        | "时间以保利威采样自身的时间为准；采样每隔数秒一次，故各时间点的误差不超过一个采样间隔。未直播：频道不在直播。无采样：某路流超过 20 秒或 4 个采样间隔没有数据。无画面、无声音：连续两个以上采样没有相应的帧。码率骤降：码率低于预期的一半达 15 秒以上；未配置预期时，低于平时的四分之一且有丢帧。重叠的中断只计一次。",
    cause_note:
        "The likely cause is named only where the samples tell it from all others."
        | "仅在采样足以区分时才给出可能原因。",

    hours: "{} h" | "{} 小时",
    minutes: "{} min" | "{} 分",
    seconds: "{} s" | "{} 秒",
    days: "{} d" | "{} 天",
    chart_range: "{0}: {1} to {2}" | "{0}：{1} 至 {2}",

}

// === impl Language ===

impl Language {
    /// The texts of a report.
    pub(super) const fn texts(self) -> &'static Texts {
        match self {
            Self::English => &ENGLISH,
            Self::Chinese => &CHINESE,
        }
    }

    /// What was missing in an interruption.
    pub(super) const fn interruption(self, kind: InterruptionKind) -> &'static str {
        let (english, chinese) = match kind {
            InterruptionKind::OffAir => ("Off air", "未直播"),
            InterruptionKind::NoSamples => ("No samples", "无采样"),
            InterruptionKind::NoVideo => ("No video", "无画面"),
            InterruptionKind::NoAudio => ("No audio", "无声音"),
            InterruptionKind::BitrateDropped => ("Bitrate dropped", "码率骤降"),
        };
        self.choose(english, chinese)
    }

    /// Where a cause is.
    pub(super) const fn cause(self, cause: LikelyCause) -> &'static str {
        let (english, chinese) = match cause {
            LikelyCause::Uplink => ("Uplink: network to Polyv", "上行网络"),
            LikelyCause::Encoder => ("Encoder", "编码器"),
            LikelyCause::Source => ("Picture source: camera, cable", "画面来源（摄像机、线缆）"),
            LikelyCause::Polyv => ("Polyv or its CDN", "保利威或其 CDN"),
            LikelyCause::Unknown => ("–", "–"),
        };
        self.choose(english, chinese)
    }

    const fn choose(self, english: &'static str, chinese: &'static str) -> &'static str {
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }
}

/// Fills texts into the places `{}` or `{0}`, `{1}` of a template.
pub(super) fn fill(template: &str, texts: &[&str]) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((index, behind)) = after.split_once('}') else {
            break;
        };
        filled.push_str(before);
        let index = index.parse().unwrap_or(0);
        filled.push_str(texts.get(index).copied().unwrap_or_default());
        rest = behind;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_is_no_template() {
        assert_eq!(fill("{1} of {0}.", &["{1}", "b"]), "b of {1}.");
        assert_eq!(fill("{} {2}{", &["a"]), "a {");
    }
}
