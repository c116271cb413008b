//! Addresses of pods: nobody gives them any where there is no kubelet.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};

/// The pods' network, of two to the power of 17 addresses.
const NETWORK: u32 = u32::from_be_bytes([198, 18, 0, 0]);
/// Blocks of it, of which each test process has one for itself.
const BLOCKS: u32 = 8;
/// Addresses in a block. A sweep makes thousands of pods, while others are live for minutes.
const ADDRESSES: u32 = (1 << 17) / BLOCKS;

/// The next address of this process.
pub fn new_address() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    address_of(std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The address of this number of a process. They come again after a while, when the pods that had them are long gone;
/// the first and the last one of a block are no pod's.
fn address_of(process: u32, number: u32) -> Ipv4Addr {
    let block = NETWORK + process % BLOCKS * ADDRESSES;
    Ipv4Addr::from(block + 1 + number % (ADDRESSES - 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_in_the_network_of_the_pods() {
        let (first, last) = (
            Ipv4Addr::new(198, 18, 0, 1),
            Ipv4Addr::new(198, 19, 255, 254),
        );
        assert_eq!(address_of(0, 0), first);
        assert_eq!(address_of(BLOCKS - 1, ADDRESSES - 3), last);
        assert_eq!(address_of(0, ADDRESSES - 2), first);
    }
}
