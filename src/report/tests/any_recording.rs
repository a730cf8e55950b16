//! What holds of any recording.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;

/// Any recording: samples with faults and gaps, states and viewers at any time.
fn any_recording() -> impl Strategy<Value = ChannelRecording> {
    let sample = (0_i64..2000, 0_u8..6);
    let stream = proptest::collection::vec(sample, 0..300);
    let state = (0_i64..2000, 0_usize..3);
    let spans = proptest::collection::vec((0_i64..2000, 1_i64..1500), 0..4);
    (
        proptest::collection::vec(stream, 0..3),
        proptest::collection::vec(state, 0..6),
        (spans.clone(), spans),
        proptest::collection::vec((0_i64..2000, 0_u64..5000), 0..40),
    )
        .prop_map(|(streams, mut states, (observed, covered), mut viewers)| {
            states.sort_by_key(|(second, _)| *second);
            viewers.sort_unstable();
            let spans = |spans: Vec<(i64, i64)>| -> Vec<Period> {
                spans
                    .iter()
                    .map(|(start, length)| period(*start, start + length))
                    .collect()
            };
            let covered = spans(covered);
            let streams = streams.into_iter().enumerate().map(|(index, mut samples)| {
                samples.sort_unstable();
                samples.dedup_by_key(|(second, _)| *second);
                let samples = samples.into_iter().map(|(second, kind)| RecordedSample {
                    time: at(second),
                    values: match kind {
                        0 => values(0.0, 0.0, 0.0),
                        1 => values(100_000.0, 5.0, 43.0),
                        2 => values(1_200_000.0, 25.0, 0.0),
                        3 => SampleValues::NONE,
                        _ => normal(),
                    },
                });
                StreamRecording {
                    name: Arc::from(format!("stream{index}")),
                    samples: samples.collect(),
                    covered: covered.clone(),
                }
            });
            ChannelRecording {
                streams: streams.collect(),
                states: states
                    .into_iter()
                    .map(|(second, state)| RecordedState {
                        time: at(second),
                        state: LiveState::ALL[state],
                    })
                    .collect(),
                observed: spans(observed),
                viewers: viewers
                    .into_iter()
                    .map(|(second, count)| ViewerCount {
                        time: at(second),
                        count,
                    })
                    .collect(),
                ..recording(2000, Vec::new())
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_recording_gives_a_consistent_report(recording in any_recording()) {
        let Some(report) = BroadcastReport::new(&recording, false) else {
            prop_assert!(recording.streams.iter().all(|stream| stream.samples.is_empty()));
            return Ok(());
        };
        prop_assert_eq!(Some(report.clone()), BroadcastReport::new(&recording, false));
        prop_assert!(report.start <= report.last);
        let mut sum = 0;
        for interruption in &report.interruptions {
            prop_assert!(report.start <= interruption.start);
            prop_assert!(interruption.start <= interruption.end);
            prop_assert!(interruption.end <= report.last);
            sum += interruption.length_ms();
        }
        // Overlaps count once.
        prop_assert!(report.affected_ms <= sum);
        prop_assert!(report.affected_ms >= report.longest_interruption_ms());
        prop_assert!(report.affected_ms <= report.length_ms());
        // One fault is reported once: only audio is beside the others.
        for stream in &report.streams {
            let mut own: Vec<_> = report
                .interruptions
                .iter()
                .filter(|i| i.kind != InterruptionKind::NoAudio)
                .filter(|i| i.stream.as_ref().is_none_or(|name| *name == stream.name))
                .collect();
            own.sort_by_key(|i| i.start);
            for pair in own.windows(2) {
                prop_assert!(pair[0].end <= pair[1].start, "{pair:?}");
            }
            prop_assert!(stream.video_bitrate.p5 <= stream.video_bitrate.median);
        }
        prop_assert!(report.viewers.average <= report.viewers.peak.map(|peak| peak as f64));
        let completeness = report.completeness;
        prop_assert!(completeness.unobserved_ms <= report.length_ms());
        json(&report).unwrap();
        prop_assert_eq!(csv(&report).lines().count(), report.interruptions.len() + 1);
    }
}
