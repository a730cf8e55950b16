//! Cross-site request forgery.
//!
//! A browser that can reach the exporter also runs pages of other sites, which may make it send
//! requests that change something. Browsers name the page that a request comes from
//! (`Sec-Fetch-Site`, `Origin`); other clients don't.

use axum::http::Request;
use axum::http::header::{HeaderName, ORIGIN};
use url::Url;

use super::host::Host;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why a request that changes something is refused; `None` if it may pass.
pub(super) fn cross_site_denial<B>(request: &Request<B>) -> Option<&'static str> {
    const ELSEWHERE: &str = "A page of another site may not request this.\n";
    let headers = request.headers();
    let own = |site: &[u8]| site == b"same-origin" || site == b"none";
    if !headers
        .get_all(SEC_FETCH_SITE)
        .iter()
        .all(|site| own(site.as_bytes()))
    {
        return Some(ELSEWHERE);
    }
    let mut origins = headers.get_all(ORIGIN).iter();
    let origin = origins.next()?;
    let host = Host::of(request).ok().flatten();
    let (Some(host), Ok(origin), None) = (host, origin.to_str(), origins.next()) else {
        return Some(ELSEWHERE);
    };
    if !is_at(origin, &host) {
        return Some(ELSEWHERE);
    }
    if !host.is_rebinding_safe() {
        // DNS rebinding: a page may make its own name lead here after it was loaded, and then is
        // of the same site as far as the browser can tell.
        return Some(
            "A browser may request this only at the exporter's IP address or at localhost: a \
             name can be made to lead here by its owner.\n",
        );
    }
    None
}

/// Whether an origin is that of pages at `host`.
fn is_at(origin: &str, host: &Host) -> bool {
    let Ok(origin) = Url::parse(origin) else {
        return false;
    };
    let here = Url::parse(&format!("{}://{host}", origin.scheme()));
    matches!(origin.scheme(), "http" | "https")
        && here.is_ok_and(|here| here.origin() == origin.origin())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::post("/-/reload");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn clients_other_than_browsers_may_use_any_name() {
        for host in ["localhost:9847", "polyv-exporter:9847", "exporter.ns.svc"] {
            assert_eq!(
                cross_site_denial(&request(&[("host", host)])),
                None,
                "{host}"
            );
        }
    }

    #[test]
    fn own_pages_may_send_requests_at_an_address() {
        for (host, origin) in [
            ("127.0.0.1:9847", "http://127.0.0.1:9847"),
            ("[::1]:9847", "http://[::1]:9847"),
            ("localhost:9847", "http://localhost:9847"),
            ("a.localhost", "https://a.localhost"),
            ("10.0.0.1", "http://10.0.0.1:80"),
        ] {
            let headers = [
                ("host", host),
                ("origin", origin),
                ("sec-fetch-site", "same-origin"),
            ];
            assert_eq!(cross_site_denial(&request(&headers)), None, "{origin}");
        }
        let typed = [("host", "localhost"), ("sec-fetch-site", "none")];
        assert_eq!(cross_site_denial(&request(&typed)), None);
    }

    #[test]
    fn pages_of_other_sites_may_not_send_requests() {
        for headers in [
            &[("host", "localhost:1"), ("sec-fetch-site", "cross-site")][..],
            &[("host", "localhost:1"), ("sec-fetch-site", "same-site")],
            &[("host", "localhost:1"), ("sec-fetch-site", "")],
            &[("host", "localhost:1"), ("origin", "http://evil.example")],
            &[("host", "localhost:1"), ("origin", "http://localhost:2")],
            &[("host", "localhost:1"), ("origin", "null")],
            &[("host", "localhost:1"), ("origin", "file://localhost:1")],
            &[
                ("host", "localhost:1"),
                ("origin", "http://localhost:1"),
                ("origin", "http://evil.example"),
            ],
            // DNS rebinding.
            &[("host", "evil.example"), ("origin", "http://evil.example")],
            &[("origin", "http://localhost")],
        ] {
            assert!(
                cross_site_denial(&request(headers)).is_some(),
                "{headers:?}"
            );
        }
    }
}
