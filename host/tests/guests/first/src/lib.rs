//! A guest of the first released contract, `wit/released/1.0.0`, written against it without the SDK: every later Weft
//! loads it, calls all that it exports, and answers all that it imports.

// On other targets there is no host to talk to.
#![cfg(target_family = "wasm")]

mod bindings;

use bindings::{
    First,
    exported::{handlers, hooks, manifest, observers, pages, rules},
    imported::{
        config, context, http, kv,
        log::{self, Level},
        message::{Content, Message},
        messages,
        order::TradeType,
        orders,
        reply::{Article, Reply},
        types::{Error, Field},
        users, wechat,
    },
};

impl manifest::Guest for First {
    fn describe() -> manifest::Description {
        let entry = |name: &str| manifest::Entry {
            name: name.to_owned(),
            description: format!("{name} of the first guest"),
            apps: Vec::new(),
            options: vec![("of a later version".to_owned(), "ignored".to_owned())],
        };
        manifest::Description {
            name: "first".to_owned(),
            version: "1.0.0".to_owned(),
            description: "Built from the first released contract".to_owned(),
            handlers: ["imports", "orders", "news", "transfer", "silent", "fails", "panics"].map(entry).into(),
            rules: vec![entry("mine")],
            hooks: vec![entry("paid")],
            observers: vec![entry("hears")],
            pages: vec![entry("page")],
            asks: manifest::Asks {
                http_hosts: vec!["https://api.example.com".to_owned()],
                wechat_apis: vec!["/cgi-bin/".to_owned()],
                kv: true,
                users: true,
                orders: vec!["read".to_owned(), "create".to_owned(), "refund".to_owned()],
            },
            config_schema: Some("{}".to_owned()),
            sdk: "by hand".to_owned(),
            options: Vec::new(),
        }
    }
}

impl handlers::Guest for First {
    fn handle(handler: String, message: Message) -> Result<Option<Reply>, Error> {
        let Content::Text(text) = &message.content else { return Ok(None) };
        match handler.as_str() {
            "imports" => Ok(Some(Reply::Text(imports(&message.sender, &text.content)?))),
            "orders" => Ok(Some(Reply::Text(sell(&message.sender, &text.content)?))),
            "news" => Ok(Some(Reply::News(vec![Article {
                title: text.content.clone(),
                description: String::new(),
                pic_url: "https://example.com/1.png".to_owned(),
                url: "https://example.com/1".to_owned(),
            }]))),
            "transfer" => Ok(Some(Reply::TransferCustomerService(None))),
            "fails" => Err(Error::Invalid("on purpose".to_owned())),
            "panics" => panic!("the first guest panics"),
            _ => Ok(None),
        }
    }
}

impl rules::Guest for First {
    fn matches(_: String, message: Message) -> Result<bool, Error> {
        Ok(matches!(&message.content, Content::Text(text) if text.content.starts_with("mine")))
    }
}

impl hooks::Guest for First {
    fn order_updated(hook: String, event: hooks::OrderEvent) -> Result<(), Error> {
        let heard = format!("{hook} {} {:?} {}", event.order.out_trade_no, event.state, event.attempt);
        kv::set("order", heard.as_bytes(), None).map(drop)
    }
}

impl observers::Guest for First {
    fn observe(observer: String, observation: observers::Observation) -> Result<(), Error> {
        let (key, message) = match observation {
            observers::Observation::Received(message) => ("received", message),
            observers::Observation::Handled(handled) => ("handled", handled.message),
            observers::Observation::Failed(failed) => ("failed", failed.message),
        };
        kv::set(key, format!("{observer} {}", message.sender).as_bytes(), None).map(drop)
    }
}

impl pages::Guest for First {
    fn serve(page: String, request: pages::Request) -> Result<pages::Response, Error> {
        let body = format!("{page} {} {}", request.method, request.path).into_bytes();
        Ok(pages::Response { status: 200, headers: Vec::new(), body })
    }
}

/// Calls every import that there was, and says what came of it, one a line.
fn imports(openid: &str, url: &str) -> Result<String, Error> {
    let fields = context::fields().iter().filter(|field| field.path == "Content").count();
    let raw = String::from_utf8_lossy(&context::raw()).contains(url);
    let is_running = context::time_left_ms() > 0 && !context::delivery_id().is_empty();
    log::write(Level::Info, "the first guest is here", &[("openid".to_owned(), openid.to_owned())]);
    let lines = [
        format!("context: {} {fields} {raw} {is_running}", context::current_app().name),
        format!("config: {}", config::json()),
        format!("kv: {}", store()?),
        format!("http: {}", fetch(url)?),
        format!("wechat: {}", ask(openid)?),
        format!("messages: {}", send(openid)?),
        format!("users: {}", user(openid)?),
    ];
    Ok(lines.join("\n"))
}

