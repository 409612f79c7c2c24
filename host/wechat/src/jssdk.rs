//! Signatures of the JS-SDK: what a page shows WeChat's app, so that it may call it.

use sha1::{Digest, Sha1};

use crate::signature;

/// The `signature` of `wx.config`. `url` is the page's address with its query; what follows `#` does not count.
/// `timestamp` is in seconds since 1970.
///
/// Sign only for pages whose host the account trusts: whoever has a signature may use the account's JS permissions.
pub fn sign_page(jsapi_ticket: &str, nonce: &str, timestamp: u64, url: &str) -> String {
    let url = url.split('#').next().unwrap_or_default();
    let text = format!("jsapi_ticket={jsapi_ticket}&noncestr={nonce}&timestamp={timestamp}&url={url}");
    hex::encode(Sha1::digest(text.as_bytes()))
}

/// A card that is offered to a user, for `cardExt` of `wx.addCard`. Texts that do not apply are empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CardExt<'a> {
    /// Which card.
    pub card_id: &'a str,
    /// The card's code, where the account makes them.
    pub code: &'a str,
    /// Who alone may take it.
    pub openid: &'a str,
}

impl CardExt<'_> {
    /// The `signature` of the card. `timestamp` is in seconds since 1970.
    pub fn sign(&self, card_ticket: &str, nonce: &str, timestamp: u64) -> String {
        let timestamp = timestamp.to_string();
        signature::sign(&[card_ticket, &timestamp, nonce, self.card_id, self.code, self.openid])
    }
}
