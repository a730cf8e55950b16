//! The channels on one page of the table.

use std::collections::BTreeSet;

use crate::http::query::{Counts, Query};
use crate::http::state::Snapshot;
use crate::state::ChannelSnapshot;

/// Channels on one page of the table.
const PAGE_SIZE: usize = 1000;

/// The channels on one page of the table.
pub(super) struct PageSelection<'a> {
    pub(super) counts: Counts,
    pub(super) accounts: BTreeSet<&'a str>,
    pub(super) rows: Vec<&'a ChannelSnapshot>,
    /// How many channels the query selects, on all pages.
    pub(super) matching: usize,
    /// The page, from 1 on.
    pub(super) page: usize,
    /// How many channels are on the pages before.
    pub(super) offset: usize,
}

// === impl PageSelection ===

impl<'a> PageSelection<'a> {
    pub(super) fn new(query: &Query, page: Option<usize>, snapshot: &'a Snapshot) -> Self {
        let channels = &snapshot.channels;
        let accounts = channels.iter().map(|channel| &*channel.meta.account);
        let mut rows = query.select(channels);
        let matching = rows.len();
        // After the last page comes the last page again.
        let pages = matching.div_ceil(PAGE_SIZE).max(1);
        let page = page.unwrap_or(1).clamp(1, pages);
        let offset = (page - 1) * PAGE_SIZE;
        Self {
            counts: Counts::of(channels),
            accounts: accounts.collect(),
            rows: rows
                .drain(offset..matching.min(offset + PAGE_SIZE))
                .collect(),
            matching,
            page,
            offset,
        }
    }
}
