//! The AES envelope around a message in safe and compatible mode.
//!
//! AES-256-CBC with the key's first 16 bytes as IV. Inside: 16 random bytes, the length of the text
//! as four big-endian bytes, the text, the appid, and PKCS#7 padding to 32 bytes (twice AES's own block).
//!
//! The envelope has no authentication of its own: verify `msg_signature` before [`open`].

use std::fmt;
use std::str::FromStr;

use aes::Aes256;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{Block, BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use subtle::{Choice, ConstantTimeEq, ConstantTimeLess};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// What padding fills up to, in bytes.
const PADDED_TO: usize = 32;

/// Random bytes and the length field, which stand before the text.
const HEADER: usize = 16 + 4;

/// 43 characters carry 258 bits: the last two are left over and usually not zero.
const KEY_ALPHABET: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// The key of an account's envelopes, written as 43 characters. Wiped from memory on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct EncodingAesKey {
    key: [u8; 32],
    iv: [u8; 16],
}

impl fmt::Debug for EncodingAesKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EncodingAesKey(…)")
    }
}

/// The text is not an `EncodingAESKey`. It is not repeated here: it may be one with a typing error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an EncodingAESKey is 43 letters and digits: copy it again from the account's settings · 消息加解密密钥为 43 位字母或数字，请从微信后台重新复制"
)]
pub struct InvalidEncodingAesKey;

impl FromStr for EncodingAesKey {
    type Err = InvalidEncodingAesKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 43 {
            return Err(InvalidEncodingAesKey);
        }
        let mut decoded = Zeroizing::new([0; 33]);
        let written = KEY_ALPHABET.decode_slice(text, decoded.as_mut_slice()).map_err(|_| InvalidEncodingAesKey)?;
        let mut key = Self { key: [0; 32], iv: [0; 16] };
        if written != key.key.len() {
            return Err(InvalidEncodingAesKey);
        }
        key.key.copy_from_slice(&decoded[..32]);
        key.iv.copy_from_slice(&decoded[..16]);
        Ok(key)
    }
}

/// The envelope cannot be opened with this key and appid. There is one error for every reason, so
/// that nobody can learn about the key from the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message cannot be decrypted with this key and appid")]
pub struct EnvelopeError;

/// Opens the text of an `Encrypt` element: the message that it holds for `appid`.
///
/// Call it after the `msg_signature` was verified.
pub fn open(key: &EncodingAesKey, appid: &str, encrypted: &str) -> Result<String, EnvelopeError> {
    let plain = decrypt(key, encrypted).ok_or(EnvelopeError)?;
    let (text, receiver, good) = unpack(&plain).ok_or(EnvelopeError)?;
    if !bool::from(good & receiver.ct_eq(appid.as_bytes())) {
        return Err(EnvelopeError);
    }
    let text = str::from_utf8(text).map_err(|_| EnvelopeError)?;
    Ok(text.to_owned())
}

/// The appid that an envelope is for, where the key opens it. It tells apart what [`open`] does not: for the operator's
/// log, after the answer.
pub(crate) fn receiver(key: &EncodingAesKey, encrypted: &str) -> Option<String> {
    let plain = decrypt(key, encrypted)?;
    let (text, receiver, good) = unpack(&plain)?;
    let is_open = bool::from(good) && str::from_utf8(text).is_ok();
    str::from_utf8(receiver).ok().filter(|_| is_open).map(str::to_owned)
}

fn decrypt(key: &EncodingAesKey, encrypted: &str) -> Option<Vec<u8>> {
    let mut bytes = STANDARD.decode(encrypted).ok()?;
    let cipher = cbc::Decryptor::<Aes256>::new(&key.key.into(), &key.iv.into());
    let length = cipher.decrypt_padded::<NoPadding>(&mut bytes).ok()?.len();
    bytes.truncate(length);
    Some(bytes)
}

/// The text in the plain bytes, the appid behind it, and whether the padding is right. A wrong padding
/// does not cut the work short: what follows is read as if it were right.
fn unpack(plain: &[u8]) -> Option<(&[u8], &[u8], Choice)> {
    let padding = *plain.last()?;
    let mut good = !padding.ct_eq(&0) & padding.ct_lt(&33);
    for (distance, byte) in (0_u8..).zip(plain.iter().rev().take(PADDED_TO)) {
        good &= !distance.ct_lt(&padding) | byte.ct_eq(&padding);
    }

    let content = plain.get(..plain.len().checked_sub(padding.into())?)?;
    let (header, rest) = content.split_first_chunk::<HEADER>()?;
    let (_, length) = header.split_last_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (text, receiver) = rest.split_at_checked(length)?;
    Some((text, receiver, good))
}

/// Seals `text` for `appid`: the base64 text of an `Encrypt` element.
///
/// `random` must be fresh from a cryptographic generator for every call. Texts are far below 4 GiB.
pub fn seal(key: &EncodingAesKey, appid: &str, random: [u8; 16], text: &str) -> String {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(HEADER + text.len() + appid.len() + PADDED_TO);
    bytes.extend_from_slice(&random);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.extend_from_slice(appid.as_bytes());
    let padding = PADDED_TO - bytes.len() % PADDED_TO;
    bytes.resize(bytes.len() + padding, u8::try_from(padding).unwrap_or_default());

    let (blocks, _) = Block::<Aes256>::slice_as_chunks_mut(&mut bytes);
    cbc::Encryptor::<Aes256>::new(&key.key.into(), &key.iv.into()).encrypt_blocks(blocks);
    STANDARD.encode(bytes)
}
