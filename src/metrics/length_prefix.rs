//! Byte strings one after the other, each behind its length.
//!
//! All lines of a channel begin with their family's name and the channel's labels. Only what
//! follows is kept, and concatenated with the beginning when it is written out: an idle channel
//! takes 250 bytes instead of 1,100. It is also faster, because a scrape mostly waits for memory.
//!
//! A length is a LEB128 number: 7 bits a byte, the lowest first, so most lengths take one byte.

/// Appends `bytes` behind their length.
pub(super) fn push(bytes: &[u8], out: &mut Vec<u8>) {
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(low_bits(length) | 0x80);
        length >>= 7;
    }
    out.push(low_bits(length));
    out.extend_from_slice(bytes);
}

/// Splits the first byte string off; `None` where nothing is left.
pub(super) fn next<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
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

/// All byte strings, in the order in which they were [pushed](push).
pub(super) fn iter(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || next(&mut rest))
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
        fn iter_returns_what_was_pushed(
            lengths in proptest::collection::vec(prop_oneof![0_usize..300, 16_300_usize..16_500], 0..20),
        ) {
            let all: Vec<Vec<u8>> = lengths.iter().map(|length| vec![7; *length]).collect();
            let mut out = Vec::new();
            for one in &all {
                push(one, &mut out);
            }
            prop_assert_eq!(iter(&out).collect::<Vec<_>>(), all);
        }
    }
}
