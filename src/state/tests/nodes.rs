//! Faults that channels of one ingest node have in common, through the store.

use std::sync::Arc;

use super::*;
use crate::config::{Channel, Expect};
use polyv_client::{ChannelPush, PushedStream};

/// Channels of one account that are polled every 15 seconds.
struct Fleet {
    store: ChannelStore,
    /// Each with the node that receives its stream.
    channels: Vec<(ChannelKey, &'static str)>,
    seconds: i64,
}

/// The share of a channel's usual rates: of the bitrate, the video and the audio frame rate.
type Shares = (f64, f64, f64);

const HEALTHY: Shares = (1.0, 1.0, 1.0);
const FAILING: Shares = (0.2, 0.4, 0.5);

impl Fleet {
    /// Channels that have been healthy for 10 minutes.
    fn healthy(nodes: &[&'static str]) -> Self {
        let store = ChannelStore::new(POLICY, START);
        let channels = nodes.iter().enumerate().map(|(n, node)| {
            let expect = Expect {
                live: true,
                ..Expect::default()
            };
            let channel = Channel {
                expect,
                ..Channel::new(n.to_string().into(), INTERVAL)
            };
            let meta = ChannelMeta {
                account: "default".into(),
                channel: Arc::new(channel),
            };
            (store.insert(meta, Exposure::Always, now(0)), *node)
        });
        let channels = channels.collect();
        let mut fleet = Self {
            store,
            channels,
            seconds: 0,
        };
        fleet.play(600, |_, _| Some(HEALTHY));
        fleet
    }

    /// Plays some time; `shares` says what a channel sends through its node, `None` for nothing:
    /// it is off air.
    fn play(&mut self, seconds: i64, shares: impl Fn(usize, &str) -> Option<Shares>) {
        let end = self.seconds + seconds;
        while self.seconds < end {
            let from = self.seconds;
            self.seconds += 15;
            let now = now(self.seconds);
            for (n, (key, node)) in self.channels.iter().enumerate() {
                let Some((bitrate, video, audio)) = shares(n, node) else {
                    self.store.apply_not_live(*key, now);
                    continue;
                };
                let samples = (from..self.seconds).step_by(5).map(|at| RawSample {
                    video_bitrate: NumericField::Number(1_200_000.0 * bitrate),
                    video_framerate: NumericField::Number(15.0 * video),
                    audio_framerate: NumericField::Number(43.0 * audio),
                    ..sample(at)
                });
                self.store
                    .apply_stream_info(*key, &info(samples), true, now);
                let push = ChannelPush {
                    channel_id: n.to_string(),
                    live: true,
                    stream: Some(PushedStream {
                        bitrate: NumericField::Number(1_200_000.0 * bitrate),
                        video_framerate: NumericField::Number(15.0),
                        lost_frames: NumericField::Missing,
                        ingest_node: Some((*node).to_owned()),
                    }),
                };
                self.store.apply_push(*key, &push, now);
            }
        }
    }

    /// The problems of the channels of a node, each once.
    fn problems(&self, node: &str) -> Vec<(HealthIssueKind, LikelyCause)> {
        let of_node = self.channels.iter().filter(|(_, of)| *of == node);
        let mut problems: Vec<_> = of_node
            .filter_map(|(key, _)| self.store.snapshot(*key, now(self.seconds)))
            .flat_map(|snapshot| snapshot.problems)
            .map(|problem| (problem.kind, problem.likely_cause))
            .collect();
        problems.sort_unstable();
        problems.dedup();
        problems
    }
}

/// Ten channels of two nodes.
const TWO_NODES: [&str; 10] = ["a", "a", "a", "a", "b", "b", "b", "b", "b", "b"];

#[test]
fn one_of_two_nodes_that_fails_is_the_likely_cause_of_its_channels() {
    use HealthIssueKind::{BitrateDropped, OffAir};
    let mut fleet = Fleet::healthy(&TWO_NODES);
    fleet.play(60, |_, node| {
        Some(if node == "a" { FAILING } else { HEALTHY })
    });
    assert_eq!(fleet.problems("a"), [(BitrateDropped, LikelyCause::Polyv)]);
    assert_eq!(fleet.problems("b"), []);
    // It breaks down wholly.
    fleet.play(60, |_, node| (node != "a").then_some(HEALTHY));
    assert_eq!(fleet.problems("a"), [(OffAir, LikelyCause::Polyv)]);
    fleet.play(120, |_, _| Some(HEALTHY));
    assert_eq!(fleet.problems("a"), []);
    // What one channel has later is its own.
    fleet.play(60, |n, _| Some(if n == 0 { FAILING } else { HEALTHY }));
    assert_eq!(fleet.problems("a"), [(BitrateDropped, LikelyCause::Uplink)]);
}

#[test]
fn node_is_not_blamed_for_what_others_have_too_or_its_channels_have_alone() {
    use HealthIssueKind::{BitrateDropped, NoVideo};
    let uplink = [(BitrateDropped, LikelyCause::Uplink)];
    let mut fleet = Fleet::healthy(&TWO_NODES);
    fleet.play(60, |_, _| Some(FAILING));
    assert_eq!(fleet.problems("a"), uplink);
    assert_eq!(fleet.problems("b"), uplink);

    let mut fleet = Fleet::healthy(&TWO_NODES);
    fleet.play(60, |n, _| Some(if n < 2 { FAILING } else { HEALTHY }));
    assert_eq!(fleet.problems("a"), uplink);

    // Pictures that freeze while audio goes on pass through a node that works.
    let frozen = (0.0, 0.0, 1.0);
    let mut fleet = Fleet::healthy(&TWO_NODES);
    fleet.play(60, |_, node| {
        Some(if node == "a" { frozen } else { HEALTHY })
    });
    assert_eq!(fleet.problems("a"), [(NoVideo, LikelyCause::Source)]);
}

#[test]
fn channels_that_failed_before_their_node_was_suspected_are_shown_again() {
    let mut fleet = Fleet::healthy(&TWO_NODES);
    let taken = |fleet: &Fleet| {
        let changed = fleet.store.take_changed(now(fleet.seconds));
        assert!(changed.is_complete);
        let snapshots = changed.channels.into_iter();
        let snapshots = snapshots.filter_map(|(_, snapshot)| snapshot);
        let problems = snapshots.flat_map(|snapshot| snapshot.problems);
        let causes: Vec<_> = problems.map(|problem| problem.likely_cause).collect();
        causes
    };
    fleet.play(60, |n, _| Some(if n < 2 { FAILING } else { HEALTHY }));
    assert_eq!(taken(&fleet), [LikelyCause::Uplink; 2]);
    // The third one's last poll concerns the first two, which have not been polled since.
    let third = fleet.channels[2].0;
    let samples = (660..700).step_by(5).map(|at| RawSample {
        video_framerate: NumericField::Number(6.0),
        audio_framerate: NumericField::Number(21.0),
        ..bitrate(at, 240_000.0)
    });
    fleet.seconds = 700;
    let info = info(samples);
    fleet
        .store
        .apply_stream_info(third, &info, true, now(fleet.seconds));
    assert_eq!(taken(&fleet), [LikelyCause::Polyv; 3]);
}
