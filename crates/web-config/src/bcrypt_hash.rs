//! The bcrypt hash of a password.

use bcrypt::HashParts;

/// The accepted costs: bcrypt starts at 4, and above 18 a check takes more than ten seconds.
const COSTS: std::ops::RangeInclusive<u32> = 4..=18;

/// The digits of bcrypt's base64, by value.
const DIGITS: &[u8] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The last digits of salt and sum: their position in a hash, and the bits that count.
const LAST_DIGITS: [(usize, usize); 2] = [(28, 0b11_0000), (59, 0b11_1100)];

/// The bcrypt hash of a password. Not printable.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct BcryptHash {
    text: String,
    cost: u32,
}

// === impl BcryptHash ===

impl BcryptHash {
    /// Parses a hash such as `htpasswd -B` writes it.
    ///
    /// # Errors
    /// What is wrong with the hash, without quoting it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = clear_spare_bits(text);
        let parts: Option<HashParts> = text.parse().ok();
        // "2x" marks the hashes of an old, broken implementation.
        let Some(parts) = parts.filter(|_| !text.starts_with("$2x$")) else {
            return Err(
                "is no bcrypt hash: it looks like `$2y$10$` and 53 characters more; \
                        `htpasswd -nBC 10 \"\"` makes one"
                    .to_owned(),
            );
        };
        let cost = parts.get_cost();
        if COSTS.contains(&cost) {
            Ok(Self { text, cost })
        } else {
            let (min, max) = (COSTS.start(), COSTS.end());
            Err(format!(
                "is a bcrypt hash of cost {cost}; it must be {min} to {max}, and 10 to 12 is usual"
            ))
        }
    }

    /// A hash that no password is likely to have. A check takes as long as any other of its cost.
    pub(crate) fn dummy_hash(cost: u32) -> Self {
        let text = format!("$2b${cost:02}${}", ".".repeat(53));
        Self { text, cost }
    }

    /// The binary logarithm of the rounds that a check takes.
    pub(crate) fn cost(&self) -> u32 {
        self.cost
    }

    /// Whether the hash is that of `password`, of which bcrypt uses 72 bytes at most. Blocks the
    /// thread for as long as the cost says.
    pub(crate) fn verify(&self, password: &[u8]) -> bool {
        bcrypt::verify(password, &self.text).unwrap_or(false)
    }
}

/// The same hash as every program writes it: some leave meaningless bits in a last digit, which
/// the library refuses.
fn clear_spare_bits(text: &str) -> String {
    let digit = |(position, character): (usize, char)| {
        LAST_DIGITS
            .iter()
            .find(|(last, _)| *last == position)
            .and_then(|(_, mask)| {
                let value = DIGITS
                    .iter()
                    .position(|digit| char::from(*digit) == character)?;
                DIGITS.get(value & mask).copied().map(char::from)
            })
            .unwrap_or(character)
    };
    text.chars().enumerate().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_test_vectors_verify() {
        // Of jBCrypt and of crypt_blowfish; the last two with spare bits set.
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
            (
                "U*U",
                "$2a$05$CCCCCCCCCCCCCCCCCCCCCCE5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            ),
            (
                "U*U",
                "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeX",
            ),
        ] {
            let parsed = BcryptHash::parse(hash).unwrap();
            // The fourth is one of Latin-1.
            let password: Vec<u8> = password.chars().map(|c| c as u8).collect();
            assert!(parsed.verify(&password), "{hash}");
            assert!(!parsed.verify(b"another"));
            assert!(!parsed.verify(&[&password[..], b"x"].concat()));
        }
    }

    #[test]
    fn dummy_hash_is_a_hash_of_its_cost() {
        let dummy = BcryptHash::dummy_hash(4);
        assert!(BcryptHash::parse(&dummy.text).is_ok_and(|parsed| parsed == dummy));
        assert!(!dummy.verify(b""));
    }

    #[test]
    fn malformed_hash_is_refused_without_being_quoted() {
        for text in [
            "",
            "secret-itself",
            "$2y$10$",
            "$2x$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e",
            "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7z",
            "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zGG",
            "$2y$1$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG",
            "$2y$+1$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG",
            "$2y$19$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG",
            "$2y$03$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG",
            "$2y$10$X0h1gDsPszWURQaxFh.zöubFi6DXncSjhoQNJgRrnGs7EsimhC7z",
            "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG$",
        ] {
            let Err(message) = BcryptHash::parse(text) else {
                panic!("{text} is accepted");
            };
            assert!(message.contains("bcrypt"), "{message}");
            assert!(text.len() < 10 || !message.contains(text), "{message}");
        }
    }
}
