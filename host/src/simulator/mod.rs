//! Plays WeChat towards a host: signs and encrypts messages as WeChat does, delivers them to the
//! real webhook, and checks what comes back as strictly as WeChat.
//!
//! [`Sender`] is one account at WeChat, [`Incoming`] what a user does, [`Exchange`] what came of it. The other
//! direction, WeChat's API, is played by [`wechat::Wechat`], and WeChat Pay by [`pay::PayGateway`]. `weft simulate` does both from the command line: it plays
//! the API with accounts, followers, templates and faults from flags or a file, and is steered under `/simulator/…`;
//! `weft simulate message` delivers one message ([`deliver`]) and prints the answer, `weft simulate verify` verifies an
//! address.

mod check;
mod delivery;
mod incoming;
pub mod pay;
pub mod wechat;

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use reqwest::Client;
use weft_wechat::{
    account::EncodingMode,
    envelope::{self, EncodingAesKey},
    signature,
};

pub use check::Fault;
pub use delivery::{DeliverError, Delivered, MessageFields, deliver};
pub use incoming::Incoming;

/// How long WeChat waits for an answer.
const WECHAT_WAITS: Duration = Duration::from_secs(5);

/// How often WeChat delivers a message that nobody answers.
const TRIES: u32 = 3;

/// An account as WeChat knows it, with the address that was entered there.
pub struct Sender {
    client: Client,
    settings: Settings,
    /// Counts up, so that no two messages have an id in common.
    next: AtomicU64,
}

/// What an operator enters at WeChat, and what WeChat gave out.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The webhook's URL (服务器地址).
    pub url: String,
    /// Token (令牌).
    pub token: String,
    /// The account's appid.
    pub appid: String,
    /// The account's original id, `gh_…`.
    pub original_id: String,
    /// 消息加解密方式.
    pub mode: EncodingMode,
    /// EncodingAESKey (消息加解密密钥).
    pub key: Option<EncodingAesKey>,
}

/// A message and what the host made of it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The message in plain.
    pub sent: String,
    /// The HTTP status.
    pub status: u16,
    /// The answer as it stood on the wire.
    pub body: String,
    /// The answer in plain; empty when there was none.
    pub reply: String,
    /// From the first byte of the first try to the last one received.
    pub took: Duration,
    /// How often the message was delivered until there was an answer.
    pub tries: u32,
}

impl Exchange {
    /// The value of an element of the reply, such as `Content`.
    pub fn element(&self, path: &str) -> Option<String> {
        let fields = weft_wechat::message::fields(&self.reply).ok()?;
        fields.into_iter().find(|field| field.path == path).map(|field| field.value)
    }

    /// The text of a text reply.
    pub fn text(&self) -> Option<String> {
        self.element("Content")
    }
}

/// An address that was verified.
#[derive(Debug, Clone)]
pub struct Verification {
    /// What was sent, and came back.
    pub echostr: String,
    /// How long that took.
    pub took: Duration,
}

/// A request as WeChat makes it, for those who send it themselves, or spoil it first.
#[derive(Debug, Clone)]
pub struct Signed {
    /// Query parameters.
    pub query: Vec<(&'static str, String)>,
    /// XML.
    pub body: String,
}

impl Sender {
    /// An account with its settings.
    ///
    /// # Errors
    /// When the system has no TLS roots to make an HTTP client with.
    pub fn new(settings: Settings) -> reqwest::Result<Self> {
        let client = http_client()?;
        let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default();
        Ok(Self { client, settings, next: AtomicU64::new(now << 20) })
    }

    /// Verifies the address, as when it is entered at WeChat.
    ///
    /// # Errors
    /// What WeChat would not accept.
    pub async fn verify(&self) -> Result<Verification, Fault> {
        let (echostr, began) = (self.number().to_string(), Instant::now());
        let mut query = self.signature();
        query.push(("echostr", echostr.clone()));
        let response = self.client.get(&self.settings.url).query(&query).send().await?;
        let status = response.status().as_u16();
        let body = response.text().await?;
        if status == 200 && body == echostr {
            Ok(Verification { echostr, took: began.elapsed() })
        } else {
            Err(Fault::Verification { status, body })
        }
    }

