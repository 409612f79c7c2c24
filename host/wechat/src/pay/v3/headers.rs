//! The headers that prove what WeChat sends.

use super::SignatureError;

/// The longest value of a header that is looked at, in bytes. Signatures of 4096 bits have 684.
const MAX_VALUE: usize = 1024;

/// `Wechatpay-Timestamp`, `-Nonce`, `-Signature` and `-Serial`, each there once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureHeaders {
    /// Seconds since 1970.
    pub timestamp: u64,
    /// Signed with the body.
    pub nonce: String,
    /// Base64, or a probe that is none.
    pub signature: String,
    /// Which of WeChat's keys signed: `PUB_KEY_ID_…`, or a certificate's serial number.
    pub serial: String,
}

impl SignatureHeaders {
    /// Picks them out of all headers. Names count in whatever case.
    ///
    /// # Errors
    /// When one is missing, there twice, or not what it should be.
    pub fn read<'a>(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self, SignatureError> {
        let names = ["timestamp", "nonce", "signature", "serial", "signature-type"];
        let mut found: [Option<&str>; 5] = [None; 5];
        for (name, value) in headers {
            let Some((prefix, rest)) = name.split_at_checked("wechatpay-".len()) else { continue };
            if !prefix.eq_ignore_ascii_case("wechatpay-") {
                continue;
            }
            let Some(index) = names.iter().position(|name| rest.eq_ignore_ascii_case(name)) else { continue };
            let text = str::from_utf8(value).ok().filter(|text| text.len() <= MAX_VALUE && is_plain(text));
            let text = text.ok_or(SignatureError::Headers)?;
            if found[index].replace(text).is_some() {
                return Err(SignatureError::Headers);
            }
        }
        let [timestamp, nonce, signature, serial, kind] = found;
        if kind.is_some_and(|kind| kind != "WECHATPAY2-SHA256-RSA2048") {
            return Err(SignatureError::Headers);
        }
        let timestamp = full(timestamp)?;
        if !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SignatureError::Headers);
        }
        Ok(Self {
            timestamp: timestamp.parse().map_err(|_| SignatureError::Headers)?,
            nonce: full(nonce)?.to_owned(),
            signature: full(signature)?.to_owned(),
            serial: full(serial)?.to_owned(),
        })
    }
}

fn full(text: Option<&str>) -> Result<&str, SignatureError> {
    text.filter(|text| !text.is_empty()).ok_or(SignatureError::Headers)
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}
