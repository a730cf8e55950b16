//! The scenario file: accounts, channels, faults and settings. `docs/simulator.md` explains every
//! key.

use std::collections::HashMap;
use std::mem::take;

use serde_json::Value;
use serde_saphyr::{Location, Spanned};

use super::account::Account;
use super::channel::Channel;
use super::channel_entry::ChannelEntry;
use super::document::{self, ScenarioError};
use super::faults::Fault;
use super::operations;
use super::settings::Settings;

/// The scenario that is played by default.
pub const DEFAULT_SCENARIO: &str = include_str!("default_scenario.yml");

/// A checked scenario.
#[derive(Debug)]
pub struct Scenario {
    pub(crate) settings: Settings,
    pub(crate) accounts: Vec<Account>,
    pub(crate) channels: Vec<Channel>,
    pub(crate) faults: Vec<Fault>,
}

impl Scenario {
    /// Parses a scenario file; `document` names it in errors.
    ///
    /// # Errors
    /// The first mistake, with line and column.
    pub fn parse(document: &str, text: &str) -> Result<Self, ScenarioError> {
        let mut settings: Settings = document::parse(document, text)?;
        let accounts = accounts(document, settings.accounts.take())?;
        let channels = channels(document, take(&mut settings.channels), &accounts)?;
        let faults = parse_faults(document, take(&mut settings.troubles), |fault| {
            let account = fault.scope.account.as_ref();
            if let Some(app_id) = account
                && !accounts.iter().any(|known| known.is_called(&app_id.0))
            {
                return Err(format!(
                    "there is no account with the app id `{}`",
                    app_id.0
                ));
            }
            let mut ids = fault.scope.channels.iter();
            match ids.find(|id| channels.iter().all(|known| known.id != id.0)) {
                Some(id) => Err(format!("there is no channel `{}`", id.0)),
                None => Ok(()),
            }
        })?;
        Ok(Self {
            settings,
            accounts,
            channels,
            faults,
        })
    }

    /// The accounts.
    #[must_use]
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// The channels, in the order of the file.
    #[must_use]
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }
}

impl Default for Scenario {
    /// The scenario of [`DEFAULT_SCENARIO`].
    fn default() -> Self {
        // A test proves that the default scenario is valid.
        Self::parse("default scenario", DEFAULT_SCENARIO).unwrap_or_else(|_| Self {
            settings: Settings::default(),
            accounts: vec![Account::default()],
            channels: Vec::new(),
            faults: Vec::new(),
        })
    }
}

impl Fault {
    /// Parses the value of a scenario's `troubles:` from a document of its own.
    ///
    /// # Errors
    /// The first mistake, with line and column; `document` names the document.
    pub fn parse_list(document: &str, text: &str) -> Result<Vec<Self>, ScenarioError> {
        let list: Vec<Spanned<Value>> = document::parse(document, text)?;
        parse_faults(document, list, |_| Ok(()))
    }
}

fn accounts(
    document: &str,
    list: Option<Spanned<Vec<Spanned<Account>>>>,
) -> Result<Vec<Account>, ScenarioError> {
    let Some(list) = list else {
        return Ok(vec![Account::default()]);
    };
    if list.value.is_empty() {
        let message = "`accounts` needs at least one account";
        return Err(ScenarioError::at(document, list.referenced, message));
    }
    let mut accounts: Vec<Account> = Vec::new();
    for item in list.value {
        let app_id = &item.value.app_id;
        if accounts.iter().any(|known| known.app_id == *app_id) {
            let message = format!("duplicate account `{app_id}`");
            return Err(ScenarioError::at(document, item.referenced, message));
        }
        accounts.push(item.value);
    }
    Ok(accounts)
}

fn channels(
    document: &str,
    list: Vec<Spanned<ChannelEntry>>,
    accounts: &[Account],
) -> Result<Vec<Channel>, ScenarioError> {
    let mut channels: Vec<Channel> = Vec::new();
    let mut locations: HashMap<String, Location> = HashMap::new();
    for item in list {
        let fail = |message: String| ScenarioError::at(document, item.referenced, message);
        for channel in item.value.into_channels(accounts).map_err(fail)? {
            if let Some(first) = locations.insert(channel.id.clone(), item.referenced) {
                let (id, line, column) = (&channel.id, first.line(), first.column());
                return Err(fail(format!(
                    "duplicate channel `{id}`, first at {line}:{column}"
                )));
            }
            channels.push(channel);
        }
    }
    Ok(channels)
}

/// Parses faults; `check` finds references to unknown channels and accounts.
fn parse_faults(
    document: &str,
    list: Vec<Spanned<Value>>,
    check: impl Fn(&Fault) -> Result<(), String>,
) -> Result<Vec<Fault>, ScenarioError> {
    let parse = |item: Spanned<Value>| {
        let fault = Fault::from_value(item.value).and_then(|fault| {
            check_endpoints(&fault)?;
            check(&fault).map(|()| fault)
        });
        fault.map_err(|message| ScenarioError::at(document, item.referenced, message))
    };
    list.into_iter().map(parse).collect()
}

fn check_endpoints(fault: &Fault) -> Result<(), String> {
    let known = operations::endpoints();
    let mut given = fault.scope.endpoints.iter();
    match given.find(|name| !known.contains(&name.as_str())) {
        Some(name) => {
            let known = known.join(", ");
            Err(format!(
                "unknown endpoint `{name}`, expected one of {known}"
            ))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
