//! Where a plugin may send HTTP requests: `https://api.example.com`, `https://*.example.com:8443`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use reqwest::Url;

/// Scheme, host and port; with `*.` before it, a domain stands for all below it and not for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpHost {
    scheme: String,
    below: bool,
    /// As URLs have it in their normal form.
    host: String,
    port: u16,
    address: Option<IpAddr>,
}

/// The text names no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "scheme, host and maybe port, such as https://api.example.com or https://*.example.com:8443 · 协议、主机，可带端口，如 https://api.example.com 或 https://*.example.com:8443"
)]
pub struct MalformedHttpHost;

impl HttpHost {
    /// Whether requests to `url` go there.
    pub fn covers(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        self.scheme == url.scheme() && Some(self.port) == url.port_or_known_default() && self.has(host, false)
    }

    /// Whether all that `other` stands for is within this.
    pub fn includes(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.port == other.port && self.has(&other.host, other.below)
    }

    /// The address where it is one and not a name: who writes one means that very machine, be it on the internet or not.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Whether no plugin is sent there, whoever grants it: see [`is_off_limits`].
    pub fn is_off_limits(&self) -> bool {
        self.address.is_some_and(is_for_nobody)
    }

    /// Whether it stands for all hosts below a domain: there may be any number of them.
    pub fn is_many(&self) -> bool {
        self.below
    }

    fn has(&self, host: &str, below: bool) -> bool {
        if !self.below {
            return !below && self.host == host;
        }
        let above = host.strip_suffix(&self.host);
        above.is_some_and(|above| above.ends_with('.') && above.len() > 1 || above.is_empty() && below)
    }
}

impl FromStr for HttpHost {
    type Err = MalformedHttpHost;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((scheme @ ("http" | "https"), rest)) = text.split_once("://") else { return Err(MalformedHttpHost) };
        let below = rest.strip_prefix("*.");
        let authority = below.unwrap_or(rest);
        let url = Url::parse(&format!("{scheme}://{authority}")).map_err(|_| MalformedHttpHost)?;
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(MalformedHttpHost);
        };
        // Anything else, such as a path, a user or another spelling, would be missing from these.
        let is_all = authority.eq_ignore_ascii_case(host) || authority.eq_ignore_ascii_case(&format!("{host}:{port}"));
        let address = address(host);
        if !is_all || host.contains('*') || below.is_some() && address.is_some() {
            return Err(MalformedHttpHost);
        }
        Ok(Self { scheme: scheme.to_owned(), below: below.is_some(), host: host.to_owned(), port, address })
    }
}

/// Whether `url` is at an address to which no plugin is sent, whoever grants it: link-local ones, where most clouds tell
/// their machines the secrets that these run with, and the others where clouds do.
pub fn is_off_limits(url: &Url) -> bool {
    address(url.host_str().unwrap_or_default()).is_some_and(is_for_nobody)
}

/// The address that stands in a URL in the place of a name.
fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn is_for_nobody(address: IpAddr) -> bool {
    const METADATA_V4: [Ipv4Addr; 2] = [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16)];
    const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    match address {
        IpAddr::V4(address) => address.is_link_local() || METADATA_V4.contains(&address),
        IpAddr::V6(address) => {
            let inside = v4_inside(address).map(IpAddr::V4);
            address.is_unicast_link_local() || address == METADATA_V6 || inside.is_some_and(is_for_nobody)
        }
    }
}

