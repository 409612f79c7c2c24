//! Clients that show a merchant's certificate. Each is made once, as it reads the system's TLS roots and has connections
//! of its own.

use std::collections::HashMap;

use parking_lot::{Mutex, MutexGuard};
use reqwest::{Client, Identity};

use super::PayError;
use crate::model::{Merchant, UnusableMerchant};
use crate::secret::Secret;
use crate::upstream::http;

/// What a client cannot be made of.
const UNUSABLE: UnusableMerchant = UnusableMerchant("client_cert");

/// The clients, by the app's name and the merchant's.
#[derive(Debug, Default)]
pub(super) struct Certified(Mutex<HashMap<(String, String), Kept>>);

/// A client, and what it was made of.
#[derive(Debug)]
struct Kept {
    certificate: Secret,
    key: Secret,
    client: Client,
}

impl Certified {
    /// The client that shows the merchant's certificate as it is now.
    pub(super) async fn client(&self, merchant: &Merchant) -> Result<Client, PayError> {
        let certificate = merchant.client_cert.as_ref().ok_or(UNUSABLE)?;
        let key = merchant.client_key.as_ref().or(merchant.private_key.as_ref()).ok_or(UNUSABLE)?;
        let whose = (merchant.app.clone(), merchant.name.clone());
        let is_of = |kept: &&Kept| kept.certificate == *certificate && kept.key == *key;
        if let Some(kept) = self.kept().get(&whose).filter(is_of) {
            return Ok(kept.client.clone());
        }
        let (certificate, key) = (certificate.clone(), key.clone());
        let made = tokio::task::spawn_blocking(move || {
            let client = make(&certificate, &key)?;
            Ok::<_, UnusableMerchant>(Kept { certificate, key, client })
        });
        let made = made.await.map_err(|_| UNUSABLE)??;
        let client = made.client.clone();
        self.kept().insert(whose, made);
        Ok(client)
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<(String, String), Kept>> {
        self.0.lock()
    }
}

/// Blocks.
fn make(certificate: &Secret, key: &Secret) -> Result<Client, UnusableMerchant> {
    let pem = zeroize::Zeroizing::new(format!("{}\n{}\n", certificate.expose().trim(), key.expose().trim()));
    let identity = Identity::from_pem(pem.as_bytes()).map_err(|_| UNUSABLE)?;
    http::client().identity(identity).build().map_err(|_| UNUSABLE)
}
