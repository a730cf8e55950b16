//! The minutes of viewing that an account has left.
//!
//! `POST /live/v2/user/get-user-durations` (public docs). At 0 the account's streams stop.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::Client;
use crate::error::Error;
use crate::json::{decode_data, is_object};
use crate::limiter::Permit;
use crate::numeric_field::NumericField;
use crate::transport::RequestBody;

const PATH: &str = "/live/v2/user/get-user-durations";

/// An account's minutes of viewing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AccountMinutes {
    /// The minutes that are left.
    pub available: f64,
    /// The minutes that were used.
    pub used: f64,
}

#[derive(Deserialize)]
struct RawData<'a> {
    #[serde(borrow)]
    available: Option<&'a RawValue>,
    #[serde(borrow)]
    used: Option<&'a RawValue>,
}

impl Client {
    /// The account's minutes of viewing. The call is a `POST`, and changes nothing.
    ///
    /// # Errors
    /// Why there is no valid response.
    pub async fn minutes(&self, permit: Permit) -> Result<AccountMinutes, Error> {
        self.call_with(permit, PATH, Vec::new(), RequestBody::Post, decode)
            .await
    }
}

fn decode(data: Option<&RawValue>) -> Result<AccountMinutes, Error> {
    let expected = "the account's minutes";
    let data: RawData<'_> = decode_data(data.filter(|data| is_object(data.get())), expected)?;
    let minutes = |raw| NumericField::parse_json(raw).number().filter(|n| *n >= 0.0);
    match (minutes(data.available), minutes(data.used)) {
        (Some(available), Some(used)) => Ok(AccountMinutes { available, used }),
        _ => Err(Error::unexpected_data(format!("{expected} were expected"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_may_be_numbers_or_strings_and_must_be_there() {
        let decode = |data: &str| {
            let raw: Box<RawValue> = serde_json::from_str(data).unwrap();
            decode(Some(&raw))
        };
        for data in [
            r#"{"userId":"e97dbe3e64","available":9000,"used":1000}"#,
            r#"{"userId":"e97dbe3e64","available":"9000","used":"1000.0"}"#,
        ] {
            let expected = AccountMinutes {
                available: 9000.0,
                used: 1000.0,
            };
            assert_eq!(decode(data), Ok(expected), "{data}");
        }
        for data in [
            "{}",
            "[9000,1000]",
            r#"{"available":9000}"#,
            r#"{"available":-1,"used":3}"#,
            r#"{"available":null,"used":3}"#,
        ] {
            assert!(decode(data).is_err(), "{data}");
        }
    }
}
