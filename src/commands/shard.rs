//! Which of all channels are this exporter's own.

use tracing::{info, warn};

use crate::cli::ShardArgs;
use crate::config::{Config, Shard};

/// The shard that the command line means.
///
/// # Errors
/// A sentence about what is wrong with the flags.
pub(super) fn from_flags(arguments: &ShardArgs) -> Result<Shard, String> {
    let total = arguments.total;
    if total == 0 {
        return Err(
            "--shard.total 0: there is at least one shard; leave the flag out where one exporter \
             watches all channels"
                .to_owned(),
        );
    }
    let (index, named_by) = match (arguments.index, &arguments.pod_name) {
        (Some(index), _) => (index, format!("--shard.index {index}")),
        (None, Some(name)) => {
            let named_by = format!("--shard.pod-name {name}");
            let index = ordinal(name).ok_or_else(|| {
                format!(
                    "{named_by}: a pod of a StatefulSet has a name that ends in a number, such as \
                     polyv-exporter-2; elsewhere, say --shard.index"
                )
            })?;
            (index, named_by)
        }
        (None, None) if total == 1 => return Ok(Shard::ALL),
        (None, None) => {
            return Err(format!(
                "--shard.total {total} needs --shard.index, from 0 to {last}; in a StatefulSet \
                 --shard.pod-name will do",
                last = total - 1
            ));
        }
    };
    Shard::new(index, total).map_err(|why| {
        format!("{named_by}: {why}; --shard.total has to say how many there are, to all of them")
    })
}

/// The number at the end of a `StatefulSet`'s pod's name: 2 of `polyv-exporter-2`.
fn ordinal(pod_name: &str) -> Option<u32> {
    let (_, ordinal) = pod_name.rsplit_once('-')?;
    // `parse` would take a sign.
    let digits = ordinal.bytes().all(|byte| byte.is_ascii_digit());
    ordinal.parse().ok().filter(|_| digits)
}

/// Says how many channels are a shard's own.
pub(super) fn announce(config: &Config) {
    let shard = config.shard;
    if shard.is_all() {
        return;
    }
    let channels = config.channel_count();
    let of = channels + config.channels_of_other_shards;
    if channels == 0 && of > 0 {
        warn!(%shard, of, "this shard owns no channel");
    } else {
        info!(%shard, channels, of, "this shard owns its part of the channels");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(index: Option<u32>, total: u32, pod_name: Option<&str>) -> Result<String, String> {
        let arguments = ShardArgs {
            index,
            total,
            pod_name: pod_name.map(str::to_owned),
        };
        from_flags(&arguments).map(|shard| shard.to_string())
    }

    #[test]
    fn shard_is_given_by_index_or_pod_name() {
        assert_eq!(parsed(None, 1, None).unwrap(), "0 of 1");
        assert_eq!(parsed(Some(2), 3, None).unwrap(), "2 of 3");
        assert_eq!(parsed(None, 3, Some("polyv-exporter-2")).unwrap(), "2 of 3");
        assert_eq!(parsed(None, 12, Some("x-10")).unwrap(), "10 of 12");
        // What is said outright counts.
        assert_eq!(
            parsed(Some(0), 3, Some("polyv-exporter-2")).unwrap(),
            "0 of 3"
        );
    }

    #[test]
    fn invalid_shard_has_a_remedy() {
        for (index, total, pod_name, word) in [
            (None, 0, None, "leave the flag out"),
            (Some(0), 0, None, "leave the flag out"),
            (None, 3, None, "needs --shard.index, from 0 to 2"),
            (Some(3), 3, None, "numbered from 0 to 2"),
            (Some(1), 1, None, "--shard.total has to say how many"),
            (None, 3, Some("polyv-exporter-3"), "numbered from 0 to 2"),
            (
                None,
                1,
                Some("polyv-exporter-1"),
                "--shard.total has to say how many",
            ),
            (
                None,
                3,
                Some("polyv-exporter-7d4b9c6f5-x2x9z"),
                "ends in a number",
            ),
            (None, 3, Some("polyv-exporter-"), "ends in a number"),
            (None, 3, Some("polyv-exporter-+1"), "ends in a number"),
            (None, 3, Some("2"), "ends in a number"),
            (None, 3, Some(""), "ends in a number"),
            (None, 3, Some("x-99999999999"), "ends in a number"),
            (Some(0), 1001, None, "1 to 1000 shards"),
        ] {
            let why = parsed(index, total, pod_name).unwrap_err();
            assert!(why.contains(word), "{why}");
        }
    }
}
