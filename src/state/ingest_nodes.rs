//! Faults that the channels of one ingest node have in common.
//!
//! The samples of one channel cannot tell the venue's uplink from the node that receives the
//! stream. Several channels can: where many of one node fail at about the same time while those
//! of other nodes are healthy, the node is what they share. The counts of each node are kept up
//! to date with every change of a channel, so that no judgement looks at all channels.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::channel_key::ChannelKey;
use super::health::{HealthIssue, HealthIssueKind, Severity};
use super::likely_cause::LikelyCause;
use polyv_client::clock::MonotonicInstant;

/// The nodes that receive the channels' streams, and which of them are suspected of a fault.
#[derive(Debug, Default)]
pub(super) struct IngestNodes {
    accounts: HashMap<Arc<str>, AccountNodes>,
}

/// A channel's place among the channels of its node.
#[derive(Debug, Clone)]
pub(super) struct NodeMembership {
    account: Arc<str>,
    node: Arc<str>,
    failing_since: Option<MonotonicInstant>,
}

#[derive(Debug, Default)]
struct AccountNodes {
    counts: Counts,
    nodes: HashMap<Arc<str>, Node>,
}

#[derive(Debug, Default)]
struct Node {
    counts: Counts,
    failing: BTreeSet<ChannelKey>,
    /// Those of `failing` that began to fail within [`ONSET_WINDOW`].
    recent: BTreeSet<(MonotonicInstant, ChannelKey)>,
    is_suspected: bool,
}

/// Channels that are live, or off air though they should not be, and those of them that fail.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    channels: usize,
    failing: usize,
}

/// What it takes for a node to be suspected.
struct Limits {
    /// The failing channels, at least.
    failing: usize,
    /// One of this many of the node's channels fails, at least.
    one_failing_of: usize,
    /// Fewer of a hundred channels of the account's other nodes fail.
    failing_others_percent: usize,
}

/// A node becomes suspected.
const SUSPECTED_FROM: Limits = Limits {
    failing: 3,
    one_failing_of: 2,
    failing_others_percent: 20,
};
/// A suspected node stays suspected: channels recover one after the other.
const SUSPECTED_WHILE: Limits = Limits {
    failing: 2,
    one_failing_of: 3,
    failing_others_percent: 40,
};
/// The channels of other nodes that have to be healthy: fewer prove nothing.
const MIN_HEALTHY_OTHERS: usize = 3;
/// The time within which a node's channels begin to fail. Polyv's delay differs by channel.
const ONSET_WINDOW: Duration = Duration::from_secs(3 * 60);

// === impl IngestNodes ===

impl IngestNodes {
    /// Replaces a channel's place: `node` receives its stream, which `is_failing`. Returns the new
    /// place, and the failing channels of a node whose judgement changed by that.
    pub(super) fn update(
        &mut self,
        (account, key): (&Arc<str>, ChannelKey),
        before: Option<NodeMembership>,
        node: Option<&Arc<str>>,
        is_failing: bool,
        now: MonotonicInstant,
    ) -> (Option<NodeMembership>, Vec<ChannelKey>) {
        let failing_since = before.as_ref().and_then(|before| before.failing_since);
        if let Some(before) = before {
            self.remove(key, &before);
        }
        let Some(node) = node else {
            return (None, Vec::new());
        };
        let membership = NodeMembership {
            account: Arc::clone(account),
            node: Arc::clone(node),
            failing_since: is_failing.then(|| failing_since.unwrap_or(now)),
        };
        let of_account = self.accounts.entry(Arc::clone(account)).or_default();
        let of_node = of_account.nodes.entry(Arc::clone(node)).or_default();
        of_account.counts.add(is_failing);
        of_node.counts.add(is_failing);
        if let Some(since) = membership.failing_since {
            of_node.failing.insert(key);
            of_node.recent.insert((since, key));
        }
        let changed = of_node.judge(of_account.counts, now);
        (Some(membership), changed)
    }

