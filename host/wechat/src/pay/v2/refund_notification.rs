//! What WeChat posts when a refund came to an end. It is encrypted and not signed.
//!
//! AES-256-ECB has no proof of who wrote it, and blocks can be moved about. What it says is a hint: ask with
//! [`RefundQuery`](super::refundquery::RefundQuery) before anything changes.

use aes::Aes256;
use aes::cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use zeroize::Zeroizing;

use super::{ApiKey, CallError, Fields, Merchant, NotificationError};

/// AES's block, which the padding fills up.
const BLOCK: usize = 16;

/// A refund, as told by anybody who has seen messages made with the merchant's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundNotification {
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// The merchant's number of the refund.
    pub out_refund_no: String,
}

impl Merchant {
    /// Opens and reads what was posted. It proves nothing.
    ///
    /// # Errors
    /// When it is not made with this merchant's key, or about another merchant.
    pub fn open_refund(&self, body: &[u8]) -> Result<RefundNotification, NotificationError> {
        let fields = Fields::read(body)?;
        self.read_refund(&fields).map_err(NotificationError::Unbelieved)
    }

    fn read_refund(&self, fields: &Fields) -> Result<RefundNotification, CallError> {
        if fields.get("return_code") != Some("SUCCESS") {
            return Err(CallError::Missing("return_code"));
        }
        self.check_party(fields)?;
        let sealed = fields.get("req_info").ok_or(CallError::Missing("req_info"))?;
        let opened = open_refund(&self.key, sealed).ok_or(CallError::Signature)?;
        let inner = Fields::read_below("root", opened.as_bytes())?;
        let text = |name| inner.text(name).ok_or(CallError::Missing(name));
        Ok(RefundNotification { out_trade_no: text("out_trade_no")?, out_refund_no: text("out_refund_no")? })
    }
}

/// Opens `req_info`; none when it was not made with that key.
pub fn open_refund(key: &ApiKey, sealed: &str) -> Option<String> {
    let mut bytes = STANDARD.decode(sealed.trim()).ok()?;
    let (blocks, rest) = Block::<Aes256>::slice_as_chunks_mut(&mut bytes);
    if !rest.is_empty() {
        return None;
    }
    cipher(key).decrypt_blocks(blocks);
    let padding = usize::from(*bytes.last()?);
    let text = bytes.len().checked_sub(padding).filter(|_| (1..=BLOCK).contains(&padding))?;
    let is_padding = bytes.get(text..)?.iter().all(|byte| usize::from(*byte) == padding);
    bytes.truncate(text);
    String::from_utf8(bytes).ok().filter(|_| is_padding)
}

/// Makes `req_info`.
pub fn seal_refund(key: &ApiKey, text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let padding = BLOCK - bytes.len() % BLOCK;
    bytes.resize(bytes.len() + padding, u8::try_from(padding).unwrap_or_default());
    let (blocks, _) = Block::<Aes256>::slice_as_chunks_mut(&mut bytes);
    cipher(key).encrypt_blocks(blocks);
    STANDARD.encode(bytes)
}

/// The key is the lower-case hexadecimal MD5 of the API key.
fn cipher(key: &ApiKey) -> Aes256 {
    let mut derived = Zeroizing::new([0_u8; 32]);
    let digest = Md5::digest(key.as_str().as_bytes());
    for (pair, byte) in derived.chunks_mut(2).zip(digest) {
        pair.copy_from_slice(format!("{byte:02x}").as_bytes());
    }
    Aes256::new(&(*derived).into())
}
