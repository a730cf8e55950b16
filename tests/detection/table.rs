//! The results as tables in Markdown.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter, Result};

use crate::broadcasts::Broadcast;
use crate::faults::Fault;
use crate::study::{HEALTHY_SECONDS, Study};

impl Display for Study {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(
            f,
            "| healthy broadcasts | channel-hours | pages | warnings | alerts |"
        )?;
        writeln!(f, "| --- | --- | --- | --- | --- |")?;
        for (index, kind) in &self.healthy {
            writeln!(
                f,
                "| {} | {} | {} | {} | {} |",
                Broadcast::ALL[*index].name(),
                kind.channels * HEALTHY_SECONDS / 3600,
                kind.count("page"),
                kind.count("warning"),
                list(kind.alerts.iter().map(|((_, name), count)| (name, count))),
            )?;
        }
        writeln!(
            f,
            "\n| faults | found | missed | median | worst | other pages |"
        )?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- |")?;
        for (index, fault) in &self.faulty {
            let seconds = |at: usize| {
                fault
                    .found
                    .get(at)
                    .map_or(String::new(), |s| format!("{s} s"))
            };
            writeln!(
                f,
                "| {} | {} | {} | {} | {} | {} |",
                Fault::ALL[*index].name,
                fault.found.len(),
                fault.missed,
                seconds(fault.found.len() / 2),
                seconds(fault.found.len().saturating_sub(1)),
                list(&fault.other_pages),
            )?;
        }
        for disagreement in &self.disagreements {
            writeln!(f, "{disagreement}")?;
        }
        Ok(())
    }
}

/// Alerts and how often they began to fire.
fn list<'a>(alerts: impl IntoIterator<Item = (&'a String, &'a usize)>) -> String {
    let alerts: BTreeMap<_, _> = alerts.into_iter().collect();
    let named = alerts
        .iter()
        .map(|(name, count)| format!("{count} {}", name.trim_start_matches("Polyv")));
    named.collect::<Vec<_>>().join(", ")
}
