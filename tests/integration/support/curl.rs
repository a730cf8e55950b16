//! Calls that documents make with curl, and their servers.

use url::Url;

/// A call.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: String,
    pub url: Url,
    pub body: String,
}

/// The server that is called. Servers are distinguished by their ports, which are always the same in documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    Exporter,
    Simulator,
    Prometheus,
    Alertmanager,
    Grafana,
    Polyv,
}

/// The paths of Prometheus in documents.
pub const OF_PROMETHEUS: &[&str] = &[
    "/",
    "/-/healthy",
    "/-/ready",
    "/-/reload",
    "/api/v1/alerts",
    "/api/v1/query",
    "/api/v1/rules",
    "/api/v1/targets",
];

/// The paths of Alertmanager in documents.
pub const OF_ALERTMANAGER: &[&str] = &[
    "/-/healthy",
    "/-/ready",
    "/-/reload",
    "/api/v2/alerts",
    "/api/v2/silences",
    "/api/v2/status",
];

// === impl Call ===

impl Call {
    /// A call as these arguments of curl make it. A flag that is unknown is an error.
    pub fn read(arguments: &[String]) -> Result<Self, String> {
        let mut method = None;
        let mut url = None;
        let mut body: Option<String> = None;
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "-X" | "--request" => method = Some(value()?.clone()),
                "-d" | "--data" | "--data-binary" => body = Some(value()?.clone()),
                "-u" | "--user" | "-H" | "--header" | "--cacert" | "--cert" | "--key" | "-o"
                | "--output" | "--max-time" | "-m" => {
                    value()?;
                }
                "--fail" | "--silent" | "--show-error" | "--verbose" | "--compressed"
                | "--insecure" | "--include" => {}
                flags if flags.starts_with("--") => return Err(format!("who knows {flags}?")),
                flags if flags.starts_with('-') => {
                    if !flags[1..].chars().all(|flag| "sSfvik".contains(flag)) {
                        return Err(format!("who knows {flags}?"));
                    }
                }
                address => {
                    let whole = if address.contains("://") {
                        address.to_owned()
                    } else {
                        format!("http://{address}")
                    };
                    let whole = whole.replace("HOST:", "host:");
                    let parsed = Url::parse(&whole).map_err(|error| format!("{whole}: {error}"))?;
                    if url.replace(parsed).is_some() {
                        return Err("two addresses".to_owned());
                    }
                }
            }
        }
        // `curl --data-binary @file` alone is mentioned as the flag that it is.
        let url = match (url, &body) {
            (None, Some(file)) if file.starts_with('@') => {
                Url::parse("http://127.0.0.1:8899/_simulator/").ok()
            }
            (url, _) => url,
        };
        let url = url.ok_or("no address")?;
        let method = method.unwrap_or_else(|| {
            let posts = body.is_some();
            if posts { "POST" } else { "GET" }.to_owned()
        });
        Ok(Self {
            method,
            url,
            body: body.unwrap_or_default(),
        })
    }

    pub fn path_and_query(&self) -> String {
        match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        }
    }

    /// The server that is called, if it is a known one.
    pub fn server(&self) -> Result<Server, String> {
        let path = self.url.path();
        let one_of = |paths: &[&str], server| {
            if paths.contains(&path) {
                Ok(server)
            } else {
                Err(format!("{server:?} is not known to have {path}"))
            }
        };
        match (self.url.host_str(), self.url.port()) {
            (_, Some(9847)) => Ok(Server::Exporter),
            (_, Some(8899)) => Ok(Server::Simulator),
            (_, Some(9090)) => one_of(OF_PROMETHEUS, Server::Prometheus),
            (_, Some(9093)) => one_of(OF_ALERTMANAGER, Server::Alertmanager),
            (_, Some(3000)) => one_of(&["/", "/api/health", "/api/search"], Server::Grafana),
            (Some("api.polyv.net"), None) => one_of(&["/"], Server::Polyv),
            _ => Err(format!("no server is known at {}", self.url)),
        }
    }
}
