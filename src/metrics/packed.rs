//! Lines in the space of what tells them apart.
//!
//! All of a channel's lines begin with their family's name and the channel's own labels. What
//! follows is kept, and strung together with the beginning only when it is read: an idle channel
//! takes 250 bytes instead of 1,100. It is faster, too: what has to be fetched from memory is
//! what a scrape waits for.
//!
//! Everything here is a length and so many bytes. A length is written with 7 bits a byte, the
//! lowest first, so most take one.

/// Appends `bytes` with their length.
pub(super) fn put(bytes: &[u8], out: &mut Vec<u8>) {
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(low_bits(length) | 0x80);
        length >>= 7;
    }
    out.push(low_bits(length));
    out.extend_from_slice(bytes);
}

/// Takes the first bytes that were [put] there; `None` where nothing is left.
pub(super) fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut length = 0;
    let mut shift = 0;
    loop {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
    }
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(bytes)
}

/// All that was [put] there, one after the other.
pub(super) fn each(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || take(&mut rest))
}

#[allow(clippy::cast_possible_truncation)] // no more than 7 bits are left
const fn low_bits(length: usize) -> u8 {
    (length & 0x7f) as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_put_there_is_taken_in_the_same_order(
            lengths in proptest::collection::vec(prop_oneof![0_usize..300, 16_300_usize..16_500], 0..20),
        ) {
            let all: Vec<Vec<u8>> = lengths.iter().map(|length| vec![7; *length]).collect();
            let mut out = Vec::new();
            for one in &all {
                put(one, &mut out);
            }
            prop_assert_eq!(each(&out).collect::<Vec<_>>(), all);
        }
    }
}
