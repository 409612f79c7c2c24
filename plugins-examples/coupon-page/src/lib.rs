//! A page that gives coupons away while there are some: `/wechat/{app}/pages/coupon_page/`. The operator says how many,
//! `{"pages": true, "kv": true, "config": {"title": "满 100 减 20", "coupons": 50}}`.

use std::time::Duration;

use serde::Deserialize;
use weft_plugin::{pages::escape, prelude::*};

asks! { kv: true }

/// What every page begins with. Phones show a page without `viewport` as small as on a computer.
const HEAD: &str = include_str!("head.html");

#[derive(Deserialize)]
struct Config {
    title: String,
    coupons: u32,
}

/// Says how many are left; a form takes one, and leads back to the page with it.
#[page]
fn coupons(request: PageRequest, context: Context) -> Result<PageResponse> {
    let config: Config = context.config()?;
    if request.method == "POST" {
        let coupon = take(&request, context, &config)?.map(|code| format!("coupon={code}"));
        return Ok(PageResponse::redirect(format!("?{}", coupon.unwrap_or_default())));
    }
    let text = if let Some(code) = request.query_value("coupon").filter(|code| code.len() <= 10) {
        let Some(owner) = kv::get_text(&format!("coupon/{code}"))? else { return Ok(PageResponse::status(404)) };
        format!("{}，您的优惠码：<b>{}</b>", escape(&owner), escape(&code))
    } else if let left @ 1.. = kv::get_json("left")?.unwrap_or(config.coupons) {
        // Who sends the form has seen it here: there is none for this user on another's page.
        let form = context.delivery_id();
        kv::set_for(&format!("form/{form}"), visitor(&request), Duration::from_mins(10))?;
        format!(include_str!("form.html"), left = left, form = form)
    } else {
        "已领完".to_owned()
    };
    let title = escape(&config.title);
    Ok(PageResponse::html(format!("{HEAD}<title>{title}</title><h1>{title}</h1>{text}")))
}

/// Gives one away, and not two when the form is sent twice.
fn take(request: &PageRequest, context: Context, config: &Config) -> Result<Option<String>> {
    let form = format!("form/{:.64}", request.form_value("form").unwrap_or_default());
    let is_theirs = kv::get(&form)?.is_some_and(|entry| entry.value == visitor(request).as_bytes());
    if !is_theirs || !kv::delete(&form)? {
        return Ok(None);
    }
    let mut is_taken = false;
    kv::update("left", |left: Option<u32>| {
        let left = left.unwrap_or(config.coupons);
        is_taken = left > 0;
        Ok(left.saturating_sub(1))
    })?;
    if !is_taken {
        return Ok(None);
    }
    let id = context.delivery_id();
    let code = id.get(id.len().saturating_sub(10)..).unwrap_or_default();
    kv::set(&format!("coupon/{code}"), request.form_value("name").unwrap_or_default())?;
    Ok(Some(code.to_owned()))
}

/// Empty for somebody whom WeChat has not identified.
fn visitor(request: &PageRequest) -> String {
    request.user.as_ref().map(|user| user.openid.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use weft_plugin::testing::{TestHost, request};

    use super::*;

    #[test]
    fn each_form_takes_one_while_there_are_some() {
        let host = TestHost::new().grant_asked().config(&serde_json::json!({"title": "<满减>", "coupons": 1}));
        let page = |query: &str| {
            let asked = PageRequest { query: query.into(), ..request("GET", "/") };
            String::from_utf8(host.serve("coupons", asked).unwrap().body).unwrap()
        };
        let send = |body: &str| {
            let sent = PageRequest { body: body.into(), ..request("POST", "/") };
            host.serve("coupons", sent).unwrap().headers[0].1.clone()
        };
        assert!(page("").contains("&lt;满减&gt;</h1>还剩 1 张") && page("").contains("value=delivery-1>"));
        assert_eq!(send("form=anothers&name=x"), "?");
        assert_eq!(send("form=delivery-1&name=%3Cb%3E"), "?coupon=delivery-1");
        assert_eq!(send("form=delivery-1&name=again"), "?");
        assert!(page("").contains("已领完"));
        assert!(page("coupon=delivery-1").contains("&lt;b&gt;，您的优惠码：<b>delivery-1"));
    }
}
