//! GET /v3/bill/tradebill and /v3/bill/fundflowbill: where a day's bill can be fetched.

use std::fmt;

use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::answer::parse;
use super::{Call, CallError, Method, encode_path};
use crate::pay::Party;

/// Which bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bill {
    /// The trades of a day.
    Trade {
        /// `2026-01-01`, in China's time.
        bill_date: String,
    },
    /// The movements of an account on a day.
    FundFlow {
        /// `2026-01-01`, in China's time.
        bill_date: String,
        /// `BASIC`, `OPERATION` or `FEES`.
        account_type: String,
    },
}

/// Where the bill is. The file itself is not signed: its hash proves it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Download {
    /// `SHA1`
    pub hash_type: String,
    /// Of the file, unpacked, hexadecimal.
    pub hash_value: String,
    /// Good for some seconds. Fetched with a signature over its path and query.
    pub download_url: String,
}

/// The address has a token in it.
impl fmt::Debug for Download {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Download({} {})", self.hash_type, self.hash_value)
    }
}

impl Download {
    /// Whether that is the SHA-1 of the file.
    pub fn is_hash(&self, sha1: [u8; 20]) -> bool {
        let hash = hex::encode(sha1);
        self.hash_type == "SHA1" && bool::from(hash.as_bytes().ct_eq(self.hash_value.to_lowercase().as_bytes()))
    }

    /// Path and query of where the file is, as they are signed; none when the address is none.
    pub fn target(&self) -> Option<&str> {
        let (_, rest) = self.download_url.split_once("://")?;
        rest.find('/').map(|path| &rest[path..])
    }
}

impl Call for Bill {
    const METHOD: Method = Method::Get;
    type Answer = Download;

    fn target(&self, _: &Party) -> String {
        match self {
            Self::Trade { bill_date } => {
                format!("/v3/bill/tradebill?bill_date={}&bill_type=ALL&tar_type=GZIP", encode_path(bill_date))
            }
            Self::FundFlow { bill_date, account_type } => format!(
                "/v3/bill/fundflowbill?bill_date={}&account_type={}&tar_type=GZIP",
                encode_path(bill_date),
                encode_path(account_type)
            ),
        }
    }

    fn read(&self, _: &Party, body: &[u8]) -> Result<Download, CallError> {
        parse(body)
    }
}
