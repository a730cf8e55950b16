//! The problems that the exporter shows beside the pages that the rules make of the same samples.

use std::collections::{BTreeMap, BTreeSet};

use crate::rules::{EVALUATION_SECONDS, Firing, SCRAPE_SECONDS};

/// When each channel had which problem, by the scrapes.
#[derive(Default)]
pub struct ProblemLog {
    /// The seconds of the scrapes that show a problem of severity `page`, by channel and name.
    seconds: BTreeMap<(String, String), BTreeSet<i64>>,
}

/// The pages about channels, each with its problem.
const PAGES: [(&str, &str); 5] = [
    ("PolyvChannelOfflineUnexpectedly", "off_air"),
    ("PolyvStreamSamplesMissing", "no_samples"),
    ("PolyvStreamVideoFrozen", "no_video"),
    ("PolyvStreamAudioLost", "no_audio"),
    ("PolyvStreamBitrateDropped", "bitrate_dropped"),
];
/// How long a problem has to last for its page: half a minute off air, and the evaluation after.
const WAITING_SECONDS: i64 = 45;

// === impl ProblemLog ===

impl ProblemLog {
    /// Takes the problems of a scrape, in the text format.
    pub fn add(&mut self, seconds: i64, scrape: &str) {
        let lines = scrape.lines();
        for line in lines.filter(|line| line.starts_with("polyv_channel_problem{")) {
            let label = |name: &str| {
                let (_, behind) = line.split_once(&format!("{name}=\"")).unwrap();
                behind.split('"').next().unwrap_or_default().to_owned()
            };
            if label("severity") == "page" {
                let key = (label("channel_id"), label("problem"));
                self.seconds.entry(key).or_default().insert(seconds);
            }
        }
    }

    /// Where they disagree: pages without a problem before them, and problems that last without a
    /// page.
    pub fn disagreements(&self, firing: &[Firing]) -> Vec<String> {
        let mut found = Vec::new();
        let (scrape, evaluation) = (SCRAPE_SECONDS as i64, EVALUATION_SECONDS as i64);
        let mut pages: BTreeMap<(String, String), BTreeSet<i64>> = BTreeMap::new();
        for at in firing {
            if let Some((_, problem)) = PAGES.iter().find(|(alert, _)| *alert == at.alert) {
                let key = (at.channel.clone(), (*problem).to_owned());
                pages.entry(key).or_default().insert(at.seconds);
            }
        }
        let none = BTreeSet::new();
        for (key, fired) in &pages {
            let shown = self.seconds.get(key).unwrap_or(&none);
            let begins = fired
                .iter()
                .filter(|begin| !fired.contains(&(*begin - evaluation)));
            for begin in begins {
                let before = shown.range(begin - WAITING_SECONDS..=*begin);
                if before.count() == 0 {
                    found.push(format!("a page without its problem: {key:?} {begin}"));
                }
            }
        }
        for (key, shown) in &self.seconds {
            let fired = pages.get(key).unwrap_or(&none);
            let begins = shown
                .iter()
                .filter(|begin| !shown.contains(&(*begin - scrape)));
            for begin in begins {
                let lasts =
                    (0..=WAITING_SECONDS / scrape).all(|n| shown.contains(&(begin + n * scrape)));
                let page = fired.range(*begin..=begin + WAITING_SECONDS + evaluation);
                if lasts && page.count() == 0 {
                    found.push(format!("a problem without its page: {key:?} {begin}"));
                }
            }
        }
        found
    }
}
