//! Members of a body that only WeChat may read, such as names: marked by whoever writes the body, and sealed before it
//! is sent.

use rsa::rand_core::CryptoRng;
use serde_json::Value;

use super::{PublicKey, SensitiveError};

/// Marks a text: `{"user_name": {"$encrypt": "张三"}}`. WeChat has no member of that name.
pub const MARK: &str = "$encrypt";

/// The text that is marked, when that is all there is.
fn marked(value: &Value) -> Option<&str> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    object.get(MARK)?.as_str()
}

/// Puts something in the place of every marked text.
///
/// # Errors
/// Those of `replace`.
fn replace_marked<E>(body: &mut Value, replace: &mut impl FnMut(&str) -> Result<Value, E>) -> Result<(), E> {
    if let Some(text) = marked(body) {
        *body = replace(text)?;
        return Ok(());
    }
    match body {
        Value::Object(members) => members.values_mut().try_for_each(|member| replace_marked(member, replace)),
        Value::Array(items) => items.iter_mut().try_for_each(|item| replace_marked(item, replace)),
        _ => Ok(()),
    }
}

/// Seals what is marked. The header `Wechatpay-Serial` has to name the same key.
///
/// # Errors
/// When a text is too long for the key.
pub fn seal_marked(body: &mut Value, key: &PublicKey, random: &mut impl CryptoRng) -> Result<(), SensitiveError> {
    replace_marked(body, &mut |text| key.seal_sensitive(random, text).map(Value::String))
}

/// The body without what is marked, for those who write down what was asked.
#[must_use]
pub fn without_marked(body: &Value) -> Value {
    let mut hidden = body.clone();
    let nothing: Result<(), std::convert::Infallible> = replace_marked(&mut hidden, &mut |_| Ok(Value::from("***")));
    nothing.unwrap_or_else(|never| match never {});
    hidden
}
