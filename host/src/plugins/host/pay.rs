//! `pay`: calls of WeChat Pay by the paths that the operator grants.

use std::collections::BTreeSet;

use serde_json::Value;
use weft_wechat::pay::{
    PayPath, PayPathError,
    v2::{self, Fields},
    v3::{self, AnyCall},
};

use super::{
    Grant, HostError,
    api_request::{check_length, get_or_post, parse_path},
    orders::{gateway_error, refused, shop},
};
use crate::{
    json_object::parts,
    plugins::{
        bindings::imported::{
            pay::{self, V2Request, V3Request},
            types::Error,
        },
        instance::State,
        limits::kib,
    },
};

impl pay::Host for State {
    async fn call_v3(&mut self, request: V3Request) -> Result<String, HostError> {
        let path = self.granted_pay_path(&request.path)?;
        if !path.is_v3() {
            return Err(Error::Invalid("a path of v3 begins with /v3/".to_owned()).into());
        }
        let (method, body) = v3_body(&request, kib(self.limits.request_kib))?;
        let call = AnyCall { method, path, query: request.query, body };
        let outbound = self.wechat_call()?;
        let (pay, asker) = (self.services.pay.with_turns(self.in_turn()?), self.asker()?);
        let to = format!("WeChat Pay: {}", call.path);
        let asking = async move {
            let shop = shop(&pay, &asker, request.merchant.as_deref()).await?;
            let answer = pay.call_v3(&shop, call).await.map_err(|failure| gateway_error(&failure))?;
            if answer.status >= 400 {
                let refusal = answer.refusal();
                return Err(refused(&refusal.code, &refusal.message));
            }
            String::from_utf8(answer.body.into()).map_err(|_| Error::Other("the answer is no text".to_owned()))
        };
        outbound.run(&to, asking).await
    }

    async fn call_v2(&mut self, request: V2Request) -> Result<String, HostError> {
        let path = self.granted_pay_path(&request.path)?;
        if path.is_v3() {
            return Err(Error::Invalid("a path of v3 is called with call-v3".to_owned()).into());
        }
        let fields = v2_fields(request.fields, kib(self.limits.request_kib))?;
        let call = v2::AnyCall::new(path, fields).map_err(|field| Error::Invalid(field.to_string()))?;
        let outbound = self.wechat_call()?;
        let (pay, asker) = (self.services.pay.with_turns(self.in_turn()?), self.asker()?);
        let to = format!("WeChat Pay: {}", call.path());
        let asking = async move {
            let shop = shop(&pay, &asker, request.merchant.as_deref()).await?;
            let answer = pay.call_v2(&shop, &call).await.map_err(|failure| gateway_error(&failure))?;
            let text = |name: &str| answer[name].as_str().unwrap_or_default();
            match (text("return_code"), text("result_code")) {
                ("SUCCESS", "FAIL") => Err(refused(text("err_code"), text("err_code_des"))),
                ("SUCCESS", _) => Ok(answer.to_string()),
                (code, _) => Err(refused(code, text("return_msg"))),
            }
        };
        outbound.run(&to, asking).await
    }
}

impl State {
    /// Reads a path of WeChat Pay that plugins may call at all and that is granted.
    fn granted_pay_path(&mut self, path: &str) -> Result<PayPath, HostError> {
        let path = parse_path::<PayPath>(path, &PayPathError::Malformed)?;
        self.require(Grant::PayApi(path.as_str()))?;
        Ok(path)
    }
}

/// The most values that a body of v3 may have: it is in memory until WeChat Pay has answered, and each takes some two
/// hundred bytes.
const BODY_PARTS: usize = 20_000;

/// Method and body of a request of v3, whose body may have `most` bytes.
fn v3_body(request: &V3Request, most: usize) -> Result<(v3::Method, Value), Error> {
    let body = request.body.as_deref().filter(|body| !body.is_empty());
    check_length(body.map_or(0, str::len), most)?;
    if body.is_some_and(|body| parts(body.as_bytes()) > BODY_PARTS) {
        return Err(Error::Limited(format!("the body of a call has at most {BODY_PARTS} values")));
    }
    let method = get_or_post(&request.method, body.is_some(), v3::Method::Get, v3::Method::Post)?;
    let json =
        |body| serde_json::from_str(body).map_err(|error| Error::Invalid(format!("the body is no JSON: {error}")));
    Ok((method, body.map_or(Ok(Value::Null), json)?))
}

/// The fields of a request of v2, whose names and values may have `most` bytes together. A field that is there twice
/// could be signed as one and read as the other.
fn v2_fields(fields: Vec<(String, String)>, most: usize) -> Result<Fields, Error> {
    check_length(fields.iter().map(|(name, value)| name.len() + value.len()).sum(), most)?;
    let mut seen = BTreeSet::new();
    if let Some((name, _)) = fields.iter().find(|(name, _)| !seen.insert(name)) {
        return Err(Error::Invalid(format!("the field `{name}` is there twice")));
    }
    Ok(fields.into_iter().collect())
}