    /// Removes a channel.
    pub(super) fn remove(&mut self, key: ChannelKey, membership: &NodeMembership) {
        let NodeMembership { account, node, .. } = membership;
        let Some(of_account) = self.accounts.get_mut(account) else {
            return;
        };
        let is_failing = membership.failing_since.is_some();
        of_account.counts.remove(is_failing);
        if let Some(of_node) = of_account.nodes.get_mut(node) {
            of_node.counts.remove(is_failing);
            if let Some(since) = membership.failing_since {
                of_node.failing.remove(&key);
                of_node.recent.remove(&(since, key));
            }
            if of_node.counts.channels == 0 {
                of_account.nodes.remove(node);
            }
        }
        if of_account.nodes.is_empty() {
            self.accounts.remove(account);
        }
    }

    /// Whether a channel's node is suspected of a fault.
    pub(super) fn is_suspected(&self, membership: &NodeMembership) -> bool {
        let of_account = self.accounts.get(&membership.account);
        let node = of_account.and_then(|of_account| of_account.nodes.get(&membership.node));
        node.is_some_and(|node| node.is_suspected)
    }
}

// === impl Node ===

impl Node {
    /// Judges the node beside its account's others. Returns the failing channels if that changed.
    fn judge(&mut self, account: Counts, now: MonotonicInstant) -> Vec<ChannelKey> {
        while let Some((since, key)) = self.recent.first().copied()
            && since + ONSET_WINDOW <= now
        {
            self.recent.remove(&(since, key));
        }
        let others = Counts {
            channels: account.channels.saturating_sub(self.counts.channels),
            failing: account.failing.saturating_sub(self.counts.failing),
        };
        let is_suspected = if self.is_suspected {
            SUSPECTED_WHILE.are_exceeded(self.counts, others)
        } else {
            self.recent.len() >= SUSPECTED_FROM.failing
                && SUSPECTED_FROM.are_exceeded(self.counts, others)
        };
        let before = std::mem::replace(&mut self.is_suspected, is_suspected);
        if before == is_suspected {
            return Vec::new();
        }
        self.failing.iter().copied().collect()
    }
}

// === impl Counts ===

impl Counts {
    fn add(&mut self, is_failing: bool) {
        self.channels += 1;
        self.failing += usize::from(is_failing);
    }

    fn remove(&mut self, is_failing: bool) {
        self.channels = self.channels.saturating_sub(1);
        self.failing = self.failing.saturating_sub(usize::from(is_failing));
    }
}

// === impl Limits ===

impl Limits {
    fn are_exceeded(&self, node: Counts, others: Counts) -> bool {
        let healthy_others = others.channels.saturating_sub(others.failing);
        node.failing >= self.failing
            && node.failing * self.one_failing_of >= node.channels
            && healthy_others >= MIN_HEALTHY_OTHERS
            && others.failing * 100 < others.channels * self.failing_others_percent
    }
}

/// Whether an ingest node may have caused an issue. What only the encoder or its source can
/// cause, or lost audio alone, passes through a node that works.
fn may_be_of_node(issue: &HealthIssue) -> bool {
    match issue.likely_cause {
        LikelyCause::Uplink => true,
        LikelyCause::Unknown => matches!(
            issue.kind,
            HealthIssueKind::OffAir | HealthIssueKind::NoSamples | HealthIssueKind::BitrateDropped
        ),
        LikelyCause::Encoder | LikelyCause::Source | LikelyCause::Polyv => false,
    }
}

/// Names the node as the likely cause of what it may have caused.
pub(super) fn blame_node(issues: &mut [HealthIssue]) {
    for issue in issues.iter_mut().filter(|issue| may_be_of_node(issue)) {
        issue.likely_cause = LikelyCause::Polyv;
    }
}

