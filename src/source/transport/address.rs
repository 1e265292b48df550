//! Which addresses the service connects to. A name is looked up once, so that the address that is checked is the one that is
//! connected to.

use std::{
    collections::HashSet,
    error::Error,
    future::Future,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    vec,
};

use hyper::Uri;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

/// Addresses of metadata services, which tell a machine its own secrets, as far as they are not link-local.
const METADATA: &[IpAddr] = &[
    // Alibaba Cloud, Oracle Cloud, Azure's WireServer.
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    // Amazon EC2, Google Cloud.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254)),
];

/// Which addresses may be connected to. Those that lead into the machine itself, or into how its network is run, are off limits
/// unless the operator named them.
#[derive(Clone, Debug, Default)]
pub struct AddressPolicy {
    named: Arc<HashSet<IpAddr>>,
}

/// An address is off limits, or all addresses of a name are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{host} is, or stands for, a link-local, metadata, multicast or unspecified address, which this server does not \
     connect to unless its operator names the address (--allow-source)"
)]
pub struct OffLimits {
    host: String,
}

impl AddressPolicy {
    /// A policy that allows these addresses whatever they are.
    #[must_use]
    pub fn allowing(named: impl IntoIterator<Item = IpAddr>) -> Self {
        Self { named: Arc::new(named.into_iter().collect()) }
    }

    /// Whether an address may be connected to.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        self.named.contains(&address) || !meanings(address).into_iter().flatten().any(is_off_limits)
    }

    /// Checks a URL whose host is an address. Names are checked when they are looked up.
    ///
    /// # Errors
    /// If it is off limits.
    pub fn check(&self, uri: &Uri) -> Result<(), OffLimits> {
        let host = uri.host().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
        if address.is_none_or(|address| self.allows(address)) {
            Ok(())
        } else {
            Err(OffLimits { host: host.to_owned() })
        }
    }
}

/// The addresses that an address may be taken for on its way: itself, and the IPv4 addresses inside an IPv6 one.
fn meanings(address: IpAddr) -> [Option<IpAddr>; 3] {
    let IpAddr::V6(v6) = address else { return [Some(address), None, None] };
    // The IPv4 address in the n-th of the eight groups and the next one; Teredo inverts all bits of the client's.
    let groups = v6.segments();
    let v4 = |n: usize, turned: u16| {
        let [high, low] = [n, n + 1].map(|n| groups.get(n).map_or(0, |group| group ^ turned));
        Some(IpAddr::V4((u32::from(high) << 16 | u32::from(low)).into()))
    };
    let (first, second) = match groups {
        // Neither is an IPv4 address.
        _ if v6.is_unspecified() || v6.is_loopback() => (None, None),
        // 6to4 (RFC 3056), Teredo (RFC 4380).
        [0x2002, ..] => (v4(1, 0), None),
        [0x2001, 0, ..] => (v4(2, 0), v4(6, u16::MAX)),
        // Mapped and compatible (RFC 4291), translated (RFC 2765), NAT64 (RFC 6052 and 8215), ISATAP (RFC 5214).
        [0, 0, 0, 0, 0 | 0xffff, 0, ..]
        | [0, 0, 0, 0, 0, 0xffff, ..]
        | [0x64, 0xff9b, ..]
        | [_, _, _, _, 0 | 0x200, 0x5efe, ..] => (v4(6, 0), None),
        _ => (None, None),
    };
    [Some(address), first, second]
}

fn is_off_limits(address: IpAddr) -> bool {
    let is_special = match address {
        // All of 0.0.0.0/8 is "this network"; Linux takes 0.0.0.0 for this machine.
        IpAddr::V4(v4) => v4.octets()[0] == 0 || v4.is_link_local() || v4.is_multicast() || v4.is_broadcast(),
        // In 64:ff9b:1::/48 an IPv4 address can lie anywhere (RFC 8215).
        IpAddr::V6(v6) => {
            v6.is_unspecified()
                || v6.is_unicast_link_local()
                || v6.is_multicast()
                || v6.segments().starts_with(&[0x64, 0xff9b, 1])
        }
    };
    is_special || METADATA.contains(&address)
}

/// Looks up names, and leaves out the addresses that may not be connected to.
#[derive(Clone, Debug)]
pub(super) struct Resolver<L = GaiResolver> {
    lookup: L,
    policy: AddressPolicy,
}

