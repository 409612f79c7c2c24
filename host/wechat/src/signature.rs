//! WeChat's signature: SHA-1 over the sorted strings, joined without a separator.

use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;

/// Signs `parts`: the lower-case hexadecimal SHA-1 of the strings, sorted byte by byte and joined.
///
/// The parts of a webhook URL are the token, the timestamp and the nonce; those of an envelope are
/// these three and the text of `Encrypt`.
pub fn sign(parts: &[&str]) -> String {
    hex::encode(digest(parts))
}

fn digest(parts: &[&str]) -> [u8; 20] {
    let mut sorted = parts.to_vec();
    sorted.sort_unstable();
    let mut hash = Sha1::new();
    for part in sorted {
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// Whether `signature` signs `parts`. The comparison takes the same time wherever the two differ.
pub fn verify(parts: &[&str], signature: &str) -> bool {
    let mut text = [0; 40];
    // 20 bytes always fit into 40 digits, so this never fails.
    hex::encode_to_slice(digest(parts), &mut text).is_ok() && text.ct_eq(signature.as_bytes()).into()
}
