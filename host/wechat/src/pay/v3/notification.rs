//! What WeChat posts when something happened.

use serde::Deserialize;

use super::answer::parse;
use super::refunds::read_refund;
use super::transactions::{check, read_transaction};
use super::{CallError, Merchant, PlatformKeys, Resource, SignatureError, SignatureHeaders};
use crate::pay::{Party, Refund, Transaction};

/// Something that WeChat told of, proven and opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// WeChat's id of it. The same thing may be told of under another one.
    pub id: String,
    /// `TRANSACTION.SUCCESS`, `REFUND.SUCCESS`, …
    pub event_type: String,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An order was paid.
    Transaction(Box<Transaction>),
    /// A refund came to an end.
    Refund(Box<Refund>),
    /// Something else; its text is JSON.
    Other {
        /// `profitsharing`, `mch_payment`, …
        original_type: String,
        /// What was sealed.
        text: String,
    },
}

/// Why a notification is not taken. Whatever it says must not change anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotificationError {
    /// It is not proven to be WeChat's.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// It is WeChat's, and cannot be opened or makes no sense: most often the `APIv3` key is another one.
    #[error("the notification cannot be opened: {0}")]
    Unreadable(CallError),
}

#[derive(Deserialize)]
struct Outside {
    id: String,
    event_type: String,
    resource: Resource,
}

impl Merchant {
    /// Verifies and opens what was posted: the body as it came, byte for byte. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// When it is not proven to be WeChat's, or cannot be opened.
    pub fn open<'a>(
        &self,
        keys: &PlatformKeys,
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        body: &[u8],
        now: u64,
    ) -> Result<Notification, NotificationError> {
        keys.verify(&SignatureHeaders::read(headers)?, body, now)?;
        self.open_proven(body).map_err(NotificationError::Unreadable)
    }

    fn open_proven(&self, body: &[u8]) -> Result<Notification, CallError> {
        let Outside { id, event_type, resource } = parse(body)?;
        let text = resource.open(&self.apiv3_key)?;
        // What is inside counts: profit sharing, too, comes as `TRANSACTION.SUCCESS`.
        let event = match &*resource.original_type {
            "transaction" => Event::Transaction(Box::new(transaction(&text, &self.party)?)),
            "refund" => Event::Refund(Box::new(refund(&text, &self.party)?)),
            other => {
                let original_type = other.to_owned();
                let text = String::from_utf8(text);
                let text = text.map_err(|_| CallError::Unreadable("what was sealed is no text".to_owned()))?;
                Event::Other { original_type, text }
            }
        };
        Ok(Notification { id, event_type, event })
    }
}

fn transaction(text: &[u8], party: &Party) -> Result<Transaction, CallError> {
    let transaction = read_transaction(text)?;
    check(&transaction, party)?;
    Ok(transaction)
}

fn refund(text: &[u8], party: &Party) -> Result<Refund, CallError> {
    let (mchid, refund) = read_refund(text)?;
    if mchid.as_ref() != Some(&party.mch_id) {
        return Err(CallError::Other("mchid"));
    }
    Ok(refund)
}
