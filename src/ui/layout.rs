//! The frame of every page.

use maud::{DOCTYPE, Markup, html};

use super::assets::BUILD;
use super::context::RenderContext;
use super::status_bar;
use crate::telemetry::ExporterStatus;

/// The frame of a page.
pub(super) struct Layout<'a> {
    pub(super) title: &'a str,
    /// The relative path from this page to `/`: all links are relative, so that the exporter can
    /// be behind a proxy under any path.
    pub(super) root: &'a str,
    /// The path of the updates, from `/` on; `None` without updates.
    pub(super) feed: Option<&'a str>,
    /// The cursor of the page, for the first update.
    pub(super) cursor: &'a str,
    /// The path of the metrics.
    pub(super) telemetry_path: &'a str,
    /// The parameters of the page, for the link to the other language.
    pub(super) query: &'a str,
}

impl Layout<'_> {
    /// A page with its main content.
    pub(super) fn page(
        &self,
        main: &Markup,
        exporter: &ExporterStatus,
        context: RenderContext,
    ) -> Markup {
        let messages = context.messages();
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
                    data-units={
                        (messages.seconds) " " (messages.minutes) " "
                        (messages.hours) " " (messages.days)
                    } {
                    a.skip href="#main" { (messages.skip_to_channels) }
                    header {
                        p.brand { a href={ (root) "." } { b { "polyv-exporter" } } " " (messages.tagline) }
                        nav {
                            a href={ (root) (metrics) } { (messages.metrics) }
                            a href={ "?" (self.query) @if !self.query.is_empty() { "&" } "lang=" (messages.other_tag) }
                                lang=(messages.other_tag) data-switch=(messages.other_tag) {
                                (messages.other_name)
                            }
                        }
                    }
                    p #lost role="status" aria-live="assertive" hidden {}
                    main #main tabindex="-1" { (main) }
                    footer aria-label=(messages.exporter) { dl #exporter { (status_bar::exporter(exporter, context)) } }
                }
            }
        }
    }
}
