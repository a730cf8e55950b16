//! The section `remote_write`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use polyv_client::is_loopback;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::decoder::{Field, Mapping};
use super::diagnostic::Location;
use super::duration::format_duration;
use super::http_client::{self, HttpClientConfig};
use super::values::{HOUR, MINUTE, SECOND, count, non_blank, within};
use web_config::redact;

/// The labels of the series that are sent.
const OWN_LABELS: [&str; 3] = ["account", "channel_id", "stream"];
const MILLISECOND: Duration = Duration::from_millis(1);

/// An endpoint of remote write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteWrite {
    /// The label `remote_name`, by which the endpoint keeps its position.
    pub name: String,
    /// Where samples are sent.
    pub url: Url,
    /// How the endpoint is called.
    pub http: HttpClientConfig,
    /// Timeout of a request.
    pub timeout: Duration,
    /// Labels that are added to all series.
    pub external_labels: BTreeMap<String, String>,
    /// Maximum number of samples in a request.
    pub max_samples_per_send: usize,
    /// The delay before a failed request is repeated the first time. It doubles each time.
    pub min_backoff: Duration,
    /// The longest delay before a failed request is repeated.
    pub max_backoff: Duration,
}

/// Decodes `remote_write`.
pub(super) fn decode_all(
    field: Field<'_>,
    directory: &Path,
    is_recording: bool,
) -> Vec<RemoteWrite> {
    let mut names = Vec::new();
    let mut endpoints = field.items("this endpoint").peekable();
    if endpoints.peek().is_some() && !is_recording {
        field.fault(
            "`remote_write` sends what is recorded, and nothing is: give `recorder` a `path`",
        );
    }
    endpoints
        .filter_map(|field| decode(field, directory, &mut names))
        .collect()
}

fn decode(
    field: Field<'_>,
    directory: &Path,
    names: &mut Vec<(String, Location)>,
) -> Option<RemoteWrite> {
    let mut map = field.mapping()?;
    let address = map.required("url");
    let url = address.and_then(|field| field.parse(parse_url));
    let name = match map.get("name") {
        Some(field) => field.parse(non_blank).map(|name| (name, field)),
        None => url.as_ref().map(|url| (default_name(url), field)),
    };
    let http = http_client::decode(&mut map, directory);
    let mut timeout = Duration::from_secs(30);
    map.set("remote_timeout", &mut timeout, within(SECOND..=10 * MINUTE));
    let labels = map.get("external_labels");
    let external_labels = labels.map(external_labels).unwrap_or_default();
    let mut max_samples_per_send = 2_000;
    let mut min_backoff = Duration::from_millis(30);
    let mut max_backoff = Duration::from_secs(5);
    let queue = map.get("queue_config");
    if let Some((field, mut map)) = queue.and_then(|field| Some((field, field.mapping()?))) {
        let max = count(100_000);
        map.set("max_samples_per_send", &mut max_samples_per_send, max);
        map.set("min_backoff", &mut min_backoff, within(MILLISECOND..=HOUR));
        map.set("max_backoff", &mut max_backoff, within(MILLISECOND..=HOUR));
        map.deny_unknown();
        if min_backoff > max_backoff {
            let (min, max) = (format_duration(min_backoff), format_duration(max_backoff));
            field.fault(format!(
                "`min_backoff` ({min}) is over `max_backoff` ({max})"
            ));
        }
    }
    map.deny_unknown();
    let (name, name_field) = name?;
    if let Some((_, first)) = names.iter().find(|(other, _)| *other == name) {
        name_field.fault(format!(
            "a second endpoint is called `{name}`: the first is at {first}; give each a `name`"
        ));
        return None;
    }
    names.push((name.clone(), name_field.location()));
    let url = url?;
    if let Some(field) = address
        && http.authentication.is_some()
        && url.scheme() == "http"
        && !is_loopback(&url)
    {
        field.warn("`url` is plain HTTP: the credentials can be read on the way; use https");
    }
    Some(RemoteWrite {
        name,
        url,
        http,
        timeout,
        external_labels,
        max_samples_per_send,
        min_backoff,
        max_backoff,
    })
}

