//! The environment variables that name a proxy.

use axum::http::Uri;

/// In the order in which the HTTP client reads them: the first one that is set counts.
const VARIABLES: [(&str, &str); 3] = [
    ("HTTPS_PROXY", "https_proxy"),
    ("HTTP_PROXY", "http_proxy"),
    ("ALL_PROXY", "all_proxy"),
];

/// Refuses variables that the HTTP client would ignore: it would call Polyv without the proxy.
///
/// # Errors
/// A sentence about the first such variable, without its value, which may hold a password.
pub(super) fn check_variables() -> Result<(), String> {
    for (upper, lower) in VARIABLES {
        for name in [upper, lower] {
            let value = std::env::var_os(name).unwrap_or_default();
            if !value.is_empty() && !value.to_str().is_some_and(is_proxy) {
                return Err(format!(
                    "the environment variable {name} is not the address of a proxy, such as \
                     `http://proxy.example.com:3128`: look for quotes, blanks and line breaks in \
                     it (only http and https proxies are supported)"
                ));
            }
        }
        let is_empty = |name| std::env::var_os(name).map(|value| value.is_empty());
        if is_empty(upper) == Some(true) && is_empty(lower) == Some(false) {
            return Err(format!(
                "the environment variable {upper} is empty and hides {lower}: unset it"
            ));
        }
    }
    Ok(())
}

/// Whether the HTTP client can use this address. One without a scheme is one of HTTP.
fn is_proxy(value: &str) -> bool {
    const QUOTES: [char; 3] = ['"', '\'', '`'];
    let Ok(uri) = value.parse::<Uri>() else {
        return false;
    };
    let has_quotes = value.starts_with(QUOTES) || value.ends_with(QUOTES);
    let is_http = matches!(uri.scheme_str(), None | Some("http" | "https"));
    let has_address = uri.authority().is_some_and(|authority| {
        let behind_host = authority.as_str().rsplit(']').next().unwrap_or_default();
        let behind_host = behind_host.rsplit('@').next().unwrap_or_default();
        let has_port = behind_host.contains(':');
        !authority.host().is_empty() && (!has_port || authority.port_u16().is_some())
    });
    !has_quotes && is_http && has_address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_proxies_are_accepted() {
        for value in [
            "http://proxy.example.com:3128",
            "https://proxy.example.com",
            "http://proxy.example.com:3128/",
            "http://user:pass'word@proxy.example.com:3128",
            "proxy.example.com:3128",
            "user:password@10.0.0.1:3128",
            "proxy",
            "http://[::1]:3128",
            "http://[2001:db8::1]",
        ] {
            assert!(is_proxy(value), "{value}");
        }
    }

    #[test]
    fn what_the_client_would_ignore_is_refused() {
        for value in [
            "\"http://proxy.example.com:3128\"",
            "'http://proxy.example.com:3128'",
            "'proxy.example.com:3128'",
            "proxy.example.com:3128'",
            "http://proxy.example.com:3128\r",
            "http://proxy.example.com:3128\n",
            " http://proxy.example.com:3128",
            "http://proxy.example.com:3128 ",
            "http://proxy example.com",
            " ",
            "http://",
            "http:proxy.example.com",
            "/proxy",
            "proxy.example.com:port",
            "http://proxy.example.com:99999",
            "socks5://proxy.example.com:1080",
            "htps://proxy.example.com",
            "\u{feff}http://proxy.example.com",
        ] {
            assert!(!is_proxy(value), "{value:?}");
        }
    }
}
