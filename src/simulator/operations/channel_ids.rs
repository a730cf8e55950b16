//! Reading a list of channel ids.

use crate::simulator::envelope::Refusal;
use crate::simulator::request::Parameters;

/// The ids of a parameter like `2624138,2614940`, at most `most` of them.
///
/// What more than `most` or rubbish gets is undocumented; as readings, the messages that the
/// global errors list for a wrong length and for what is no number.
pub(super) fn parse(parameters: &Parameters, name: &str, most: usize) -> Result<Vec<u64>, Refusal> {
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
            Refusal::of_the_question(message, "invalid_parameter")
        })?;
    if ids.len() > most {
        return Err(Refusal::length(name));
    }
    Ok(ids)
}
