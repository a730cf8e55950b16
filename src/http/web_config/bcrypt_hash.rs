//! A password's bcrypt hash.

use base64::Engine as _;
use base64::alphabet::BCRYPT;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use subtle::ConstantTimeEq as _;

/// The costs that are accepted: below 4 there is no bcrypt, and each check of one above 18
/// would take more than ten seconds.
const COSTS: std::ops::RangeInclusive<u32> = 4..=18;
/// What bcrypt looks at of a password, in bytes.
const LOOKED_AT: usize = 72;

/// bcrypt's base64. Other programs leave bits in the last digit that mean nothing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &BCRYPT,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// A password's bcrypt hash. Not to be printed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Hash {
    cost: u32,
    salt: [u8; 16],
    sum: [u8; 23],
}

// === impl Hash ===

impl Hash {
    /// Reads a hash such as `htpasswd -B` writes it.
    ///
    /// # Errors
    /// What is wrong with it, without what it is.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let malformed = "is no bcrypt hash: it looks like `$2y$10$` and 53 characters more; \
                         `htpasswd -nBC 10 \"\"` makes one";
        let parts: Vec<&str> = text.split('$').collect();
        let ["", version, cost, rest] = parts.as_slice() else {
            return Err(malformed.to_owned());
        };
        if !["2a", "2b", "2y"].contains(version) {
            return Err(malformed.to_owned());
        }
        let cost: u32 = match cost.parse() {
            Ok(number) if cost.len() == 2 => number,
            _ => return Err(malformed.to_owned()),
        };
        if !COSTS.contains(&cost) {
            let (least, most) = (COSTS.start(), COSTS.end());
            return Err(format!(
                "is a bcrypt hash of cost {cost}; it must be {least} to {most}, and 10 to 12 is \
                 usual"
            ));
        }
        let (salt, sum) = rest.split_at_checked(22).ok_or(malformed)?;
        Ok(Self {
            cost,
            salt: decode(salt).ok_or(malformed)?,
            sum: decode(sum).ok_or(malformed)?,
        })
    }

    /// A hash of that cost that takes as long to be checked as any other.
    pub(super) fn decoy(cost: u32) -> Self {
        Self {
            cost,
            salt: [0x5a; 16],
            sum: [0; 23],
        }
    }

    /// How dear it is to check.
    pub(super) fn cost(&self) -> u32 {
        self.cost
    }

    /// Its parts one after the other.
    pub(super) fn bytes(&self) -> impl Iterator<Item = u8> {
        let cost = self.cost.to_be_bytes();
        cost.into_iter().chain(self.salt).chain(self.sum)
    }

    /// Whether it is this password's. Takes as long as its cost says: not for threads that
    /// others wait for.
    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        // A password ends with a zero, and what is beyond the 72nd byte does not count.
        let looked_at: Vec<u8> = password
            .iter()
            .copied()
            .chain([0])
            .take(LOOKED_AT)
            .collect();
        let sum = bcrypt::bcrypt(self.cost, self.salt, &looked_at);
        sum.get(..self.sum.len())
            .is_some_and(|sum| sum.ct_eq(&self.sum).into())
    }
}

fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE64.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_other_programs_are_of_their_passwords() {
        // Published test vectors of jBCrypt and of crypt_blowfish.
        for (password, hash) in [
            (
                "",
                "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.",
            ),
            (
                "a",
                "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe",
            ),
            (
                "U*U",
                "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            ),
            (
                "\u{a3}",
                "$2y$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq",
            ),
        ] {
            let hash = Hash::parse(hash).unwrap();
            // The last vector is one of Latin-1.
            let password: Vec<u8> = password.chars().map(|c| c as u8).collect();
            let right = hash.is_of(&password);
            assert!(right, "{:?}", String::from_utf8_lossy(&password));
            assert!(!hash.is_of(b"another"));
            assert!(!hash.is_of(&[&password[..], b"x"].concat()));
        }
    }

    #[test]
    fn what_is_no_hash_is_refused_without_being_shown() {
        for text in [
            "",
            "secret-itself",
            "$2y$10$",
            "$2x$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e",
            "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7z",
            "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zGG",
            "$2y$1$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG",
            "$2y$19$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG",
            "$2y$10$X0h1gDsPszWURQaxFh.zöubFi6DXncSjhoQNJgRrnGs7EsimhC7z",
            "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG$",
        ] {
            let Err(message) = Hash::parse(text) else {
                panic!("{text} is accepted");
            };
            assert!(message.contains("bcrypt"), "{message}");
            assert!(text.len() < 10 || !message.contains(text), "{message}");
        }
    }
}
