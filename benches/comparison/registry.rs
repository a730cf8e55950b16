//! The `prometheus` crate's registry with the same series as a scrape.

use std::collections::HashMap;

use anyhow::{Context, Result};
use prometheus::{Encoder, GaugeVec, Opts, Registry, TextEncoder};

/// A registry, and what it is written to.
pub(crate) struct Rival {
    registry: Registry,
    out: Vec<u8>,
}

impl Rival {
    /// Holds all samples of channels and streams of a text in the Prometheus format, each as a
    /// gauge.
    pub(crate) fn holding(text: &str) -> Result<Self> {
        let registry = Registry::new();
        let mut families: HashMap<String, GaugeVec> = HashMap::new();
        let ours = |line: &&str| {
            ["polyv_channel_", "polyv_stream_"]
                .iter()
                .any(|family| line.starts_with(family))
        };
        for line in text.lines().filter(ours) {
            let (name, rest) = line.split_once('{').context("a series without labels")?;
            let (labels, value) = rest.rsplit_once("} ").context("a line without value")?;
            let pairs = labels.split(',').filter_map(|pair| pair.split_once('='));
            let (names, values): (Vec<&str>, Vec<&str>) = pairs
                .map(|(name, value)| (name, value.trim_matches('"')))
                .unzip();
            if !families.contains_key(name) {
                let family = GaugeVec::new(Opts::new(name, name), &names)?;
                registry.register(Box::new(family.clone()))?;
                families.insert(name.to_owned(), family);
            }
            let family = families.get(name).context("just added")?;
            family
                .get_metric_with_label_values(&values)?
                .set(value.parse()?);
        }
        let out = Vec::with_capacity(text.len() * 2);
        Ok(Self { registry, out })
    }

    /// Writes all of it; how long that is.
    pub(crate) fn encode(&mut self) -> Result<usize> {
        self.out.clear();
        TextEncoder::new().encode(&self.registry.gather(), &mut self.out)?;
        Ok(self.out.len())
    }
}
