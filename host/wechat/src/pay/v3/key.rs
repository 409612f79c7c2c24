//! RSA keys and certificates.
//!
//! ring signs and verifies: its private-key operations take the same time for every message. It has no OAEP, which the
//! few sensitive fields need; that is the rsa crate's.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use rsa::pkcs1::{DecodeRsaPrivateKey, DecodeRsaPublicKey};
use rsa::pkcs8::DecodePrivateKey;
use rsa::rand_core::CryptoRng;
use sha1::Sha1;
use x509_cert::der::{Decode, pem};
use x509_cert::spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};
use zeroize::Zeroizing;

/// The longest PEM text that is read, in bytes. Keys of 4096 bits have 3300.
const MAX_PEM: usize = 16 << 10;

/// rsaEncryption, RFC 8017.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// The text is no key or certificate that can be used. Never holds the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// It is no PEM.
    #[error("paste the whole PEM file, from -----BEGIN to -----END")]
    Pem,
    /// It is PEM of something else.
    #[error("the PEM file holds something else: a {0} is needed")]
    Label(&'static str),
    /// It is protected by a password, broken, or no RSA key of 2048 to 4096 bits.
    #[error("it is no RSA key of 2048 to 4096 bits without a password")]
    Rsa,
    /// The certificate cannot be read.
    #[error("the certificate cannot be read")]
    Certificate,
}

/// Why a sensitive field cannot be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sensitive field cannot be sealed or opened with this key")]
pub struct SensitiveError;

/// A merchant's private key (`apiclient_key.pem`). A secret: `Debug` hides it.
pub struct PrivateKey {
    signing: KeyPair,
    /// For OAEP, which ring does not have.
    der: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PrivateKey(…)")
    }
}

impl PrivateKey {
    /// Reads `PRIVATE KEY` (PKCS#8) or `RSA PRIVATE KEY` (PKCS#1).
    ///
    /// # Errors
    /// When the text is something else.
    pub fn from_pem(text: &str) -> Result<Self, InvalidKey> {
        let (label, der) = decode(text)?;
        let der = Zeroizing::new(der);
        let signing = match &*label {
            "PRIVATE KEY" => KeyPair::from_pkcs8(&der),
            "RSA PRIVATE KEY" => KeyPair::from_der(&der),
            _ => return Err(InvalidKey::Label("PRIVATE KEY")),
        };
        Ok(Self { signing: signing.map_err(|_| InvalidKey::Rsa)?, der })
    }

    /// Signs with RSASSA-PKCS1-v1_5 and SHA-256: base64.
    ///
    /// # Errors
    /// [`InvalidKey::Rsa`] when the key does not fit together.
    pub fn sign(&self, message: &[u8]) -> Result<String, InvalidKey> {
        let mut signature = vec![0; self.signing.public().modulus_len()];
        // The padding of PKCS#1 v1.5 has nothing random: the generator is not asked.
        self.signing
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| InvalidKey::Rsa)?;
        Ok(STANDARD.encode(signature))
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey { der: self.signing.public().as_ref().to_vec() }
    }

    /// Opens a sensitive field of an answer: RSA-OAEP with SHA-1. `random` blinds the operation.
    ///
    /// # Errors
    /// When it was sealed for another key.
    pub fn open_sensitive(&self, random: &mut impl CryptoRng, sealed: &str) -> Result<String, SensitiveError> {
        let key = rsa::PrivateKey::from_pkcs8_der(&self.der)
            .or_else(|_| rsa::PrivateKey::from_pkcs1_der(&self.der))
            .map_err(|_| SensitiveError)?;
        let sealed = STANDARD.decode(sealed).map_err(|_| SensitiveError)?;
        let opened = key.oaep_decrypt_with_rng::<Sha1, _>(random, &sealed).map_err(|_| SensitiveError)?;
        String::from_utf8(opened).map_err(|_| SensitiveError)
    }
}

