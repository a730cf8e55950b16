//! Configuration by environment variables, for a container without a file.

use std::sync::Arc;

use polyv_client::Credentials;

use super::account::DEFAULT_NAME;
use super::api::{Api, parse_base_url, plain_http_warning};
use super::channel::ChannelIdIndex;
use super::credential_text::{clean, doubt};
use super::decoder::Report;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::fingerprint::SourceFingerprint;
use super::model::{Account, Channel, Config, ScheduleSource};
use super::poll::Poll;
use super::rate_share::over_ceiling;
use super::secret::{self, SecretSource};
use super::shard::Shard;

const APP_ID: &str = "POLYV_APP_ID";
const APP_SECRET: &str = "POLYV_APP_SECRET";
const APP_SECRET_FILE: &str = "POLYV_APP_SECRET_FILE";
const CHANNELS: &str = "POLYV_CHANNELS";
/// The variable with the address of Polyv's API: that of the simulator or a gateway.
pub const BASE_URL: &str = "POLYV_API_BASE_URL";

/// Loads the configuration from the variables that `variable` returns.
pub(super) fn load(
    variable: impl Fn(&str) -> Option<String>,
    shard: Shard,
    fingerprint: &mut SourceFingerprint,
) -> Result<Config, Diagnostics> {
    let source: Arc<str> = "environment".into();
    let report = Report::default();
    let fault = |message: String| report.fault(Diagnostic::new(&source, None, message));
    let get = |name| {
        let value = variable(name)?.trim().to_owned();
        (!value.is_empty()).then_some(value)
    };

    let warn = |message: String| report.warn(Diagnostic::new(&source, None, message));
    let warn_of = |name: &str, doubt: Option<&str>| {
        if let Some(doubt) = doubt {
            warn(format!("{name} {doubt}"));
        }
    };

    let app_id = get(APP_ID).ok_or_else(|| "is not set".to_owned());
    let app_id = app_id.and_then(|id| Ok(clean(&id)?.to_owned()));
    let app_id = app_id.map_err(|why| fault(format!("{APP_ID} {why}")));
    warn_of(APP_ID, app_id.as_deref().ok().and_then(doubt));
    let given = get(APP_SECRET);
    warn_of(APP_SECRET, given.as_deref().and_then(doubt));
    let secret = match (given, get(APP_SECRET_FILE)) {
        (Some(secret), None) => secret::parse(&secret)
            .map(SecretSource::Inline)
            .map_err(|why| format!("{APP_SECRET} {why}")),
        (None, Some(path)) => Ok(SecretSource::File(path.into())),
        (None, None) => Err(format!("neither {APP_SECRET} nor {APP_SECRET_FILE} is set")),
        (Some(_), Some(_)) => Err(format!("{APP_SECRET} and {APP_SECRET_FILE} are both set")),
    };
    let secret = secret
        .and_then(|source| Ok((fingerprint.secret(&source)?, source)))
        .map_err(fault);
    if let Ok(((_, doubt), _)) = &secret {
        warn_of(APP_SECRET_FILE, *doubt);
    }

    let mut api = Api::default();
    match get(BASE_URL).map(|text| parse_base_url(&text)) {
        None => {}
        Some(Err(why)) => fault(format!("{BASE_URL} {why}")),
        Some(Ok(url)) => {
            if let Some(warning) = plain_http_warning(&url) {
                warn(format!("{BASE_URL}: {warning}"));
            }
            api.base_url = url;
        }
    }
    if let Some(why) = over_ceiling(&api, shard) {
        fault(format!("{why} (in a file, for --config.file)"));
    }

    let poll = Poll::default();
    let mut channels = Vec::new();
    let mut channel_ids = ChannelIdIndex::default();
    if let Some(list) = get(CHANNELS) {
        let ids = list.split(',').map(str::trim);
        let mut ids = ids.filter(|id| !id.is_empty()).peekable();
        if ids.peek().is_none() {
            fault(format!("{CHANNELS} names no channel"));
        }
        for id in ids {
            match channel_ids.insert(id, &CHANNELS.into(), None) {
                Ok(id) => channels.push(Channel::new(id, poll.live_interval).into()),
                Err(why) => fault(format!("{CHANNELS}: {why}")),
            }
        }
    } else {
        fault(format!(
            "{CHANNELS} is not set: give the channels' ids, separated by commas"
        ));
    }

    let account = app_id
        .ok()
        .zip(secret.ok())
        .map(|(app_id, ((app_secret, _), secret))| Account {
            name: DEFAULT_NAME.to_owned(),
            credentials: Credentials { app_id, app_secret },
            secret,
            channels,
            watched_directories: Vec::new(),
            discover: None,
            schedule_from: ScheduleSource::default(),
        });
    let warnings = report.finish()?;
    let accounts = account.into_iter().collect();
    Ok(Config::new(api, poll, accounts, shard, warnings))
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
    fn three_variables_are_enough() {
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
    fn all_missing_or_invalid_variables_are_named() {
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
    fn plain_http_to_another_host_is_a_warning() {
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
