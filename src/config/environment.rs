//! Configuration by environment variables, for a container that has no file.

use std::sync::Arc;

use super::account::DEFAULT_NAME;
use polyv_client::{AppSecret, Credentials};

use super::api::{self, Api};
use super::channel::{ChannelIdIndex, check_channel_id};
use super::diagnostic::{Diagnostic, Diagnostics};
use super::fingerprint::SourceFingerprint;
use super::model::{Account, Channel, Config, Expect};
use super::poll::Poll;
use super::rate_share;
use super::secret::SecretSource;
use super::shard::Shard;

const APP_ID: &str = "POLYV_APP_ID";
const APP_SECRET: &str = "POLYV_APP_SECRET";
const APP_SECRET_FILE: &str = "POLYV_APP_SECRET_FILE";
const CHANNELS: &str = "POLYV_CHANNELS";
/// Not needed for a real account: for the simulator, or a gateway of one's own.
const BASE_URL: &str = "POLYV_API_BASE_URL";

/// Makes a configuration of the variables that `variable` knows.
pub(super) fn load(
    variable: impl Fn(&str) -> Option<String>,
    shard: Shard,
    fingerprint: &mut SourceFingerprint,
) -> Result<Config, Diagnostics> {
    let source: Arc<str> = "environment".into();
    let mut faults = Diagnostics::default();
    let mut fault = |message: String| {
        faults.push(Diagnostic {
            source: Arc::clone(&source),
            place: None,
            message,
        });
    };
    let get = |name| variable(name).filter(|value| !value.trim().is_empty());

    let app_id = get(APP_ID);
    if app_id.is_none() {
        fault(format!("{APP_ID} is not set"));
    }
    let secret = match (get(APP_SECRET), get(APP_SECRET_FILE)) {
        (Some(secret), None) => AppSecret::new(&secret)
            .map(SecretSource::Inline)
            .map_err(|error| format!("{APP_SECRET}: {error}")),
        (None, Some(path)) => Ok(SecretSource::File(path.trim().into())),
        (None, None) => Err(format!("neither {APP_SECRET} nor {APP_SECRET_FILE} is set")),
        (Some(_), Some(_)) => Err(format!("{APP_SECRET} and {APP_SECRET_FILE} are both set")),
    };
    let secret = secret.and_then(|source| Ok((fingerprint.secret(&source)?, source)));
    let mut api = Api::default();
    let mut warnings = Vec::new();
    if let Some(text) = get(BASE_URL) {
        match api::check_base_url(text.trim()) {
            Ok(url) => {
                warnings.extend(api::plain_http(&url).map(|warning| Diagnostic {
                    source: Arc::clone(&source),
                    place: None,
                    message: format!("{BASE_URL}: {warning}"),
                }));
                api.base_url = url;
            }
            Err(why) => fault(format!("{BASE_URL}: {why}")),
        }
    }
    if let Some(why) = rate_share::over_ceiling(&api, shard) {
        fault(format!("{why} (in a file, for --config.file)"));
    }
    let poll = Poll::default();
    let mut channels = Vec::new();
    let mut seen = ChannelIdIndex::default();
    match get(CHANNELS) {
        None => fault(format!(
            "{CHANNELS} is not set: give the channels' ids, separated by commas"
        )),
        Some(text) => {
            for id in text.split(',').map(str::trim).filter(|id| !id.is_empty()) {
                let name: Arc<str> = CHANNELS.into();
                match check_channel_id(id).and_then(|()| seen.note(id, &name, None)) {
                    Ok(()) => {
                        let id: Arc<str> = id.into();
                        channels.push(Arc::new(Channel {
                            name: Arc::clone(&id),
                            id,
                            labels: std::collections::BTreeMap::new(),
                            live_interval: poll.live_interval,
                            expect: Expect::default(),
                        }));
                    }
                    Err(why) => fault(format!("{CHANNELS}: {why}")),
                }
            }
            if !text.contains(|c: char| c != ',' && !c.is_whitespace()) {
                fault(format!("{CHANNELS} names no channel"));
            }
        }
    }
    let (app_secret, secret) = match secret {
        Ok(secret) => secret,
        Err(why) => {
            fault(why);
            return Err(faults);
        }
    };
    let account = Account {
        name: DEFAULT_NAME.to_owned(),
        credentials: Credentials {
            app_id: app_id.map(|id| id.trim().to_owned()).unwrap_or_default(),
            app_secret,
        },
        secret,
        channels,
        watched_directories: Vec::new(),
        discover: None,
    };
    faults
        .or(Config {
            api,
            poll,
            accounts: vec![account],
            shard: Shard::ALL,
            channels_of_other_shards: 0,
            warnings,
        })
        .map(|config| config.keep(shard))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, Diagnostics> {
        sharded(variables, Shard::ALL)
    }

    fn sharded(variables: &[(&str, &str)], shard: Shard) -> Result<Config, Diagnostics> {
        let variable = |name: &str| {
            variables
                .iter()
                .find(|(other, _)| *other == name)
                .map(|(_, value)| (*value).to_owned())
        };
        load(variable, shard, &mut SourceFingerprint::default())
    }

    #[test]
    fn shards_need_a_file_that_divides_the_limit() {
        let shard = Shard::new(0, 2).unwrap();
        let variables = [(APP_ID, "a"), (APP_SECRET, "s"), (CHANNELS, "1,2,3,4,5,6")];
        let faults = sharded(&variables, shard).unwrap_err().to_string();
        assert!(faults.contains("2 shards x 1000 calls"), "{faults}");
        assert!(faults.contains("--config.file"), "{faults}");
        let here = [&variables[..], &[(BASE_URL, "http://127.0.0.1:8899")]].concat();
        let config = sharded(&here, shard).unwrap();
        assert_eq!(config.channel_count() + config.channels_of_other_shards, 6);
        assert!(
            (1..6).contains(&config.channels_of_other_shards),
            "{}",
            config.channels_of_other_shards
        );
    }

    #[test]
    fn three_variables_are_configuration_enough() {
        let config = config(&[
            (APP_ID, "frlr1zazn3"),
            (APP_SECRET, "secret"),
            (CHANNELS, "3880533, 3880534,"),
        ])
        .unwrap();
        assert_eq!(config.api.base_url.as_str(), "https://api.polyv.net/");
        let account = &config.accounts[0];
        assert_eq!(account.name, "default");
        let ids: Vec<_> = account.channels.iter().map(|c| &*c.id).collect();
        assert_eq!(ids, ["3880533", "3880534"]);
        assert_eq!(&*account.channels[0].name, "3880533");
    }

    #[test]
    fn everything_that_is_missing_or_wrong_is_named() {
        let faults = config(&[]).unwrap_err().to_string();
        for name in [APP_ID, APP_SECRET, APP_SECRET_FILE, CHANNELS] {
            assert!(faults.contains(name), "{name}: {faults}");
        }
        let faults = config(&[
            (APP_ID, "a"),
            (APP_SECRET, "the-secret"),
            (APP_SECRET_FILE, "/x"),
            (CHANNELS, "1,x,1"),
            (BASE_URL, "api.polyv.net"),
        ])
        .unwrap_err();
        assert_eq!(faults.len(), 4, "{faults}");
        assert!(!faults.to_string().contains("the-secret"));
        let faults = config(&[(APP_ID, "a"), (APP_SECRET, "s"), (CHANNELS, " , ")]);
        let faults = faults.unwrap_err().to_string();
        assert!(faults.contains("names no channel"), "{faults}");
    }

    #[test]
    fn plain_http_to_another_host_is_warned_of() {
        let warnings = |base_url| {
            let variables = [
                (APP_ID, "a"),
                (APP_SECRET, "s"),
                (CHANNELS, "1"),
                (BASE_URL, base_url),
            ];
            config(&variables).unwrap().warnings.len()
        };
        assert_eq!(warnings("http://gateway.example.com"), 1);
        assert_eq!(warnings("http://127.0.0.1:8899"), 0);
        assert_eq!(warnings("https://gateway.example.com"), 0);
    }
}
