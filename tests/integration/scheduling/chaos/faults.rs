//! A random mixture of everything that can go wrong at Polyv.

use fastrand::Rng;
use polyv_simulator::Fault;

const ENDPOINTS: [&str; 6] = [
    "stream_info",
    "live_status",
    "channel_list",
    "streams",
    "viewers",
    "stream_info_v4",
];
const BLOCKS: [&str; 5] = ["reset", "timeout", "403", "405", "429"];
const REFUSALS: [&str; 6] = [
    "param validate error",
    "invalid signature.",
    "application not found.",
    "invalid timestamp.",
    "illegal channel id",
    "channel status not live",
];

/// A supply of faults in which each kind comes before any kind comes again.
pub struct FaultDeck {
    kinds: Vec<&'static str>,
}

impl FaultDeck {
    pub fn new() -> Self {
        Self { kinds: Vec::new() }
    }

    /// Up to 4 faults at once, as a scenario writes them.
    pub fn draw(&mut self, rng: &mut Rng, channels: &[u32]) -> String {
        let count = rng.usize(0..=4);
        let faults: Vec<String> = (0..count)
            .map(|_| {
                if self.kinds.is_empty() {
                    self.kinds = Fault::KINDS.to_vec();
                    rng.shuffle(&mut self.kinds);
                }
                let kind = self.kinds.pop().expect("there are kinds of faults");
                fault(kind, rng, channels)
            })
            .collect();
        format!("[{}]", faults.join(", "))
    }
}

/// A fault of that kind with random keys.
fn fault(kind: &str, rng: &mut Rng, channels: &[u32]) -> String {
    let mut keys = vec![
        format!("trouble: {kind}"),
        format!("for: {}s", rng.u32(10..400)),
    ];
    if rng.bool() {
        keys.push(format!("share: {:.2}", rng.f64()));
    }
    match rng.u32(0..6) {
        0 => keys.push(format!("endpoints: [{}]", any(rng, &ENDPOINTS))),
        1 => keys.push(format!("channels: [{}]", any(rng, channels))),
        2 => keys.push("account: second".to_owned()),
        _ => {}
    }
    let seconds = rng.i32(-1_200..1_200);
    match kind {
        "clock_skew" => keys.push(format!("by: {seconds}s")),
        "wrong_date" => keys.push(format!("by: {}s", seconds * 30)),
        "latency" => keys.push(format!("median: {}ms, p99: 12s", rng.u32(1..5_000))),
        "block" => keys.push(format!("as: {}", any(rng, &BLOCKS))),
        "answer" => {
            let status = any(rng, &[200, 400, 429, 500, 503]);
            keys.push(format!("status: {status}"));
            if rng.bool() {
                keys.push(format!("retry_after: \"{}\"", rng.u32(0..300)));
            }
        }
        "rejected" => keys.push(format!("message: \"{}\"", any(rng, &REFUSALS))),
        "bad_values" => keys.push(format!("one_in: {}", rng.u32(1..4))),
        "future" => keys.push(format!("by: {}s", rng.u32(1..1_200))),
        "many_streams" | "missing_items" => keys.push(format!("count: {}", rng.u32(1..200))),
        "huge" => keys.push(format!("bytes: {}", rng.u32(1..6 << 20))),
        "huge_samples" => keys.push(format!("bytes: {}", rng.u32(1..8_192))),
        _ => {}
    }
    format!("{{{}}}", keys.join(", "))
}

fn any<T: Copy>(rng: &mut Rng, values: &[T]) -> T {
    *rng.choice(values).expect("there are values")
}
