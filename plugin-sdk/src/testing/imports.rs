//! The functions of the host, as a plugin meets them outside WebAssembly: the same names and types
//! as the generated ones.

pub(crate) use super::{kv, orders, users};

use super::state::{unanswered, with};

pub(crate) mod context {
    use super::with;
    use crate::context::{App, Field};

    pub(crate) fn current_app() -> App {
        with(|state| state.app.clone())
    }

    pub(crate) fn delivery_id() -> String {
        with(|state| state.delivery_id.clone())
    }

    pub(crate) fn time_left_ms() -> u64 {
        with(|state| u64::try_from(state.time_left.as_millis()).unwrap_or(u64::MAX))
    }

    pub(crate) fn fields() -> Vec<Field> {
        with(|state| state.fields.clone())
    }

    pub(crate) fn raw() -> Vec<u8> {
        with(|state| state.raw.clone())
    }
}

pub(crate) mod config {
    use super::with;

    pub(crate) fn json() -> String {
        with(|state| state.config.clone())
    }
}

pub(crate) mod log {
    use super::with;
    use crate::{bindings::imported::log::Level as Written, testing::LogLine};
    use log::Level;

    pub(crate) fn write(level: Written, message: &str, fields: &[(String, String)]) {
        let level = match level {
            Written::Debug => Level::Debug,
            Written::Info => Level::Info,
            Written::Warn => Level::Warn,
            Written::Error => Level::Error,
        };
        let line = LogLine { level, message: message.to_owned(), fields: fields.to_vec() };
        with(|state| state.logs.push(line));
    }
}

pub(crate) mod http {
    use super::{unanswered, with};
    use crate::{
        error::Error,
        http::{Request, Response},
    };

    pub(crate) fn send(request: &Request) -> Result<Response, Error> {
        with(|state| {
            state.http_requests.push(request.clone());
            state.require_http_host(&request.url)
        })?;
        // Taken out while it runs: it may log or read keys.
        let mut script = with(|state| state.http.take()).ok_or_else(|| unanswered(&request.url, "on_http"))?;
        let answer = script(request);
        with(|state| _ = state.http.get_or_insert(script));
        answer
    }
}

pub(crate) mod wechat {
    use serde_json::Value;

    use super::{unanswered, with};
    use crate::{
        error::{Error, WechatError},
        wechat::{Body, Request, Response},
    };

    pub(crate) fn call(request: &Request) -> Result<Response, Error> {
        match (request.method.as_str(), &request.body) {
            ("GET", Body::Empty) | ("POST", _) => {}
            ("GET", _) => return Err(Error::Invalid("a GET request has no body".to_owned())),
            _ => return Err(Error::Invalid("the method is GET or POST".to_owned())),
        }
        with(|state| {
            state.wechat_requests.push(request.clone());
            state.require_wechat_api(&request.path)
        })?;
        let mut script = with(|state| state.wechat.take()).ok_or_else(|| unanswered(&request.path, "on_wechat"))?;
        let answer = script(request);
        with(|state| _ = state.wechat.get_or_insert(script));
        let answer = answer?;
        // A picture has none.
        let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match json["errcode"].as_i64() {
            None | Some(0) => Ok(answer),
            Some(errcode) => {
                let errmsg = json["errmsg"].as_str().unwrap_or_default().to_owned();
                Err(WechatError { errcode, errmsg }.into())
            }
        }
    }
}

pub(crate) mod pay {
    use serde_json::Value;

    use super::{unanswered, with};
    use crate::{
        error::{Error, WechatError},
        pay::{V2Request, V3Request},
        testing::PayCall,
    };

    fn call(call: &PayCall) -> Result<Value, Error> {
        with(|state| {
            state.pay_calls.push(call.clone());
            state.require_pay_api(&call.path)?;
            state.orders.merchant(call.merchant.as_deref()).map(drop)
        })?;
        let mut script = with(|state| state.pay.take()).ok_or_else(|| unanswered(&call.path, "on_pay"))?;
        let answer = script(call);
        with(|state| _ = state.pay.get_or_insert(script));
        answer
    }