/// The IPv4 address that an IPv6 one stands for: mapped, or for networks without IPv4 (NAT64).
fn v4_inside(address: Ipv6Addr) -> Option<Ipv4Addr> {
    if let [0x64, 0xff9b, 0, 0, 0, 0, ..] = address.segments() {
        let [.., a, b, c, d] = address.octets();
        return Some(Ipv4Addr::new(a, b, c, d));
    }
    address.to_ipv4()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> HttpHost {
        text.parse().unwrap()
    }

    #[test]
    fn an_http_host_is_scheme_host_and_maybe_port() {
        for right in [
            "https://api.example.com",
            "http://api.example.com:8080",
            "https://api.example.com:443",
            "https://*.example.com",
            "https://*.example.com:8443",
            "https://API.Example.com",
            "http://127.0.0.1:9000",
            "http://[::1]:9000",
            "https://xn--fsqu00a.xn--0zwm56d",
        ] {
            assert!(right.parse::<HttpHost>().is_ok(), "{right}");
        }
        for wrong in [
            "",
            "*",
            "api.example.com",
            "https://",
            "https://*",
            "https://*.",
            "https://*.*.example.com",
            "https://a.*.example.com",
            "https://*.127.0.0.1",
            "ftp://example.com",
            "javascript://example.com",
            "https://example.com/",
            "https://example.com/path",
            "https://example.com?query",
            "https://example.com#part",
            "https://example.com\\path",
            "https://user@example.com",
            "https://user:pass@example.com",
            "https://example.com:",
            "https://example.com:99999",
            "https://example.com:080",
            "https://exa mple.com",
            "https://exam\nple.com",
            "https://example.com\t",
            " https://example.com",
            "https://ex%61mple.com",
            "https://例子.测试",
            "http://2130706433",
        ] {
            assert_eq!(wrong.parse::<HttpHost>(), Err(MalformedHttpHost), "{wrong:?}");
        }
    }

    #[test]
    fn it_covers_its_own_scheme_host_and_port_and_with_a_wildcard_what_is_below() {
        for (granted, url, covers) in [
            ("https://api.example.com", "https://api.example.com/a?b#c", true),
            ("https://api.example.com", "https://API.example.com:443/", true),
            ("https://api.example.com", "https://user:pass@api.example.com/", true),
            ("https://api.example.com", "http://api.example.com/", false),
            ("https://api.example.com", "https://api.example.com:8443/", false),
            ("https://api.example.com", "https://api.example.com.evil.example/", false),
            ("https://api.example.com", "https://x.api.example.com/", false),
            ("https://api.example.com", "https://api.example.com@evil.example/", false),
            ("https://api.example.com", "https://evil.example/https://api.example.com", false),
            ("https://*.example.com", "https://a.example.com/", true),
            ("https://*.example.com", "https://a.b.example.com/", true),
            ("https://*.example.com", "https://example.com/", false),
            ("https://*.example.com", "https://.example.com/", false),
            ("https://*.example.com", "https://badexample.com/", false),
            ("https://*.example.com:8443", "https://a.example.com:8443/", true),
            ("https://*.example.com:8443", "https://a.example.com/", false),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000/", true),
            ("http://127.0.0.1:9000", "http://2130706433:9000/", true),
            ("http://127.0.0.1:9000", "http://localhost:9000/", false),
            ("http://[::1]:9000", "http://[0:0::1]:9000/", true),
        ] {
            assert_eq!(host(granted).covers(&url.parse().unwrap()), covers, "{granted} {url}");
        }
    }

    #[test]
    fn a_host_that_is_granted_by_itself_and_among_many_is_granted_by_itself() {
        let http_hosts = ["https://*.example.com", "https://a.example.com"].map(str::to_owned).to_vec();
        let grants = crate::model::Grants { http_hosts, ..Default::default() };
        let is_many = |url: &str| grants.http_host(&url.parse().unwrap()).map(|host| host.is_many());
        assert_eq!(is_many("https://a.example.com/"), Some(false));
        assert_eq!(is_many("https://b.example.com/"), Some(true));
        assert_eq!(is_many("https://example.com/"), None);
    }

    #[test]
    fn it_includes_what_is_as_wide_or_narrower() {
        for (wide, narrow, includes) in [
            ("https://a.example.com", "https://A.example.com:443", true),
            ("https://*.example.com", "https://a.example.com", true),
            ("https://*.example.com", "https://*.example.com", true),
            ("https://*.example.com", "https://*.a.example.com", true),
            ("https://*.a.example.com", "https://*.example.com", false),
            ("https://a.example.com", "https://*.a.example.com", false),
            ("https://*.example.com", "https://example.com", false),
            ("https://*.example.com", "https://*.badexample.com", false),
            ("https://*.example.com", "http://a.example.com", false),
            ("https://*.example.com", "https://a.example.com:8443", false),
        ] {
            assert_eq!(host(wide).includes(&host(narrow)), includes, "{wide} {narrow}");
        }
    }

    #[test]
    fn what_is_link_local_or_tells_a_clouds_machines_their_secrets_is_off_limits_in_every_form() {
        for address in [
            "169.254.169.254",
            "169.254.0.0",
            "100.100.100.200",
            "168.63.129.16",
            "[fe80::1]",
            "[febf:ffff::1]",
            "[fd00:ec2::254]",
            "[::ffff:169.254.169.254]",
            "[::ffff:100.100.100.200]",
            "[::ffff:168.63.129.16]",
            "[::169.254.169.254]",
            "[64:ff9b::169.254.169.254]",
            "2852039166",
        ] {
            assert!(is_off_limits(&format!("http://{address}:8080/").parse().unwrap()), "{address}");
        }
        assert!(host("http://169.254.169.254").is_off_limits() && host("http://[::ffff:a9fe:a9fe]").is_off_limits());
        for address in [
            "169.253.255.255",
            "100.100.100.201",
            "168.63.129.17",
            "10.0.0.7",
            "127.0.0.1",
            "[::1]",
            "[fec0::1]",
            "[fd00:ec2::255]",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::1.1.1.1]",
            "169.254.169.254.example.com",
        ] {
            assert!(!is_off_limits(&format!("http://{address}/").parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn an_address_is_one_and_a_name_is_none() {
        assert!(host("http://127.0.0.1:9000").address().is_some() && host("http://[::1]").address().is_some());
        assert!(host("https://localhost").address().is_none() && host("https://*.example.com").address().is_none());
    }
}
