//! What stands around every page.

use maud::{DOCTYPE, Markup, html};

use super::assets::BUILD;
use super::table::RowContext;

/// What a page is about.
pub(super) struct Layout<'a> {
    pub(super) title: &'a str,
    /// The way from this page to `/`: everything is linked relatively, so that the exporter may
    /// stand behind a proxy under any path.
    pub(super) root: &'a str,
    /// Where update of this page come from, from `/` on; `None` where there never are any.
    pub(super) feed: Option<&'a str>,
    /// What is known already.
    pub(super) cursor: &'a str,
    /// Where the metrics are.
    pub(super) telemetry_path: &'a str,
    /// The page's own parameters, for the link to the other language.
    pub(super) query: &'a str,
}

impl Layout<'_> {
    /// The whole page around what it is about.
    pub(super) fn page(&self, main: &Markup, exporter: &Markup, context: RowContext) -> Markup {
        let messages = context.language.messages();
        let (other, other_name) = messages.other;
        let root = self.root;
        let build = BUILD.as_str();
        let metrics = self.telemetry_path.trim_start_matches('/');
        html! {
            (DOCTYPE)
            html lang=(messages.tag) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) }
                    link rel="icon" href={ (root) "assets/icon.svg?" (build) };
                    link rel="stylesheet" href={ (root) "assets/page.css?" (build) };
                    script src={ (root) "assets/page.js?" (build) } defer {}
                    noscript { meta http-equiv="refresh" content="15"; }
                }
                body data-feed=[self.feed.map(|feed| format!("{root}{feed}"))]
                    data-build=(build) data-cursor=(self.cursor) data-lang=(context.language.name())
                    data-now=(context.wall.as_millis()) data-lost=(messages.lost)
                    data-refused=(messages.refused) data-regained=(messages.regained) data-ago=(messages.ago)
                    data-units=(messages.units.join(" ")) {
                    a.skip href="#main" { (messages.skip_to_channels) }
                    header {
                        p.brand { a href={ (root) "." } { b { "polyv-exporter" } } " " (messages.tagline) }
                        nav {
                            a href={ (root) (metrics) } { (messages.metrics) }
                            a href={ "?" (self.query) @if !self.query.is_empty() { "&" } "lang=" (other_name) }
                                lang=(other_name) data-switch=(other_name) { (other) }
                        }
                    }
                    p #lost role="status" aria-live="assertive" hidden {}
                    main #main tabindex="-1" { (main) }
                    footer aria-label=(messages.exporter) { dl #exporter { (exporter) } }
                }
            }
        }
    }
}
