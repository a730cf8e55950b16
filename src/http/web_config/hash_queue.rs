//! Who waits for a password to be checked.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// So many requests may wait, those that are checked included.
pub(super) const WAITING: usize = 32;
/// So many of them may be of one client, so that a single one does not keep the others out.
pub(super) const OF_ONE: usize = 4;

/// Who waits. First come, first served, each as long as it holds its place.
#[derive(Debug, Default)]
pub(super) struct HashQueue(Mutex<Vec<IpAddr>>);

/// A place among those who wait.
#[derive(Debug)]
pub(super) struct Place {
    queue: Arc<HashQueue>,
    client: IpAddr,
}

// === impl HashQueue ===

impl HashQueue {
    /// Takes a place, where there is one for this client.
    pub(super) fn enter(self: &Arc<Self>, client: IpAddr) -> Option<Place> {
        let client = one(client);
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_it = waiting.iter().filter(|other| **other == client).count();
        if waiting.len() >= WAITING || of_it >= OF_ONE {
            return None;
        }
        waiting.push(client);
        Some(Place {
            queue: Arc::clone(self),
            client,
        })
    }
}

// === impl Place ===

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.queue.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = waiting.iter().position(|client| *client == self.client) {
            waiting.swap_remove(at);
        }
    }
}

/// What counts as one client: an address, and of IPv6 the network of 64 bits, of which whoever
/// has one address has all.
fn one(client: IpAddr) -> IpAddr {
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
    fn one_client_has_few_places_and_all_together_have_no_more_than_there_are() {
        let queue = Arc::new(HashQueue::default());
        let enter = |client: &str| queue.enter(client.parse().unwrap());
        let of_one: Vec<_> = (0..100).filter_map(|_| enter("10.0.0.1")).collect();
        assert_eq!(of_one.len(), OF_ONE);
        assert!(enter("::ffff:10.0.0.1").is_none());
        let of_network: Vec<_> = (0..100)
            .filter_map(|n| enter(&format!("2001:db8::{n:x}")))
            .collect();
        assert_eq!(of_network.len(), OF_ONE);
        let others: Vec<_> = (0..100)
            .filter_map(|n| enter(&format!("10.1.0.{n}")))
            .collect();
        assert_eq!(others.len(), WAITING - 2 * OF_ONE);
        // Whoever goes makes room.
        drop(of_one);
        assert!(enter("10.0.0.1").is_some());
        drop((of_network, others));
        assert!(queue.0.lock().unwrap().is_empty());
    }
}