impl Resolver {
    pub(super) fn new(policy: AddressPolicy) -> Self {
        Self { lookup: GaiResolver::new(), policy }
    }
}

type BoxError = Box<dyn Error + Send + Sync>;

impl<L> Service<Name> for Resolver<L>
where
    L: Service<Name, Response: Iterator<Item = SocketAddr>, Error: Into<BoxError>, Future: Send + 'static>,
{
    type Response = vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.lookup.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (host, policy) = (name.as_str().to_owned(), self.policy.clone());
        let lookup = self.lookup.call(name);
        Box::pin(async move {
            let found = lookup.await.map_err(Into::into)?;
            let (allowed, others): (Vec<_>, Vec<_>) = found.partition(|address| policy.allows(address.ip()));
            if allowed.is_empty() && !others.is_empty() {
                return Err(OffLimits { host }.into());
            }
            Ok(allowed.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(address: &str) -> bool {
        AddressPolicy::default().allows(address.parse().expect("an address"))
    }

    #[test]
    fn what_leads_to_the_inner_life_of_a_network_is_off_limits_in_every_form() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.0.1",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "::",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "::ffff:0.0.0.0",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::169.254.169.254",
            "64:ff9b:1:a9fe:a9:fe00::",
            "2002:a9fe:a9fe::1",
            "2001:0:a9fe:a9fe::1",
            "2001::5601:5601",
            "::ffff:0:169.254.169.254",
            "fd12::5efe:169.254.169.254",
            "fd12::200:5efe:169.254.169.254",
            "::ffff:100.100.100.200",
        ] {
            assert!(!allows(address), "{address}");
        }
    }

    #[test]
    fn stores_are_where_they_always_are() {
        for address in [
            "127.0.0.1",
            "::1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "192.0.0.1",
            "100.64.0.1",
            "8.8.8.8",
            "fd00::1",
            "2a00:1450::1",
            "::ffff:10.0.0.1",
            "64:ff9b::8.8.8.8",
            "2002:0808:0808::1",
            "fec0::1",
        ] {
            assert!(allows(address), "{address}");
        }
    }

    #[test]
    fn what_the_operator_names_is_allowed_and_nothing_else_is() {
        let policy = AddressPolicy::allowing(["169.254.1.2".parse().expect("an address")]);
        let allows = |address: &str| policy.allows(address.parse().expect("an address"));
        assert!(allows("169.254.1.2") && !allows("169.254.1.3") && !allows("::ffff:169.254.1.2"));
    }

    #[test]
    fn hosts_that_are_addresses_are_checked_without_a_lookup() {
        let check = |uri: &'static str| AddressPolicy::default().check(&Uri::from_static(uri));
        assert!(check("http://169.254.169.254/latest").is_err());
        assert!(check("http://[fe80::1]:80/").is_err());
        assert!(check("http://127.0.0.1:9000/bucket/key").is_ok());
        assert!(check("https://store.example/bucket/key").is_ok());
    }

    /// What a name comes to that has these addresses.
    async fn looked_up(addresses: &'static [&'static str]) -> Result<Vec<String>, BoxError> {
        let found = addresses.iter().map(|address| SocketAddr::new(address.parse().expect("an address"), 0));
        let lookup = tower::service_fn(move |_| std::future::ready(Ok::<_, BoxError>(found.clone())));
        let name = "store.example".parse().expect("a name");
        let mut resolver = Resolver { lookup, policy: AddressPolicy::default() };
        Ok(resolver.call(name).await?.map(|address| address.ip().to_string()).collect())
    }

    #[tokio::test]
    async fn a_name_has_those_addresses_that_are_allowed() {
        assert_eq!(looked_up(&["10.0.0.1", "169.254.169.254", "::1"]).await.expect("some"), ["10.0.0.1", "::1"]);
        assert!(looked_up(&[]).await.expect("nothing is wrong").is_empty());
        let refused = looked_up(&["169.254.169.254", "fe80::1"]).await.expect_err("all are off limits");
        assert_eq!(refused.downcast_ref(), Some(&OffLimits { host: "store.example".to_owned() }));
        let name = "localhost".parse().expect("a name");
        assert!(Resolver::new(AddressPolicy::default()).call(name).await.expect("allowed").count() > 0);
    }
}
