use proptest::prelude::*;

use super::*;

const LIMIT: HardLimit = HardLimit {
    rate: Rate {
        requests: 3,
        per: Duration::from_secs(10),
    },
    block_for: Duration::from_secs(300),
    form: BlockForm::Reset,
};
const ANNA: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const BERT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

fn at(ms: u64) -> MonotonicInstant {
    MonotonicInstant::from_millis(ms)
}

fn admitted(gate: &mut Gate, client: IpAddr, ms: u64) -> bool {
    gate.admit(client, at(ms), LIMIT) == Verdict::Admitted
}

#[test]
fn the_window_slides_with_every_request() {
    let mut gate = Gate::default();
    for ms in [0, 9_000, 9_999] {
        assert!(admitted(&mut gate, ANNA, ms));
    }
    // The request at 0 has just left the window; those at 9,000 and 9,999 have not.
    assert!(admitted(&mut gate, ANNA, 10_000));
    assert!(!admitted(&mut gate, ANNA, 10_001));
}

#[test]
fn a_bucket_that_refills_would_let_through_what_the_window_does_not() {
    let mut gate = Gate::default();
    // 3 at once, then one as each third of the window has passed.
    for ms in [0, 0, 0] {
        assert!(admitted(&mut gate, ANNA, ms));
    }
    assert!(!admitted(&mut gate, ANNA, 3_334));
}

#[test]
fn a_block_lasts_its_time_whatever_is_asked_meanwhile_and_then_the_count_begins_anew() {
    let mut gate = Gate::default();
    for ms in 0..3 {
        assert!(admitted(&mut gate, ANNA, ms));
    }
    let verdict = gate.admit(ANNA, at(3), LIMIT);
    let form = BlockForm::Reset;
    assert_eq!(verdict, Verdict::Blocked { form, begins: true });
    for ms in [4, 60_000, 299_000, 300_002] {
        let verdict = gate.admit(ANNA, at(ms), LIMIT);
        assert_eq!(
            verdict,
            Verdict::Blocked {
                form,
                begins: false
            }
        );
    }
    for ms in 300_003..300_006 {
        assert!(admitted(&mut gate, ANNA, ms));
    }
    assert!(!admitted(&mut gate, ANNA, 300_006));
}

#[test]
fn clients_are_counted_by_their_address_however_it_is_written() {
    let mut gate = Gate::default();
    let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
    for client in [ANNA, mapped, ANNA] {
        assert!(admitted(&mut gate, client, 0));
    }
    assert!(!admitted(&mut gate, mapped, 1));
    assert!(admitted(&mut gate, BERT, 1));
}

#[test]
fn the_soft_limit_refuses_the_surplus_and_blocks_nobody() {
    let mut gate = Gate::default();
    for _ in 0..3 {
        assert!(gate.admit_softly("app", at(0), LIMIT.rate));
    }
    for ms in [1, 5_000, 9_999] {
        assert!(!gate.admit_softly("app", at(ms), LIMIT.rate));
    }
    assert!(gate.admit_softly("app", at(10_000), LIMIT.rate));
    assert!(gate.admit_softly("other", at(1), LIMIT.rate));
}

proptest! {
    /// Whatever a client does: admitted requests never make a full window fuller, and who is
    /// blocked had a full window before.
    #[test]
    fn no_window_holds_more_than_the_limit_and_only_a_full_one_blocks(
        gaps in prop::collection::vec(0_u64..6_000, 1..200),
        requests in 1_usize..8,
    ) {
        let limit = HardLimit {
            rate: Rate { requests, ..LIMIT.rate },
            block_for: Duration::from_secs(1),
            ..LIMIT
        };
        let mut gate = Gate::default();
        let mut now = 0;
        let mut admitted: Vec<u64> = Vec::new();
        for gap in gaps {
            now += gap;
            let window = admitted.iter().filter(|sent| now - **sent < 10_000).count();
            match gate.admit(ANNA, at(now), limit) {
                Verdict::Admitted => {
                    prop_assert!(window < requests);
                    admitted.push(now);
                }
                Verdict::Blocked { begins: true, .. } => {
                    prop_assert_eq!(window, requests);
                    // The block is the end of this count.
                    admitted.clear();
                }
                Verdict::Blocked { begins: false, .. } => {}
            }
        }
    }
}
