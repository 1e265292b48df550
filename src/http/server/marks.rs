//! What connections tell of the requests that come through them.

use std::net::IpAddr;

/// There is no place for a request: it is to be told so, and nothing else done for it.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct NoPlace;

/// The address at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Peer(pub(in crate::http) IpAddr);

impl Peer {
    /// What belongs to one client as far as anybody can tell: an address, or in IPv6 the 64 bits that a site hands out
    /// together.
    pub(in crate::http) fn network(self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
            v4 @ IpAddr::V4(_) => v4,
        }
    }
}
