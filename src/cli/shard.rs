//! The flags that divide channels among exporters.

use clap::Args;

/// Which of all channels are this exporter's own.
#[derive(Debug, Clone, Args)]
pub struct ShardArgs {
    /// Which shard of the channels this exporter watches, from 0 to one less than there are
    #[arg(id = "shard_index", long = "shard.index", value_name = "INDEX")]
    pub index: Option<u32>,
    /// How many shards the channels are divided into; the same for all of them
    #[arg(
        id = "shard_total",
        long = "shard.total",
        value_name = "COUNT",
        default_value_t = 1
    )]
    pub total: u32,
    /// The pod's name in a `StatefulSet`: without --shard.index, the number after its last `-` is
    /// the shard
    #[arg(id = "shard_pod_name", long = "shard.pod-name", value_name = "NAME")]
    pub pod_name: Option<String>,
}