/// A public RSA key, such as the WeChat Pay public key (`pub_key.pem`).
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// `RSAPublicKey`, RFC 8017.
    der: Vec<u8>,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({} bytes)", self.der.len())
    }
}

impl PublicKey {
    /// Reads `PUBLIC KEY`.
    ///
    /// # Errors
    /// When the text is something else.
    pub fn from_pem(text: &str) -> Result<Self, InvalidKey> {
        match decode(text)? {
            (label, der) if label == "PUBLIC KEY" => {
                let info = SubjectPublicKeyInfoRef::from_der(&der).map_err(|_| InvalidKey::Rsa)?;
                let is_rsa = info.algorithm.oid == RSA;
                Self::new(info.subject_public_key.as_bytes().filter(|_| is_rsa))
            }
            _ => Err(InvalidKey::Label("PUBLIC KEY")),
        }
    }

    fn new(der: Option<&[u8]>) -> Result<Self, InvalidKey> {
        let der = der.ok_or(InvalidKey::Rsa)?;
        rsa::PublicKey::from_pkcs1_der(der).map_err(|_| InvalidKey::Rsa)?;
        Ok(Self { der: der.to_vec() })
    }

    /// Whether `signature`, in base64, signs the message.
    pub fn verify(&self, message: &[u8], signature: &str) -> bool {
        let Ok(signature) = STANDARD.decode(signature) else { return false };
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.der).verify(message, &signature).is_ok()
    }

    /// Seals a sensitive field of a request: RSA-OAEP with SHA-1, base64.
    ///
    /// # Errors
    /// When the text is too long for the key.
    pub fn seal_sensitive(&self, random: &mut impl CryptoRng, text: &str) -> Result<String, SensitiveError> {
        let key = rsa::PublicKey::from_pkcs1_der(&self.der).map_err(|_| SensitiveError)?;
        let sealed = key.oaep_encrypt_with_rng::<Sha1, _>(random, text.as_bytes()).map_err(|_| SensitiveError)?;
        Ok(STANDARD.encode(sealed))
    }
}

/// A certificate: the merchant's own, or one of WeChat's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Upper-case hexadecimal, two digits for each byte: leading zeros count.
    pub serial: String,
    /// Whose signatures it proves.
    pub public_key: PublicKey,
    /// Seconds since 1970.
    pub valid_from: u64,
    /// Seconds since 1970.
    pub valid_until: u64,
}

impl Certificate {
    /// Reads `CERTIFICATE`. Who signed it is not looked at.
    ///
    /// # Errors
    /// When the text is something else.
    pub fn from_pem(text: &str) -> Result<Self, InvalidKey> {
        let (label, der) = decode(text)?;
        if label != "CERTIFICATE" {
            return Err(InvalidKey::Label("CERTIFICATE"));
        }
        let certificate = x509_cert::Certificate::from_der(&der).map_err(|_| InvalidKey::Certificate)?;
        let content = certificate.tbs_certificate();
        let info = content.subject_public_key_info();
        let is_rsa = info.algorithm.oid == RSA;
        let validity = content.validity();
        // DER puts a zero byte before a number whose first bit is set; it is not part of the serial number.
        let serial = content.serial_number().as_bytes();
        let serial = serial.strip_prefix(&[0]).filter(|rest| !rest.is_empty()).unwrap_or(serial);
        Ok(Self {
            serial: hex::encode_upper(serial),
            public_key: PublicKey::new(info.subject_public_key.as_bytes().filter(|_| is_rsa))?,
            valid_from: validity.not_before.to_unix_duration().as_secs(),
            valid_until: validity.not_after.to_unix_duration().as_secs(),
        })
    }
}

fn decode(text: &str) -> Result<(String, Vec<u8>), InvalidKey> {
    if text.len() > MAX_PEM {
        return Err(InvalidKey::Pem);
    }
    let (label, der) = pem::decode_vec(text.trim().as_bytes()).map_err(|_| InvalidKey::Pem)?;
    Ok((label.to_owned(), der))
}
