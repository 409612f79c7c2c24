//! What must not be seen: texts that never print, and the key that seals them at rest.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use hmac::{Hmac, Mac};
use serde::Deserialize;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A text that must not be seen: it is wiped from memory when dropped, prints as `***`, can be read from
/// a configuration or a request but not written back, and compares in constant time.
#[derive(Clone, Eq, Zeroize, ZeroizeOnDrop, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// First byte of everything sealed: AES-256-GCM, 12 bytes of nonce, ciphertext with tag.
const SEAL_VERSION: u8 = 1;
const NONCE_LENGTH: usize = 12;

/// The 32 bytes that protect everything secret in the database, and from which other keys derive.
#[derive(Clone, ZeroizeOnDrop)]
pub struct SecretKey {
    root: [u8; 32],
    /// Sealing has a key of its own, so that no other use of the root touches it.
    sealing: [u8; 32],
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(***)")
    }
}

/// Why there is no secret key.
#[derive(Debug, thiserror::Error)]
pub enum SecretKeyError {
    /// The text is no key.
    #[error(
        "a secret key is 64 hexadecimal digits; `openssl rand -hex 32` prints a new one · 加密密钥是 64 位十六进制数，可用 `openssl rand -hex 32` 生成"
    )]
    Malformed,
    /// The file holds something else.
    #[error(
        "{path} does not hold a secret key (64 hexadecimal digits); restore it from a backup, or delete it when nothing was stored yet · {path} 中不是加密密钥（64 位十六进制数）：请从备份恢复；还没有存过数据的话，可以删除它"
    )]
    MalformedFile {
        /// The key file.
        path: PathBuf,
    },
    /// Other people of this machine can read the file.
    #[error(
        "{path} may be read by others (mode {mode:03o}); run `chmod 600 {path}` · 其他用户也能读取 {path}：请执行 `chmod 600 {path}`"
    )]
    TooOpen {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file cannot be read or written.
    #[error(
        "cannot read or create the secret key file {path}: the user that runs weft has to own the folder (data_dir) · 无法读取或创建加密密钥文件 {path}：这个目录（data_dir）应属于运行 weft 的用户"
    )]
    File {
        /// The key file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Why something sealed stays closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The bytes do not have the shape of something sealed.
    #[error(
        "these bytes were not sealed by weft, or by a newer version of it · 不是 weft 加密的数据，或由更新的版本加密"
    )]
    Malformed,
    /// Another key, another purpose, or changed bytes.
    #[error("sealed with another secret key, or damaged · 由另一个密钥加密，或已损坏")]
    Refused,
}

impl SecretKey {
    /// Reads the key from `path`, or creates it there (mode 0600) when there is no such file. When several
    /// processes do so at once all get the same key. Blocks on the file system: call it while starting.
    pub fn load_or_create(path: &Path) -> Result<Self, SecretKeyError> {
        let failed = |source| SecretKeyError::File { path: path.to_owned(), source };
        match read_key_file(path) {
            Err(SecretKeyError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                write_key_file(path, &Self::generate()).map_err(failed)?;
                read_key_file(path)
            }
            read => read,
        }
    }

    /// The key from its 64 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, SecretKeyError> {
        let mut root = [0; 32];
        hex::decode_to_slice(text.trim(), &mut root).map_err(|_| SecretKeyError::Malformed)?;
        Ok(Self::from_root(root))
    }

    /// A new random key.
    pub fn generate() -> Self {
        Self::from_root(rand::random())
    }

    /// Encrypts `plaintext`. `purpose` says what it is and whose (`apps.appsecret/shop`): sealed bytes that
    /// were moved elsewhere do not open.
    #[expect(clippy::expect_used, reason = "AES-GCM refuses only messages of more than 64 GiB")]
    pub fn seal(&self, purpose: &str, plaintext: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_LENGTH] = rand::random();
        let payload = Payload { msg: plaintext, aad: purpose.as_bytes() };
        let ciphertext = self.cipher().encrypt(&Nonce::from(nonce), payload).expect("a message of ordinary size");
        [&[SEAL_VERSION], nonce.as_slice(), &ciphertext].concat()
    }

    /// Decrypts what [`seal`](Self::seal) made for the same purpose.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (version, rest) = sealed.split_first().ok_or(SealError::Malformed)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LENGTH>().ok_or(SealError::Malformed)?;
        if *version != SEAL_VERSION {
            return Err(SealError::Malformed);
        }
        let payload = Payload { msg: ciphertext, aad: purpose.as_bytes() };
        self.cipher().decrypt(&Nonce::from(*nonce), payload).map_err(|_| SealError::Refused)
    }

    /// A key for another purpose (HMAC-SHA256 of its name): knowing it tells nothing about the others.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        hmac(&self.root, purpose)
    }

    fn from_root(root: [u8; 32]) -> Self {
        Self { root, sealing: hmac(&root, "weft sealing key") }
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new(&self.sealing.into())
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
fn hmac(key: &[u8; 32], purpose: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    mac.update(purpose.as_bytes());
    mac.finalize().into_bytes().into()
}

fn read_key_file(path: &Path) -> Result<SecretKey, SecretKeyError> {
    let failed = |source| SecretKeyError::File { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    refuse_loose_mode(path, &file.metadata().map_err(failed)?)?;
    let mut text = Zeroizing::new(String::new());
    // A key has 64 digits; whatever is much longer is another file.
    file.take(1024).read_to_string(&mut text).map_err(failed)?;
    SecretKey::parse(&text).map_err(|_| SecretKeyError::MalformedFile { path: path.to_owned() })
}

#[cfg(unix)]
fn refuse_loose_mode(path: &Path, metadata: &fs::Metadata) -> Result<(), SecretKeyError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SecretKeyError::TooOpen { path: path.to_owned(), mode });
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_loose_mode(_: &Path, _: &fs::Metadata) -> Result<(), SecretKeyError> {
    Ok(())
}

/// Writes the key beside its place and links it there: nobody ever sees half a key, and the first one wins.
fn write_key_file(path: &Path, key: &SecretKey) -> io::Result<()> {
    create_private_parent(path)?;
    let beside = path.with_extension(format!("new-{}", hex::encode(rand::random::<[u8; 8]>())));
    let written = (|| {
        let mut file = create_private_file(&beside)?;
        let digits = Zeroizing::new(hex::encode(key.root));
        file.write_all(digits.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        match fs::hard_link(&beside, path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
            _ => Ok(()),
        }
    })();
    let removed = fs::remove_file(&beside);
    written.and(removed)
}

/// Creates the folders above `path`; new ones are for this user alone.
pub(crate) fn create_private_parent(path: &Path) -> io::Result<()> {
    let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else { return Ok(()) };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(parent)
}

/// Creates a file that only this user can read; fails when it exists.
pub(crate) fn create_private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