    pub(crate) fn call_v3(request: &V3Request) -> Result<String, Error> {
        let V3Request { merchant, method, path, query, body } = request.clone();
        let body = body.as_deref().map_or(Ok(Value::Null), serde_json::from_str)?;
        let answer = call(&PayCall { merchant, method, path, query, body })?;
        Ok(if answer.is_null() { String::new() } else { answer.to_string() })
    }

    pub(crate) fn call_v2(request: &V2Request) -> Result<String, Error> {
        let V2Request { merchant, path, fields } = request.clone();
        let body = fields.into_iter().map(|(name, value)| (name, Value::from(value))).collect();
        let (method, query) = ("POST".to_owned(), Vec::new());
        let answer = call(&PayCall { merchant, method, path, query, body: Value::Object(body) })?;
        let text = |name: &str| answer[name].as_str().unwrap_or_default();
        match (text("return_code"), text("result_code")) {
            ("SUCCESS" | "", "FAIL") => Err(refused(text("err_code"), text("err_code_des"))),
            // A script may leave out what every answer has.
            ("SUCCESS" | "", _) => Ok(answer.to_string()),
            (code, _) => Err(refused(code, text("return_msg"))),
        }
    }

    fn refused(code: &str, message: &str) -> Error {
        WechatError { errcode: 0, errmsg: format!("{code}: {message}") }.into()
    }
}

pub(crate) mod messages {
    use super::with;
    use crate::{
        context::AppType,
        error::Error,
        messages::{SubscribeMessage, TemplateMessage},
        reply::Reply,
        testing::{Part, Sent, abilities::Ability, replies},
    };

    /// How long the key is by which WeChat knows a template message that comes twice, in bytes.
    const LONGEST_KEY: usize = 32;

    /// Returns how many were sent by now.
    fn send(message: Sent) -> Result<u64, Error> {
        with(|state| {
            state.require_wechat_api(path(&message, state.app.kind))?;
            check(&message)?;
            needed(&message).require(state.app.kind)?;
            state.meets(Part::Messages)?;
            state.sent.push(message);
            Ok(state.sent.len() as u64)
        })
    }

    /// By which it goes out, and is granted.
    fn path(message: &Sent, app: AppType) -> &'static str {
        match (message, app) {
            (Sent::CustomerService { .. }, _) => "/cgi-bin/message/custom/send",
            (Sent::Template(_), _) => "/cgi-bin/message/template/send",
            (Sent::Subscribe(_), AppType::Miniprogram) => "/cgi-bin/message/subscribe/send",
            (Sent::Subscribe(_), _) => "/cgi-bin/message/subscribe/bizsend",
        }
    }

    /// What the account has to have for it.
    fn needed(message: &Sent) -> Ability {
        match message {
            Sent::CustomerService { .. } => Ability::CustomerService,
            Sent::Template(_) | Sent::Subscribe(_) => Ability::Templates,
        }
    }

    fn check(message: &Sent) -> Result<(), Error> {
        match message {
            Sent::CustomerService { openid, content } => {
                replies::check_openid(openid)?;
                replies::check_message(content)
            }
            Sent::Template(message) => {
                replies::check_openid(&message.openid)?;
                if message.client_msg_id.as_ref().is_some_and(|key| key.len() > LONGEST_KEY) {
                    return Err(Error::Invalid(format!("a client-msg-id has at most {LONGEST_KEY} bytes")));
                }
                Ok(())
            }
            Sent::Subscribe(message) => replies::check_openid(&message.openid),
        }
    }

    pub(crate) fn send_customer_service(openid: &str, content: &Reply) -> Result<(), Error> {
        send(Sent::CustomerService { openid: openid.to_owned(), content: content.clone() }).map(drop)
    }

    pub(crate) fn send_template(message: &TemplateMessage) -> Result<u64, Error> {
        send(Sent::Template(message.clone()))
    }

    pub(crate) fn send_subscribe(message: &SubscribeMessage) -> Result<(), Error> {
        send(Sent::Subscribe(message.clone())).map(drop)
    }
}
