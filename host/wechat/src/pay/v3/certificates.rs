//! GET /v3/certificates: WeChat's certificates. Merchants with the WeChat Pay public key do not get any.

use serde::Deserialize;

use super::answer::parse;
use super::{Apiv3Key, Call, CallError, Certificate, Merchant, Method, PlatformKeys, Refusal, Resource};
use crate::pay::Party;

/// Asks for the certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificates;

impl Call for Certificates {
    const METHOD: Method = Method::Get;
    type Answer = Vec<Sealed>;

    fn target(&self, _: &Party) -> String {
        "/v3/certificates".to_owned()
    }

    fn read(&self, _: &Party, body: &[u8]) -> Result<Vec<Sealed>, CallError> {
        #[derive(Deserialize)]
        struct List {
            data: Vec<Sealed>,
        }
        parse(body).map(|List { data }| data)
    }
}

/// A certificate as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Sealed {
    /// Upper-case hexadecimal.
    pub serial_no: String,
    /// The PEM text, sealed with the `APIv3` key.
    pub encrypt_certificate: Resource,
}

impl Sealed {
    /// The certificate.
    ///
    /// # Errors
    /// When it was sealed with another key, or is another one than the list says.
    pub fn open(&self, key: &Apiv3Key) -> Result<Certificate, CallError> {
        let text = self.encrypt_certificate.open(key)?;
        let unreadable = || CallError::Unreadable("it has a certificate that is none".to_owned());
        let text = String::from_utf8(text).map_err(|_| unreadable())?;
        let certificate = Certificate::from_pem(&text).map_err(|_| unreadable())?;
        if certificate.serial == self.serial_no { Ok(certificate) } else { Err(CallError::Other("serial_no")) }
    }
}

impl Merchant {
    /// Reads the list. It is proven by one of the certificates in it, and they by the `APIv3` key: nobody else can have
    /// sealed them.
    ///
    /// # Errors
    /// When WeChat refused, or the list cannot be believed.
    pub fn read_certificates<'a>(
        &self,
        status: u16,
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        body: &[u8],
        now: u64,
    ) -> Result<PlatformKeys, CallError> {
        if !(200..300).contains(&status) {
            return Err(Refusal::read(status, body).into());
        }
        let mut keys = PlatformKeys::default();
        for sealed in Certificates.read(&self.party, body)? {
            keys.add_certificate(sealed.open(&self.apiv3_key)?);
        }
        self.read(&Certificates, &keys, status, headers, body, now)?;
        Ok(keys)
    }
}
