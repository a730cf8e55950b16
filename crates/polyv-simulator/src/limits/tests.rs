use proptest::prelude::*;

use super::*;

const RATE: Rate = Rate {
    requests: 3,
    per: MinDuration(Duration::from_secs(10)),
};
const LIMIT: Limits = Limits {
    preset: Preset::Custom,
    requests: RATE.requests,
    per: RATE.per,
    r#for: MinDuration(Duration::from_secs(300)),
    r#as: BlockForm::Reset,
    soft: None,
};
const FIRST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const SECOND: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn admitted(limits: &mut LimitTracker, client: IpAddr, ms: u64) -> bool {
    limits.admit(client, at(ms), &LIMIT) == Admission::Admitted
}

#[test]
fn window_slides_with_every_request() {
    let mut limits = LimitTracker::default();
    for ms in [0, 9_000, 9_999] {
        assert!(admitted(&mut limits, FIRST, ms));
    }
    // The request at 0 has just left the window; those at 9,000 and 9,999 have not.
    assert!(admitted(&mut limits, FIRST, 10_000));
    assert!(!admitted(&mut limits, FIRST, 10_001));
}

#[test]
fn window_is_stricter_than_a_token_bucket() {
    let mut limits = LimitTracker::default();
    // 3 at once, then one after a third of the window.
    for ms in [0, 0, 0] {
        assert!(admitted(&mut limits, FIRST, ms));
    }
    assert!(!admitted(&mut limits, FIRST, 3_334));
}

#[test]
fn requests_during_a_block_neither_extend_it_nor_count() {
    let mut limits = LimitTracker::default();
    for ms in 0..3 {
        assert!(admitted(&mut limits, FIRST, ms));
    }
    assert_eq!(limits.admit(FIRST, at(3), &LIMIT), Admission::BlockBegins);
    for ms in [4, 60_000, 299_000, 300_002] {
        assert_eq!(limits.admit(FIRST, at(ms), &LIMIT), Admission::Blocked);
    }
    for ms in 300_003..300_006 {
        assert!(admitted(&mut limits, FIRST, ms));
    }
    assert!(!admitted(&mut limits, FIRST, 300_006));
}

#[test]
fn mapped_and_plain_ipv4_addresses_are_one_client() {
    let mut limits = LimitTracker::default();
    let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
    for client in [FIRST, mapped, FIRST] {
        assert!(admitted(&mut limits, client, 0));
    }
    assert!(!admitted(&mut limits, mapped, 1));
    assert!(admitted(&mut limits, SECOND, 1));
}

#[test]
fn soft_limit_refuses_the_surplus_without_a_block() {
    let mut limits = LimitTracker::default();
    for _ in 0..3 {
        assert!(limits.admits_account("app", at(0), RATE));
    }
    for ms in [1, 5_000, 9_999] {
        assert!(!limits.admits_account("app", at(ms), RATE));
    }
    assert!(limits.admits_account("app", at(10_000), RATE));
    assert!(limits.admits_account("other", at(1), RATE));
}

proptest! {
    /// Admitted requests never exceed a window, and a block starts only after a full window.
    #[test]
    fn no_window_exceeds_the_limit_and_only_a_full_one_blocks(
        gaps in prop::collection::vec(0_u64..6_000, 1..200),
        requests in 1_usize..8,
    ) {
        let limit = Limits {
            requests,
            r#for: MinDuration(Duration::from_secs(1)),
            ..LIMIT
        };
        let mut limits = LimitTracker::default();
        let mut now = 0;
        let mut admitted: Vec<u64> = Vec::new();
        for gap in gaps {
            now += gap;
            let window = admitted.iter().filter(|sent| now - **sent < 10_000).count();
            match limits.admit(FIRST, at(now), &limit) {
                Admission::Admitted => {
                    prop_assert!(window < requests);
                    admitted.push(now);
                }
                Admission::BlockBegins => {
                    prop_assert_eq!(window, requests);
                    // The block ends this count.
                    admitted.clear();
                }
                Admission::Blocked => {}
            }
        }
    }
}