    /// Delivers a message, as often as WeChat does when there is no answer within five seconds, and
    /// checks the answer.
    ///
    /// # Errors
    /// What WeChat would tell the user of as 「该公众号提供的服务出现故障，请稍后再试」, and connections that fail.
    pub async fn send(&self, incoming: &Incoming) -> Result<Exchange, Fault> {
        let sent = incoming.xml(&self.settings.original_id, now(), self.number());
        let began = Instant::now();
        let mut tries = 1;
        let exchange = loop {
            match self.deliver(sent.clone(), &self.sign(&sent)).await {
                Err(Fault::Connection(error)) if error.is_timeout() && tries < TRIES => tries += 1,
                Ok(exchange) => break Exchange { took: began.elapsed(), tries, ..exchange },
                Err(fault) => return Err(fault),
            }
        };
        check::check(&exchange, &self.settings, incoming.openid())?;
        Ok(exchange)
    }

    /// Signs a message, and encrypts it as the account is set.
    pub fn sign(&self, message: &str) -> Signed {
        let mut query = self.signature();
        query.push(("openid", "oSimulated".to_owned()));
        let Settings { token, appid, key, mode, original_id, .. } = &self.settings;
        let key = key.as_ref().filter(|_| *mode != EncodingMode::Plain);
        let Some(key) = key else { return Signed { query, body: message.to_owned() } };
        let encrypted = envelope::seal(key, appid, rand::random(), message);
        let [timestamp, nonce] = ["timestamp", "nonce"].map(|name| value(&query, name));
        query.push(("encrypt_type", "aes".to_owned()));
        query.push(("msg_signature", signature::sign(&[token, &timestamp, &nonce, &encrypted])));
        let envelope = format!("<Encrypt><![CDATA[{encrypted}]]></Encrypt>");
        let body = match mode {
            EncodingMode::Compatible => message.replace("</xml>", &format!("{envelope}</xml>")),
            _ => format!("<xml><ToUserName><![CDATA[{original_id}]]></ToUserName>{envelope}</xml>"),
        };
        Signed { query, body }
    }

    /// Delivers a request as it is; `sent` is only remembered.
    ///
    /// # Errors
    /// When the host cannot be reached, does not answer in time, or its answer cannot be decrypted.
    pub async fn deliver(&self, sent: String, signed: &Signed) -> Result<Exchange, Fault> {
        let began = Instant::now();
        let request = self.client.post(&self.settings.url).query(&signed.query).header("content-type", "text/xml");
        let response = request.body(signed.body.clone()).send().await?;
        let status = response.status().as_u16();
        let body = response.text().await?;
        let took = began.elapsed();
        let reply = check::in_plain(&body, &self.settings)?;
        Ok(Exchange { sent, status, body, reply, took, tries: 1 })
    }

    fn signature(&self) -> Vec<(&'static str, String)> {
        let (timestamp, nonce) = (now().to_string(), self.number().to_string());
        let signature = signature::sign(&[&self.settings.token, &timestamp, &nonce]);
        vec![("signature", signature), ("timestamp", timestamp), ("nonce", nonce)]
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Relaxed)
    }
}

/// A client for servers of this machine, which gives up when WeChat would.
///
/// # Errors
/// When the system has no TLS roots.
pub fn http_client() -> reqwest::Result<Client> {
    // Another part of the process may have chosen the provider already.
    drop(rustls::crypto::ring::default_provider().install_default());
    Client::builder().no_proxy().timeout(WECHAT_WAITS).build()
}

fn now() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default()
}

fn value(query: &[(&'static str, String)], name: &str) -> String {
    query.iter().find(|(own, _)| *own == name).map(|(_, value)| value.clone()).unwrap_or_default()
}