/// Parses an endpoint's address. It may carry a query string.
fn parse_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string());
    url.and_then(|url| {
        let fault = if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            "it must begin with https:// (or http://) and a host"
        } else if !url.username().is_empty() || url.password().is_some() {
            "it must not carry a user or a password: use `basic_auth`"
        } else {
            return Ok(url);
        };
        Err(fault.to_owned())
    })
    .map_err(|why| {
        format!("must be an address such as `https://prometheus.example.com/api/v1/write`: {why}")
    })
}

/// The name of an endpoint without a configured name. An address may contain a token, so it is
/// not shown.
fn default_name(url: &Url) -> String {
    let digest = Sha256::digest(url.as_str());
    digest.iter().take(3).fold(String::new(), |mut name, byte| {
        _ = write!(name, "{byte:02x}");
        name
    })
}

fn external_labels(field: Field<'_>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let map = field.mapping();
    for (location, name, field) in map.iter().flat_map(Mapping::entries) {
        let mut characters = name.chars();
        let is_first = |c: char| c.is_ascii_alphabetic() || c == '_';
        let is_valid = characters.next().is_some_and(is_first)
            && characters.all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_valid {
            let message = format!(
                "{} can't be a label: letters, digits and `_` only, and no digit first",
                redact(name)
            );
            field.fault_at(location, message);
        } else if OWN_LABELS.contains(&name) || name.starts_with("__") {
            let message = format!("the label `{name}` is one of the samples' own");
            field.fault_at(location, message);
        } else if let Some(value) = field.text() {
            labels.insert(name.to_owned(), value.to_owned());
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::{Authentication, Source};

    const REST: &str = "recorder: {path: /recordings}\naccounts: [{app_id: a, app_secret: s, channels: [{id: 1}]}]\n";

    fn load(text: &str) -> Result<Vec<Arc<RemoteWrite>>, String> {
        let source = Source::text("polyv.yml", &format!("{text}\n{REST}"));
        let config = source.load().map_err(|faults| faults.to_string())?;
        assert_eq!(config.warnings, [], "{text}");
        Ok(config.remote_write)
    }

    #[test]
    fn endpoint_has_the_defaults_of_prometheus() {
        let endpoints =
            load("remote_write: [{url: 'http://localhost:9090/api/v1/write'}]").unwrap();
        let endpoint = &endpoints[0];
        assert_eq!(endpoint.timeout, Duration::from_secs(30));
        assert_eq!(endpoint.max_samples_per_send, 2_000);
        assert_eq!(endpoint.min_backoff, Duration::from_millis(30));
        assert_eq!(endpoint.max_backoff, Duration::from_secs(5));
        assert_eq!(endpoint.http, HttpClientConfig::default());
        assert_eq!(endpoint.name.len(), 6);
        assert_eq!(load("remote_write:").unwrap(), []);
    }

    #[test]
    fn every_key_is_read_and_secrets_are_not_shown() {
        let endpoints = load(
            "remote_write:
- url: https://a.example.com/write?tenant=1
  name: a
  headers: {X-Scope-OrgID: secret-tenant}
  basic_auth: {username: u, password: secret-password}
  tls_config: {server_name: b.example.com, insecure_skip_verify: true}
  remote_timeout: 5s
  external_labels: {site: shanghai}
  queue_config: {max_samples_per_send: 7, min_backoff: 1s, max_backoff: 1m}
- url: https://a.example.com/write
  authorization: {type: Token, credentials: secret-token}
  proxy_url: http://user:secret-proxy@localhost:3128",
        );
        let endpoints = endpoints.unwrap();
        let first = &endpoints[0];
        assert_eq!(first.name, "a");
        assert_eq!(first.url.query(), Some("tenant=1"));
        assert_eq!(first.max_samples_per_send, 7);
        assert_eq!(first.max_backoff, Duration::from_secs(60));
        assert_eq!(first.external_labels["site"], "shanghai");
        assert_eq!(first.http.headers[0].1.expose(), "secret-tenant");
        assert!(first.http.tls.insecure_skip_verify);
        let scheme = match &endpoints[1].http.authentication {
            Some(Authentication::Authorization { scheme, .. }) => scheme.as_str(),
            other => panic!("{other:?}"),
        };
        assert_eq!(scheme, "Token");
        let shown = format!("{endpoints:?}");
        assert!(
            shown.contains("<secret>") && !shown.contains("secret-"),
            "{shown}"
        );
    }

    #[test]
    fn recorder_is_required() {
        let text = "remote_write: [{url: 'http://h/w'}]\naccounts: [{app_id: a, app_secret: s, channels: [{id: 1}]}]";
        let faults = Source::text("polyv.yml", text).load().unwrap_err();
        let fault = "polyv.yml:1:15: `remote_write` sends what is recorded, and nothing is: give `recorder` a `path`";
        assert_eq!(faults.to_string(), fault);
    }

    #[test]
    fn faults_have_a_location_and_a_remedy() {
        for (endpoint, location, remedy) in [
            ("{}", "1:16", "no `url`"),
            (
                "{url: 'http://h/w', nam: a}",
                "1:36",
                "did you mean `name`?",
            ),
            ("{url: 'ftp://h/w'}", "1:22", "must begin with https://"),
            ("{url: 'http://u:secret@h/w'}", "1:22", "use `basic_auth`"),
            (
                "{url: 'http://h/w', remote_timeout: 5}",
                "1:52",
                "did you mean `5s`?",
            ),
            (
                "{url: 'http://h/w', queue_config: {capacity: 5}}",
                "1:51",
                "known here: max_samples_per_send",
            ),
            (
                "{url: 'http://h/w', queue_config: {min_backoff: 9s}}",
                "1:50",
                "is over `max_backoff` (5s)",
            ),
            (
                "{url: 'http://h/w', external_labels: {stream: x}}",
                "1:54",
                "samples' own",
            ),
            (
                "{url: 'http://h/w', external_labels: {a-b: x}}",
                "1:54",
                "can't be a label",
            ),
            (
                "{url: 'http://h/w', headers: {Authorization: secret}}",
                "1:46",
                "use the key `authorization`",
            ),
            (
                "{url: 'http://h/w', headers: {Host: x}}",
                "1:46",
                "is set by the exporter",
            ),
            (
                "{url: 'http://h/w', authorization: {type: Basic, credentials: secret}}",
                "1:58",
                "use `basic_auth`",
            ),
            (
                "{url: 'http://h/w', authorization: {}}",
                "1:51",
                "give one of `credentials_file`",
            ),
            (
                "{url: 'http://h/w', authorization: {credentials_file: /nowhere}}",
                "1:70",
                "/nowhere can't be read",
            ),
            (
                "{url: 'http://h/w', basic_auth: {password: secret}}",
                "1:48",
                "no `username`",
            ),
            (
                "{url: 'http://h/w', tls_config: {cert_file: /a}}",
                "1:48",
                "belong together",
            ),
            (
                "{url: 'http://h/w', tls_config: {ca_file: /nowhere}}",
                "1:48",
                "/nowhere can't be read",
            ),
            (
                "{url: 'http://h/w', proxy_url: 'secret'}",
                "1:47",
                "must be an address",
            ),
            (
                "{url: 'http://h/w'}, {url: 'http://h/w'}",
                "1:37",
                "give each a `name`",
            ),
        ] {
            let faults = load(&format!("remote_write: [{endpoint}]")).unwrap_err();
            let first = faults.lines().next().unwrap();
            assert!(
                first.starts_with(&format!("polyv.yml:{location}: ")),
                "{first}"
            );
            assert!(first.contains(remedy), "{first}");
            assert!(!faults.contains("secret"), "{faults}");
        }
    }
}
