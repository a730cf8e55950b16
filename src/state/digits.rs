//! Numbers in as few bytes as their digits need, exactly.

/// How a number is kept: the lowest bits of what is kept say so, the others are the number's.
const SCALES: [(u64, f64); 3] = [(0, 1.0), (1, 1e3), (2, 1e6)];
/// As none of these.
const OTHER: u64 = 3;
/// There is no number.
const NONE: u64 = OTHER;
/// The number is in the 8 bytes that follow.
const WHOLE_WIDTH: u64 = 1 << 2 | OTHER;
/// Below this a number is scaled without loss. 2 to the power of 50.
const MOST: f64 = 1_125_899_906_842_624.0;

/// Appends a number. Polyv's are whole ones or have a few decimals: two bytes or four.
pub(super) fn put(number: Option<f64>, out: &mut Vec<u8>) {
    let Some(number) = number else {
        return put_bits(NONE, out);
    };
    match SCALES.iter().find_map(|scale| scaled(number, *scale)) {
        Some(bits) => put_bits(bits, out),
        None => {
            put_bits(WHOLE_WIDTH, out);
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
}

/// Takes the first number that was [put] there; none where nothing is left.
pub(super) fn take(rest: &mut &[u8]) -> Option<f64> {
    let bits = take_bits(rest)?;
    if bits == WHOLE_WIDTH {
        let (bytes, after) = rest.split_first_chunk()?;
        *rest = after;
        return Some(f64::from_le_bytes(*bytes));
    }
    let (_, parts) = SCALES.iter().find(|(form, _)| *form == bits & OTHER)?;
    Some(float(bits >> 2) / parts)
}

/// What is kept of a number at that scale, if that is all there is to it.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // it is between 0 and MOST
fn scaled(number: f64, (form, parts): (u64, f64)) -> Option<u64> {
    let scaled = (number * parts).round();
    if !(0.0..MOST).contains(&scaled) {
        return None;
    }
    let scaled = scaled as u64;
    let back = float(scaled) / parts;
    (back.to_bits() == number.to_bits()).then_some(scaled << 2 | form)
}

#[allow(clippy::cast_precision_loss)] // below 2 to the power of 53 nothing is lost
fn float(number: u64) -> f64 {
    number as f64
}

/// 7 bits a byte, the lowest first; the highest bit says that more follow.
fn put_bits(mut bits: u64, out: &mut Vec<u8>) {
    while bits >= 0x80 {
        out.push(low_bits(bits) | 0x80);
        bits >>= 7;
    }
    out.push(low_bits(bits));
}

fn take_bits(rest: &mut &[u8]) -> Option<u64> {
    let (mut bits, mut shift) = (0, 0_u32);
    loop {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        bits |= u64::from(byte & 0x7f).wrapping_shl(shift);
        if byte & 0x80 == 0 {
            return Some(bits);
        }
        shift += 7;
    }
}

#[allow(clippy::cast_possible_truncation)] // no more than 7 bits are left
const fn low_bits(bits: u64) -> u8 {
    (bits & 0x7f) as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_number() -> impl Strategy<Value = Option<f64>> {
        let whole = (0_u64..20_000_000_000).prop_map(float);
        let decimals = |parts: f64| (0_u64..1 << 40).prop_map(move |n| float(n) / parts);
        prop_oneof![
            Just(None),
            whole.prop_map(Some),
            decimals(10.0).prop_map(Some),
            decimals(1e3).prop_map(Some),
            decimals(1e6).prop_map(Some),
            any::<f64>().prop_map(Some),
        ]
    }

    proptest! {
        #[test]
        fn what_was_put_there_is_taken_in_the_same_order_to_the_last_bit(
            numbers in proptest::collection::vec(any_number(), 0..50),
        ) {
            let mut bytes = Vec::new();
            for number in &numbers {
                put(*number, &mut bytes);
            }
            let mut rest = &*bytes;
            for number in &numbers {
                prop_assert_eq!(take(&mut rest).map(f64::to_bits), number.map(f64::to_bits));
            }
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn what_polyv_sends_takes_few_bytes() {
        for (text, bytes) in [
            ("0", 1),
            ("15", 1),
            ("43", 2),
            ("14.985", 3),
            ("29.97", 3),
            ("14.985123", 4),
            ("1157120", 4),
            ("1157120.5", 5),
            ("10000000000", 6),
        ] {
            let mut out = Vec::new();
            put(text.parse().ok(), &mut out);
            assert_eq!(out.len(), bytes, "{text}");
        }
    }
}
