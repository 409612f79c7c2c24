//! What is granted of hosts and paths, as the real host reads it: hosts with scheme and port, paths by whole segments.

use super::state::{State, denied};
use crate::error::Error;

impl State {
    /// Refuses a request to a host that is not granted.
    pub(super) fn require_http_host(&self, url: &str) -> Result<(), Error> {
        let absolute = "the URL is not an absolute one, such as https://example.com/";
        let origin = origin(url).ok_or_else(|| Error::Invalid(absolute.to_owned()))?;
        if self.http_hosts.iter().any(|granted| covers(granted, &origin)) {
            Ok(())
        } else {
            Err(denied(&format!("http_hosts: {origin}")))
        }
    }

    /// Refuses a call of WeChat's API at a path that is not granted.
    pub(super) fn require_wechat_api(&self, path: &str) -> Result<(), Error> {
        require("wechat_apis", &self.wechat_apis, path)
    }

    /// Refuses a call of WeChat Pay at a path that is not granted.
    pub(super) fn require_pay_api(&self, path: &str) -> Result<(), Error> {
        require("pay_apis", &self.pay_apis, path)
    }
}

fn require(grant: &str, granted: &[String], path: &str) -> Result<(), Error> {
    if granted.iter().any(|beginning| begins(path, beginning)) {
        Ok(())
    } else {
        Err(denied(&format!("{grant}: {path}")))
    }
}

/// Whether the path begins with all of these segments.
fn begins(path: &str, beginning: &str) -> bool {
    let rest = path.strip_prefix(beginning.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Scheme and host of a URL, and its port where that is not the usual one.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
    let usual = match scheme.as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => "",
    };
    let host = host.strip_suffix(usual).unwrap_or(&host);
    (!host.is_empty()).then(|| format!("{scheme}://{host}"))
}

/// Whether what is granted is that origin, or with `*.` a domain above it.
fn covers(granted: &str, asked: &str) -> bool {
    let granted = origin(granted).unwrap_or_default();
    match granted.split_once("*.") {
        None => granted == asked,
        Some((scheme, domain)) => {
            let above = asked.strip_prefix(scheme).and_then(|host| host.strip_suffix(domain));
            above.is_some_and(|above| above.len() > 1 && above.ends_with('.'))
        }
    }
}
