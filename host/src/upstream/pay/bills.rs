//! Bills: fetched into a file, and whole, or not at all.

use std::fs::File;
use std::io::{Seek, Write};
use std::time::Duration;

use futures::TryStreamExt;
use reqwest::{Client, Response};
use weft_wechat::pay::Party;
use weft_wechat::pay::bill::{Bill, BillError, MAX_BILL, sha1};
use weft_wechat::pay::v2::{self, downloadbill, downloadfundflow::DownloadFundFlow};
use weft_wechat::pay::v3::{self, bills::Download};

use super::{Gateway, PayError, nonce};
use crate::model::{BillDate, Merchant, PayVersion, UnusableMerchant};
use crate::upstream::TransportError;
use crate::upstream::answer::{AnswerStream, Beginning};
use crate::upstream::http::failure;

/// How long a bill may take.
const TIMEOUT: Duration = Duration::from_mins(2);

/// Which bill of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BillKind {
    /// Payments and refunds.
    Trades,
    /// What moved on the basic account. For v2 it needs the client certificate.
    FundFlow,
}

/// What WeChat has for a day.
#[derive(Debug)]
pub enum Fetched {
    /// The bill.
    Bill(BillFile),
    /// Nothing was traded.
    Nothing,
    /// It is not ready yet.
    NotYet,
}

/// A whole bill in a file that nobody else sees, and that is gone when it is dropped.
#[derive(Debug)]
pub struct BillFile {
    file: File,
    /// How many entries it has.
    pub rows: u64,
}

impl BillFile {
    /// Reads it from the beginning: blocks while it does.
    ///
    /// # Errors
    /// When the file cannot be read any more.
    pub fn read(&mut self) -> Result<Bill<'_>, BillError> {
        self.file.rewind().map_err(|error| BillError::Unreadable(error.to_string()))?;
        Bill::open(&self.file)
    }
}

impl Gateway {
    /// Fetches a bill, and makes sure that it is whole. Of v3 its hash must be the one that WeChat signed; nothing proves
    /// a bill of v2, so that it is no more than a hint.
    ///
    /// # Errors
    /// Why there is no whole bill.
    pub async fn bill(
        &self,
        merchant: &Merchant,
        party: &Party,
        kind: BillKind,
        date: BillDate,
    ) -> Result<Fetched, PayError> {
        let fetched = match merchant.api_version {
            PayVersion::V2 => self.bill_v2(merchant, party, kind, date).await,
            PayVersion::V3 => self.bill_v3(merchant, party, kind, date).await,
        };
        match fetched {
            Ok(file) => Ok(Fetched::Bill(file)),
            Err(PayError::Refused { code, message, .. })
                if code == "NO_STATEMENT_EXIST" || downloadbill::is_no_bill(&code, &message) =>
            {
                Ok(Fetched::Nothing)
            }
            Err(PayError::Refused { code, message, .. })
                if code == "STATEMENT_CREATING" || downloadbill::is_being_made(&message) =>
            {
                Ok(Fetched::NotYet)
            }
            Err(error) => Err(error),
        }
    }

    async fn bill_v2(
        &self,
        merchant: &Merchant,
        party: &Party,
        kind: BillKind,
        date: BillDate,
    ) -> Result<BillFile, PayError> {
        let bill_date = date.compact();
        let response = match kind {
            BillKind::Trades => {
                let call = downloadbill::DownloadBill { bill_date };
                self.file_v2(self.0.client.clone(), merchant, party, &call).await?
            }
            BillKind::FundFlow => {
                let call = DownloadFundFlow { bill_date, account_type: "Basic".to_owned() };
                self.file_v2(self.0.certified.client(merchant).await?, merchant, party, &call).await?
            }
        };
        let answer = AnswerStream::open(response, Beginning::Some, MAX_BILL, TIMEOUT).await?;
        if !(200..300).contains(&answer.status) {
            return Err(TransportError::Status(answer.status).into());
        }
        // A refusal is short enough to be here whole.
        if let Some(whole) = answer.whole() {
            downloadbill::check_file(whole)?;
        }
        checked(spooled(answer).await?, None).await
    }

