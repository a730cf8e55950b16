//! Lists of channel ids.

use crate::envelope::Refusal;
use crate::request::Parameters;

/// The ids of a parameter such as `2624138,2614940`, at most `max` of them.
///
/// The refusal of longer lists and of invalid ids is undocumented; as readings, the messages that
/// the global errors list for a wrong length and for a text that is not a number.
pub(crate) fn parse(parameters: &Parameters, name: &str, max: usize) -> Result<Vec<u64>, Refusal> {
    let ids: Vec<u64> = parameters
        .get(name)
        .unwrap_or_default()
        .split(',')
        .map(|id| {
            let digits = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| id.parse().ok()).flatten()
        })
        .collect::<Option<_>>()
        .ok_or_else(|| {
            let message = format!("param is not digit: {name}");
            Refusal::invalid(message, "invalid_parameter")
        })?;
    if ids.len() > max {
        return Err(Refusal::length(name));
    }
    Ok(ids)
}
