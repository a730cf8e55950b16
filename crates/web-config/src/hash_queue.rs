//! The queue of requests that wait for a password hash.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// The most requests in the queue, including those in progress.
pub(crate) const MAX_QUEUED: usize = 32;
/// The most of them from one client, so that a single one does not lock out the others.
pub(crate) const MAX_QUEUED_PER_CLIENT: usize = 4;

/// The clients with a request in the queue, each as long as it holds a [`QueueSlot`].
#[derive(Debug, Default)]
pub(crate) struct HashQueue(Mutex<Vec<IpAddr>>);

/// A slot in the queue, free again when dropped.
#[derive(Debug)]
pub(crate) struct QueueSlot {
    queue: Arc<HashQueue>,
    client: IpAddr,
}

// === impl HashQueue ===

impl HashQueue {
    /// Takes a slot, if one is free for this client.
    pub(crate) fn try_enter(self: &Arc<Self>, client: IpAddr) -> Option<QueueSlot> {
        let client = client_key(client);
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from_client = waiting.iter().filter(|other| **other == client).count();
        if waiting.len() >= MAX_QUEUED || from_client >= MAX_QUEUED_PER_CLIENT {
            return None;
        }
        waiting.push(client);
        Some(QueueSlot {
            queue: Arc::clone(self),
            client,
        })
    }
}

// === impl QueueSlot ===

impl Drop for QueueSlot {
    fn drop(&mut self) {
        let mut waiting = self.queue.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = waiting.iter().position(|client| *client == self.client) {
            waiting.swap_remove(at);
        }
    }
}

/// What counts as one client: an IPv4 address, or an IPv6 network of 64 bits, since a host
/// usually has all of its addresses.
fn client_key(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            Ipv6Addr::from_bits(network).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_limited_per_client_and_in_total() {
        let queue = Arc::new(HashQueue::default());
        let enter = |client: &str| queue.try_enter(client.parse().unwrap());
        let of_one: Vec<_> = (0..100).filter_map(|_| enter("10.0.0.1")).collect();
        assert_eq!(of_one.len(), MAX_QUEUED_PER_CLIENT);
        assert!(enter("::ffff:10.0.0.1").is_none());
        let of_network: Vec<_> = (0..100)
            .filter_map(|n| enter(&format!("2001:db8::{n:x}")))
            .collect();
        assert_eq!(of_network.len(), MAX_QUEUED_PER_CLIENT);
        let others: Vec<_> = (0..100)
            .filter_map(|n| enter(&format!("10.1.0.{n}")))
            .collect();
        assert_eq!(others.len(), MAX_QUEUED - 2 * MAX_QUEUED_PER_CLIENT);
        drop(of_one);
        assert!(enter("10.0.0.1").is_some());
        drop((of_network, others));
        assert!(queue.0.lock().unwrap().is_empty());
    }
}
