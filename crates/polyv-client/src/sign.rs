//! The signature of a call.

use md5::{Digest, Md5};

use crate::credentials::AppSecret;

/// Signs a call's parameters (public docs: signing): the MD5 of the secret, the names and
/// values in the ASCII order of the names, and the secret again, as 32 upper-case hex digits.
///
/// Values are signed before URL encoding. A blank value must not be sent: the two official
/// SDKs disagree on whether it is signed.
///
/// ```
/// use polyv_client::{AppSecret, sign};
///
/// // The example of the public docs.
/// let secret = AppSecret::new("fsq2k5weced1h8vui657xtdva66whf0g")?;
/// let signature = sign(
///     &[
///         ("timestamp", "1660270926732"),
///         ("appId", "g4rqgmmjuo"),
///         ("channelIds", "2477096,2272655"),
///         ("startDay", "2022-05-20"),
///         ("endDay", "2022-06-18"),
///     ],
///     &secret,
/// );
/// assert_eq!(signature, "0D2BDA2FD04D93A2B8832B91FD973C4D");
/// # Ok::<(), polyv_client::EmptySecret>(())
/// ```
#[must_use]
pub fn sign(params: &[(&str, &str)], secret: &AppSecret) -> String {
    let mut sorted: Vec<_> = params.iter().collect();
    sorted.sort_unstable();
    let mut digest = Md5::new();
    digest.update(secret.expose());
    for (name, value) in sorted {
        digest.update(name);
        digest.update(value);
    }
    digest.update(secret.expose());
    let digest: [u8; 16] = digest.finalize().into();
    format!("{:032X}", u128::from_be_bytes(digest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret() -> AppSecret {
        AppSecret::new("fsq2k5weced1h8vui657xtdva66whf0g").unwrap()
    }

    #[test]
    fn values_are_signed_before_url_encoding() {
        let params = [
            ("appId", "g4rqgmmjuo"),
            ("channelIds", "2477096,2272655"),
            ("startDay", "2022-05-20"),
            ("endDay", "2022-06-18"),
            ("timestamp", "1660270926732"),
            ("channelId", "3880533"),
            ("keyword", "测试 a+b%&="),
        ];
        // `channelId` sorts before `channelIds`, as a prefix does.
        assert_eq!(
            sign(&params[..5], &secret()),
            "0D2BDA2FD04D93A2B8832B91FD973C4D"
        );
        let three = [params[0], params[4], params[5], params[6]];
        assert_eq!(sign(&three, &secret()), "655D4CCEC51804BD5ED9E99BE566A539");
    }

    proptest! {
        #[test]
        fn signature_is_independent_of_parameter_order(
            mut params in proptest::collection::btree_map("[a-zA-Z]{1,8}", "\\PC{0,12}", 1..8)
                .prop_map(|map| map.into_iter().collect::<Vec<_>>()),
            turn in 0usize..8,
        ) {
            let before: Vec<(&str, &str)> =
                params.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let signature = sign(&before, &secret());
            let by = turn % params.len();
            params.rotate_left(by);
            let after: Vec<(&str, &str)> =
                params.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            prop_assert_eq!(&signature, &sign(&after, &secret()));
            prop_assert_eq!(signature.len(), 32);
            prop_assert!(signature.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b)));
        }
    }
}
