//! The signature of a call, with the simulator's own code: a mistake shared with a client would
//! go unnoticed.

use std::fmt::Write as _;

use md5::{Digest, Md5};

use super::request::Parameters;

/// The right `sign` for the parameters: all others that are not blank (the official Java signer
/// leaves blank ones out), decoded and sorted by name, names and values concatenated, the secret
/// before and after; MD5 as 32 upper-case hex digits.
pub(crate) fn expected(parameters: &Parameters, secret: &str) -> String {
    let mut pairs: Vec<_> = parameters
        .iter()
        .filter(|(name, value)| *name != "sign" && !value.trim().is_empty())
        .collect();
    pairs.sort_unstable();
    let mut digest = Md5::new();
    digest.update(secret);
    for (name, value) in pairs {
        digest.update(name);
        digest.update(value);
    }
    digest.update(secret);
    digest
        .finalize()
        .iter()
        .fold(String::with_capacity(32), |mut hex, byte| {
            // Writing to a string never fails.
            let _ = write!(hex, "{byte:02X}");
            hex
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "fsq2k5weced1h8vui657xtdva66whf0g";
    const PUBLISHED: &str = "appId=g4rqgmmjuo&channelIds=2477096%2C2272655\
         &startDay=2022-05-20&endDay=2022-06-18&timestamp=1660270926732";

    #[test]
    fn published_vector_is_right() {
        let parameters = Parameters::parse(PUBLISHED).unwrap();
        assert_eq!(
            expected(&parameters, SECRET),
            "0D2BDA2FD04D93A2B8832B91FD973C4D"
        );
    }

    #[test]
    fn order_of_the_query_and_its_sign_do_not_matter() {
        let mut pairs: Vec<_> = PUBLISHED.split('&').collect();
        pairs.reverse();
        let query = format!("sign=ABC&{}", pairs.join("&"));
        assert_eq!(
            expected(&Parameters::parse(&query).unwrap(), SECRET),
            "0D2BDA2FD04D93A2B8832B91FD973C4D"
        );
    }

    #[test]
    fn values_are_signed_decoded() {
        let query = "appId=g4rqgmmjuo&timestamp=1660270926732&channelId=3880533\
             &keyword=%E6%B5%8B%E8%AF%95+a%2Bb%25%26%3D";
        assert_eq!(
            expected(&Parameters::parse(query).unwrap(), SECRET),
            "655D4CCEC51804BD5ED9E99BE566A539"
        );
    }
}
