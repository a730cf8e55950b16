//! The checks that every operation shares: required parameters, account, timestamp, signature, in
//! this order.
//!
//! The order is a reading; the messages are the documented ones.

use secrecy::ExposeSecret as _;

use super::account::Account;
use super::refusal::Refusal;
use super::request::Parameters;
use super::signature;

/// The largest difference of a call's `timestamp` from Polyv's clock, in either direction (the
/// pages: valid for 3 minutes).
const TIMESTAMP_TOLERANCE_MS: u64 = 180_000;

/// The account that makes the call.
pub(crate) fn authenticate<'a>(
    parameters: &Parameters,
    required: &[&str],
    accounts: &'a [Account],
    now_ms: i64,
    signature_code: u16,
) -> Result<&'a Account, Refusal> {
    let app_id = required_value(parameters, "appId")?;
    let timestamp = required_value(parameters, "timestamp")?;
    let sign = required_value(parameters, "sign")?;
    for name in required {
        required_value(parameters, name)?;
    }
    // Undocumented: which of two values counts, and which is signed.
    if parameters.has_repeated() {
        return Err(Refusal::InvalidParameter);
    }
    let account = accounts
        .iter()
        .find(|account| account.is_called(app_id))
        .ok_or(Refusal::ApplicationNotFound)?;
    if !is_current(timestamp, now_ms) {
        return Err(Refusal::InvalidTimestamp);
    }
    if sign != signature::expected(parameters, account.app_secret.expose_secret()) {
        return Err(Refusal::InvalidSignature {
            code: signature_code,
        });
    }
    Ok(account)
}

fn required_value<'a>(parameters: &'a Parameters, name: &str) -> Result<&'a str, Refusal> {
    parameters
        .get(name)
        .ok_or_else(|| Refusal::MissingParameter(name.to_owned()))
}

fn is_current(timestamp: &str, now_ms: i64) -> bool {
    let digits = timestamp.len() == 13 && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    digits
        && timestamp
            .parse()
            .is_ok_and(|ms: i64| ms.abs_diff(now_ms) <= TIMESTAMP_TOLERANCE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_680_831_521_000;

    fn accounts() -> Vec<Account> {
        vec![
            Account::new("anna", "secret of anna"),
            Account::new("bert", "secret of bert"),
        ]
    }

    /// The result for a query with the signature of `secret`.
    fn signed(query: &str, secret: &str) -> Result<String, String> {
        let sign = signature::expected(&Parameters::parse(query).unwrap(), secret);
        checked(&format!("{query}&sign={sign}"))
    }

    fn checked(query: &str) -> Result<String, String> {
        let parameters = Parameters::parse(query).unwrap();
        authenticate(&parameters, &["channelId"], &accounts(), NOW_MS, 400)
            .map(|account| account.app_id.clone())
            .map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn right_signature_identifies_the_account() {
        let query = "appId=anna&timestamp=1680831521000&channelId=1";
        assert_eq!(signed(query, "secret of anna").unwrap(), "anna");
        let query = "appId=bert&timestamp=1680831521000&channelId=1&keyword=%E6%B5%8B+%26";
        assert_eq!(signed(query, "secret of bert").unwrap(), "bert");
    }

    #[test]
    fn checks_are_made_in_order() {
        for (query, message) in [
            ("", "appId is required."),
            ("appId=+", "appId is required."),
            ("appId=stranger", "param should not be empty: timestamp"),
            (
                "appId=stranger&timestamp=1",
                "param should not be empty: sign",
            ),
            (
                "appId=stranger&timestamp=1&sign=A",
                "param should not be empty: channelId",
            ),
            (
                "appId=stranger&timestamp=1&sign=A&channelId=",
                "param should not be empty: channelId",
            ),
            (
                "appId=stranger&timestamp=1&sign=A&channelId=1&channelId=1",
                "param validate error",
            ),
            (
                "appId=stranger&timestamp=1&sign=A&channelId=1",
                "application not found.",
            ),
            (
                "appId=anna&timestamp=1&sign=A&channelId=1",
                "invalid timestamp.",
            ),
            (
                "appId=anna&timestamp=1680831521000&sign=A&channelId=1",
                "invalid signature.",
            ),
        ] {
            assert_eq!(checked(query).unwrap_err(), message, "{query}");
        }
    }

    #[test]
    fn timestamp_is_valid_for_three_minutes_in_either_direction() {
        for (timestamp, good) in [
            ("1680831341000", true),
            ("1680831340999", false),
            ("1680831701000", true),
            ("1680831701001", false),
            ("1680831521", false),
            ("01680831521000", false),
            ("+680831521000", false),
        ] {
            let query = format!("appId=anna&timestamp={timestamp}&channelId=1");
            let checked = signed(&query, "secret of anna");
            let refusal = Err("invalid timestamp.".to_owned());
            let expected = if good { Ok("anna".to_owned()) } else { refusal };
            assert_eq!(checked, expected, "{timestamp}");
        }
    }

    #[test]
    fn signature_is_upper_case_and_covers_every_parameter() {
        let query = "appId=anna&timestamp=1680831521000&channelId=1";
        let sign = signature::expected(&Parameters::parse(query).unwrap(), "secret of anna");
        assert!(checked(&format!("{query}&sign={sign}")).is_ok());
        let lower = sign.to_lowercase();
        for query in [
            format!("{query}&sign={lower}"),
            format!("{query}&sign={sign}&startTime=1680831461000"),
            format!("{query}2&sign={sign}"),
        ] {
            assert_eq!(
                checked(&query).unwrap_err(),
                "invalid signature.",
                "{query}"
            );
        }
        assert_eq!(
            signed(query, "secret of bert").unwrap_err(),
            "invalid signature."
        );
    }

    #[test]
    fn blank_optional_parameter_is_accepted_and_not_signed() {
        let query = "appId=anna&timestamp=1680831521000&channelId=1";
        let sign = signature::expected(&Parameters::parse(query).unwrap(), "secret of anna");
        assert_eq!(
            checked(&format!("{query}&endTime=&sign={sign}")).unwrap(),
            "anna"
        );
        assert_eq!(
            checked(&format!("{query}&endTime=+&sign={sign}")).unwrap(),
            "anna"
        );
    }
}