/// Whether issues count against the channel's ingest node.
pub(super) fn count_against_node(issues: &[HealthIssue]) -> bool {
    let mut issues = issues.iter();
    issues.any(|issue| issue.kind.severity() == Severity::Page && may_be_of_node(issue))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Channels of one account; each keeps its place.
    #[derive(Default)]
    struct Fleet {
        nodes: IngestNodes,
        places: HashMap<u64, NodeMembership>,
    }

    impl Fleet {
        /// A healthy account: some channels on node `a`, and some on node `b`.
        fn healthy(on_a: u64, on_b: u64) -> Self {
            let mut fleet = Self::default();
            for channel in 0..on_a {
                fleet.set(channel, "a", false, 0);
            }
            for channel in 100..100 + on_b {
                fleet.set(channel, "b", false, 0);
            }
            fleet
        }

        /// Sets a channel; how many channels a changed judgement concerns.
        fn set(&mut self, channel: u64, node: &str, is_failing: bool, seconds: u64) -> usize {
            let key = ChannelKey::from_index(channel);
            let before = self.places.remove(&channel);
            let (node, now) = (node.into(), MonotonicInstant::from_millis(seconds * 1000));
            let account = Arc::from("default");
            let (place, changed) =
                self.nodes
                    .update((&account, key), before, Some(&node), is_failing, now);
            self.places.insert(channel, place.unwrap());
            changed.len()
        }

        fn fail(&mut self, channels: std::ops::Range<u64>, node: &str, seconds: u64) {
            for channel in channels {
                self.set(channel, node, true, seconds);
            }
        }

        fn suspects(&self, channel: u64) -> bool {
            self.nodes.is_suspected(&self.places[&channel])
        }
    }

    #[test]
    fn node_is_suspected_where_its_channels_fail_and_others_do_not() {
        let mut fleet = Fleet::healthy(4, 10);
        fleet.fail(0..2, "a", 10);
        assert!(!fleet.suspects(0));
        assert_eq!(fleet.set(2, "a", true, 30), 3);
        assert!(fleet.suspects(0) && !fleet.suspects(100));
    }

    #[test]
    fn half_of_the_nodes_channels_have_to_fail() {
        let mut fleet = Fleet::healthy(8, 10);
        fleet.fail(0..3, "a", 10);
        assert!(!fleet.suspects(0));
        fleet.fail(3..4, "a", 10);
        assert!(fleet.suspects(0));
    }

    #[test]
    fn no_node_is_suspected_without_healthy_others() {
        for (on_b, failing_on_b) in [(0, 0), (2, 0), (10, 2), (10, 10)] {
            let mut fleet = Fleet::healthy(10, on_b);
            fleet.fail(100..100 + failing_on_b, "b", 5);
            fleet.fail(0..10, "a", 10);
            assert!(!fleet.suspects(0), "{on_b} {failing_on_b}");
        }
        let mut fleet = Fleet::healthy(10, 10);
        fleet.fail(100..101, "b", 5);
        fleet.fail(0..10, "a", 10);
        assert!(fleet.suspects(0) && !fleet.suspects(100));
    }

    #[test]
    fn channels_that_fail_one_after_the_other_have_no_node_in_common() {
        let mut fleet = Fleet::healthy(4, 10);
        for channel in 0..4 {
            fleet.set(channel, "a", true, channel * 200);
            // Polls go on.
            fleet.fail(0..channel, "a", channel * 200 + 60);
        }
        assert!(!fleet.suspects(0));
    }

    #[test]
    fn judgement_does_not_go_to_and_fro_while_channels_recover() {
        let mut fleet = Fleet::healthy(6, 10);
        fleet.fail(0..6, "a", 10);
        let mut changes = 0;
        for channel in 0..4 {
            changes += usize::from(fleet.set(channel, "a", false, 600) > 0);
            changes += usize::from(fleet.set(channel, "a", true, 610) > 0);
            changes += usize::from(fleet.set(channel, "a", false, 620) > 0);
        }
        assert_eq!(changes, 0);
        assert!(fleet.suspects(5));
        assert_eq!(fleet.set(4, "a", false, 630), 1);
        assert!(!fleet.suspects(5));
    }

    #[test]
    fn channel_that_changes_its_node_counts_there_alone() {
        let mut fleet = Fleet::healthy(4, 10);
        fleet.fail(0..4, "a", 10);
        for channel in 0..4 {
            fleet.set(channel, "b", false, 20);
        }
        assert!(!fleet.suspects(0));
        let places = std::mem::take(&mut fleet.places);
        for (channel, place) in &places {
            fleet.nodes.remove(ChannelKey::from_index(*channel), place);
        }
        assert!(fleet.nodes.accounts.is_empty());
    }
}