    async fn file_v2<C: v2::Call>(
        &self,
        client: Client,
        merchant: &Merchant,
        party: &Party,
        call: &C,
    ) -> Result<Response, PayError> {
        let body = merchant.v2(party.clone())?.write(call, &nonce());
        let request = client.post(format!("{}{}", self.0.base, C::PATH)).header("content-type", "text/xml").body(body);
        Ok(request.timeout(TIMEOUT).send().await.map_err(|error| failure(error, TIMEOUT))?)
    }

    async fn bill_v3(
        &self,
        merchant: &Merchant,
        party: &Party,
        kind: BillKind,
        date: BillDate,
    ) -> Result<BillFile, PayError> {
        let bill_date = date.to_string();
        let call = match kind {
            BillKind::Trades => v3::bills::Bill::Trade { bill_date },
            BillKind::FundFlow => v3::bills::Bill::FundFlow { bill_date, account_type: "BASIC".to_owned() },
        };
        let download = self.v3(merchant, party, &call).await?;
        let target = download.target().ok_or_else(|| PayError::Unbelieved("the bill has no address".to_owned()))?;
        let signer = merchant.v3(party.clone())?;
        let authorization = signer.authorization(v3::Method::Get, target, "", &nonce(), self.0.clock.now());
        let authorization = authorization.map_err(|_| UnusableMerchant("private_key"))?;
        // Our signature goes to the configured host alone, whatever host the address names.
        let request = self.0.client.get(format!("{}{target}", self.0.base)).header("authorization", authorization);
        let response = request.timeout(TIMEOUT).send().await.map_err(|error| failure(error, TIMEOUT))?;
        let answer = AnswerStream::open(response, Beginning::Some, MAX_BILL, TIMEOUT).await?;
        if !(200..300).contains(&answer.status) {
            let body = answer.whole().cloned().unwrap_or_default();
            return Err(v3::CallError::from(v3::Refusal::read(answer.status, &body)).into());
        }
        checked(spooled(answer).await?, Some(download)).await
    }
}

/// Writes what comes into a file.
async fn spooled(answer: AnswerStream) -> Result<File, PayError> {
    let mut file = blocking(tempfile::tempfile).await?;
    let mut chunks = std::pin::pin!(answer.into_stream());
    while let Some(chunk) = chunks.try_next().await? {
        file = blocking(move || file.write_all(&chunk).map(|()| file)).await?;
    }
    Ok(file)
}

/// Reads a bill through, and refuses one that is not whole, or not what WeChat signed for.
async fn checked(file: File, download: Option<Download>) -> Result<BillFile, PayError> {
    let check = move || {
        let mut bill = BillFile { file, rows: 0 };
        let mut reading = bill.read()?;
        let mut rows = 0;
        while reading.next_row()?.is_some() {
            rows += 1;
        }
        let unpacked = reading.sha1();
        drop(reading);
        bill.rows = rows;
        let is_it = match download {
            None => true,
            Some(download) if download.is_hash(unpacked) => true,
            // WeChat has been seen to give the hash of the packed file instead.
            Some(download) => {
                let packed = bill.file.rewind().and_then(|()| sha1(&bill.file));
                download.is_hash(packed.map_err(|error| BillError::Unreadable(error.to_string()))?)
            }
        };
        Ok::<_, BillError>(is_it.then_some(bill))
    };
    match tokio::task::spawn_blocking(check).await {
        Ok(Ok(Some(bill))) => Ok(bill),
        Ok(Ok(None)) => Err(PayError::Unbelieved("the bill is not the file that WeChat signed for".to_owned())),
        Ok(Err(error)) => Err(PayError::Unbelieved(error.to_string())),
        Err(error) => Err(TransportError::File(std::io::Error::other(error)).into()),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, TransportError> {
    let done = tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other);
    done.and_then(|done| done).map_err(TransportError::File)
}
