//! The status page, for people: which channels are live and which have problems.
//!
//! All HTML is rendered here: a page begins with what the server wrote, and its script requests
//! the parts that have changed since and replaces them. So the first paint needs no script, and
//! there is one template of everything.

mod assets;
mod broadcasts_page;
mod channel_detail;
mod channel_page;
mod chart;
mod context;
mod i18n;
mod language;
mod layout;
mod overview;
mod page_params;
mod page_selection;
mod page_update;
mod planned;
mod router;
mod status_bar;
mod table;
mod text;

pub use router::routes;