fn store() -> Result<String, Error> {
    let first = kv::set("count", b"1", Some(3600))?;
    let next = kv::compare_and_set("count", Some(first), b"2", None)?;
    let stale = kv::compare_and_set("count", Some(first), b"3", None);
    let entry = kv::get("count")?.ok_or_else(|| Error::NotFound("count".to_owned()))?;
    let keys = kv::keys("cou", None, 10)?.len();
    let is_gone = kv::delete("count")? && kv::get("count")?.is_none();
    let is_refused = matches!(stale, Err(Error::Conflict(_)));
    Ok(format!("{} {} {is_refused} {keys} {is_gone}", String::from_utf8_lossy(&entry.value), entry.version == next))
}

fn fetch(url: &str) -> Result<String, Error> {
    let request = http::Request {
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: vec![("x-first".to_owned(), "yes".to_owned())],
        body: Vec::new(),
        timeout_ms: Some(5000),
    };
    http::send(&request).map(|response| response.status.to_string())
}

fn ask(openid: &str) -> Result<String, Error> {
    let request = |openid: &str| wechat::Request {
        method: "GET".to_owned(),
        path: "/cgi-bin/user/info".to_owned(),
        query: vec![("openid".to_owned(), openid.to_owned())],
        body: wechat::Body::Empty,
    };
    let answer = wechat::call(&request(openid))?;
    let refused = match wechat::call(&request("oNobody")) {
        Err(Error::Wechat(error)) => error.errcode,
        _ => 0,
    };
    Ok(format!("{} {refused}", String::from_utf8_lossy(&answer.body).contains(openid)))
}

fn send(openid: &str) -> Result<String, Error> {
    messages::send_customer_service(openid, &Reply::Text("from the first guest".to_owned()))?;
    let data = vec![Field { path: "thing1".to_owned(), value: "a pear".to_owned() }];
    let template = messages::TemplateMessage {
        openid: openid.to_owned(),
        template_id: "nowhere".to_owned(),
        url: None,
        mini_program: None,
        data: data.clone(),
        client_msg_id: None,
    };
    let subscribe = messages::SubscribeMessage {
        openid: openid.to_owned(),
        template_id: "nowhere".to_owned(),
        page: None,
        mini_program: None,
        data,
    };
    let is_refused = |refused: bool| if refused { "refused" } else { "sent" };
    let template = is_refused(matches!(messages::send_template(&template), Err(Error::Wechat(_))));
    let subscribe = is_refused(matches!(messages::send_subscribe(&subscribe), Err(Error::Wechat(_))));
    Ok(format!("sent {template} {subscribe}"))
}

fn user(openid: &str) -> Result<String, Error> {
    let fetched = users::fetch(openid)?;
    users::set_remark(openid, "the first")?;
    users::add_tag(openid, "first")?;
    users::remove_tag(openid, "first")?;
    let found = users::find(openid)?.ok_or_else(|| Error::NotFound(openid.to_owned()))?;
    Ok(format!("{} {}", fetched.subscribed, found.remark))
}

/// Sells a pear under this number, to nobody who pays for it.
fn sell(openid: &str, number: &str) -> Result<String, Error> {
    let is_unknown = orders::find(None, number)?.is_none();
    let created = orders::create(&orders::NewOrder {
        merchant: None,
        out_trade_no: number.to_owned(),
        body: "a pear".to_owned(),
        total_fee: 101,
        trade_type: TradeType::Native,
        openid: Some(openid.to_owned()),
        attach: Some("a=1".to_owned()),
        expires_at: None,
    })?;
    let prepaid = orders::prepay(None, number)?;
    let code = prepaid.iter().find(|field| field.path == "code_url").map(|field| field.value.starts_with("weixin://"));
    let asked = orders::query(Some("default"), number)?;
    let refund = orders::create_refund(&orders::NewRefund {
        merchant: None,
        out_trade_no: number.to_owned(),
        out_refund_no: "R1".to_owned(),
        refund_fee: 1,
        reason: None,
    });
    let is_refused = matches!(refund, Err(Error::Invalid(_) | Error::Conflict(_)));
    let attach = asked.attach.unwrap_or_default();
    Ok(format!("{is_unknown} {:?} {code:?} {:?} {attach} {is_refused}", created.state, asked.state))
}
