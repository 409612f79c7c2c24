//! Cookies between browsers and plugins: not ours, and none beyond the plugin's own path.

use axum::http::HeaderValue;

/// Every cookie of Weft's own has a name that begins so, maybe behind a prefix of [`PREFIXES`].
const OURS: &str = "weft";

/// What browsers take for a promise about a cookie.
const PREFIXES: [&str; 2] = ["__host-", "__secure-"];

/// Those of a request's cookies that are not ours; none when nothing is left.
pub(super) fn of_others(cookies: &str) -> Option<String> {
    let others = cookies.split(';').map(str::trim).filter(|cookie| !cookie.is_empty() && !is_ours(cookie));
    let others = others.collect::<Vec<_>>().join("; ");
    (!others.is_empty()).then_some(others)
}

/// A cookie that a plugin sets, which only requests below `base` get; none where it is not the plugin's to set.
pub(super) fn below(base: &str, cookie: &HeaderValue) -> Option<HeaderValue> {
    let text = cookie.to_str().ok()?;
    let mut parts = text.split(';').map(str::trim);
    let (name, value) = parts.next()?.split_once('=')?;
    let name = name.trim();
    // Browsers take the value of a cookie without a name for its name, too. `__Host-` promises that it is for the whole
    // host, which none of a page's is.
    if name.is_empty() || is_ours(name) || name.to_ascii_lowercase().starts_with(PREFIXES[0]) {
        return None;
    }
    let mut kept = format!("{name}={}", value.trim());
    let (mut path, mut has_site) = (base, false);
    for attribute in parts.filter(|attribute| !attribute.is_empty()) {
        let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        match key.trim().to_ascii_lowercase().as_str() {
            "path" if is_below(base, value.trim()) => path = value.trim(),
            "domain" | "path" => {}
            key => {
                has_site |= key == "samesite";
                kept.push_str("; ");
                kept.push_str(attribute);
            }
        }
    }
    let site = if has_site { "" } else { "; SameSite=Lax" };
    HeaderValue::try_from(format!("{kept}; Path={path}{site}")).ok()
}

fn is_below(base: &str, path: &str) -> bool {
    path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a cookie, or its name, is one of ours.
fn is_ours(cookie: &str) -> bool {
    // Without a name, the value counts as the name.
    let name = cookie.trim_start_matches(['=', ' ', '\t']).to_ascii_lowercase();
    let name = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(&name);
    name.starts_with(OURS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "/wechat/shop/pages/coupons";

    #[test]
    fn a_plugin_sees_no_cookie_of_ours() {
        let all = "weft_session=1; cart=2; __Host-weft=3; WEFT=4; =weft_session=5;  __Secure-weft_x=6; weather=7";
        assert_eq!(of_others(all).as_deref(), Some("cart=2; weather=7"));
        assert_eq!(of_others("weft_session=1; ;"), None);
    }

    #[test]
    fn a_plugins_cookies_stay_below_its_pages() {
        for (set, kept) in [
            ("cart=2", Some("cart=2; Path=/wechat/shop/pages/coupons; SameSite=Lax")),
            ("cart=a=b; Secure", Some("cart=a=b; Secure; Path=/wechat/shop/pages/coupons; SameSite=Lax")),
            (
                "cart=2; path=/; DOMAIN=example.com; SameSite=Strict; Max-Age=60",
                Some("cart=2; SameSite=Strict; Max-Age=60; Path=/wechat/shop/pages/coupons"),
            ),
            (
                "cart=2; Path=/wechat/shop/pages/coupons/vip",
                Some("cart=2; Path=/wechat/shop/pages/coupons/vip; SameSite=Lax"),
            ),
            (
                "cart=2; Path=/wechat/shop/pages/coupons-of-others",
                Some("cart=2; Path=/wechat/shop/pages/coupons; SameSite=Lax"),
            ),
            ("weft_session=1", None),
            ("Weft_Session=1", None),
            ("__Secure-weft=1; Secure", None),
            ("__Host-cart=1; Secure; Path=/", None),
            ("=weft_session=1", None),
            ("weft_session", None),
        ] {
            let set = HeaderValue::from_static(set);
            let found = below(BASE, &set);
            assert_eq!(found.as_ref().map(|value| value.to_str().unwrap()), kept, "{set:?}");
        }
    }
}
