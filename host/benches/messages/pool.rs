//! The messages that the load consists of, signed before the clock runs, and what must come back.
//!
//! No message is sent twice: a server that remembers what it has seen answers all of them anew.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anyhow::{Context, bail, ensure};
use weft::simulator::{Incoming, Sender, Settings};
use weft_wechat::{account::EncodingMode, envelope, message, signature};

use super::server::{AES_KEY, CONSTANT, RULE_REPLY, TOKEN, appid};

const OPENID: &str = "oBenchUser0123456789abcdefgh";
const ORIGINAL_ID: &str = "gh_0123456789ab";

/// Where messages go, and what is to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// The handler to compare with.
    Constant,
    /// A rule's reply by the least that could answer WeChat.
    LeastRule,
    /// The greeter's by the same.
    LeastPlain,
    /// That, encrypted both ways.
    LeastSafe,
    /// The webhook of an app that no plugin answers.
    Silent,
    /// The webhook of an app that a rule answers.
    Rule,
    /// The webhook of an app that the greeter answers.
    Plain,
    /// The same, encrypted both ways.
    Safe,
    /// The greeter, with the message and the answer kept in the message log.
    Logged,
}

impl Endpoint {
    pub(crate) const ALL: [Self; 9] = [
        Self::Constant,
        Self::LeastRule,
        Self::LeastPlain,
        Self::LeastSafe,
        Self::Silent,
        Self::Rule,
        Self::Plain,
        Self::Safe,
        Self::Logged,
    ];

    /// Whether Weft answers it.
    pub(crate) fn is_weft(self) -> bool {
        !matches!(self, Self::Constant | Self::LeastRule | Self::LeastPlain | Self::LeastSafe)
    }

    /// As the tables call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant handler",
            Self::LeastRule => "least, a rule",
            Self::LeastPlain => "least, greeter",
            Self::LeastSafe => "least, greeter, encrypted",
            Self::Silent => "webhook, nobody answers",
            Self::Rule => "webhook, a rule",
            Self::Plain => "webhook, greeter",
            Self::Safe => "webhook, greeter, encrypted",
            Self::Logged => "webhook, greeter, logged",
        }
    }

    fn path(self) -> String {
        match self {
            Self::Constant => "/constant".to_owned(),
            Self::LeastRule | Self::LeastPlain | Self::LeastSafe => format!("/least/{}", self.app()),
            _ => format!("/wechat/{}/", self.app()),
        }
    }

    fn app(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Silent => "silent",
            Self::Rule | Self::LeastRule => "rule",
            Self::Plain | Self::LeastPlain => "plain",
            Self::Safe | Self::LeastSafe => "safe",
            Self::Logged => "logged",
        }
    }

    fn mode(self) -> EncodingMode {
        if matches!(self, Self::Safe | Self::LeastSafe) { EncodingMode::Safe } else { EncodingMode::Plain }
    }
}

/// A request as it goes over the wire.
pub(crate) struct Request {
    pub(crate) bytes: Vec<u8>,
    /// The text that the user wrote.
    text: String,
}

/// Signs `count` messages that were never sent before.
pub(crate) fn requests(endpoint: Endpoint, count: u32) -> anyhow::Result<Vec<Request>> {
    let account = Account::new(endpoint.app(), endpoint.mode(), endpoint.path())?;
    Ok((0..count).map(|_| account.request(None)).collect())
}

/// An account at WeChat, with somebody who writes to it.
pub(crate) struct Account {
    sender: Sender,
    path: String,
}

impl Account {
    /// That of an app, whose messages go to `path`.
    pub(crate) fn new(app: &str, mode: EncodingMode, path: String) -> anyhow::Result<Self> {
        let sender = Sender::new(Settings {
            url: String::new(),
            token: TOKEN.to_owned(),
            appid: appid(app),
            original_id: ORIGINAL_ID.to_owned(),
            mode,
            key: Some(AES_KEY.parse()?),
        })?;
        Ok(Self { sender, path })
    }

    /// Signs a message that was never sent before: this text, or one that nobody has written yet.
    pub(crate) fn request(&self, text: Option<&str>) -> Request {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Relaxed);
        let text = text.map_or_else(|| format!("message {number}"), str::to_owned);
        let now = weft::clock::Clock::system().now();
        let xml = Incoming::text(OPENID, &text).xml(ORIGINAL_ID, now, 24_000_000_000_000_000 + number);
        let signed = self.sender.sign(&xml);
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(signed.query).finish();
        let (path, body) = (&self.path, signed.body);
        let bytes = format!(
            "POST {path}?{query} HTTP/1.1\r\nHost: weft.example\r\nUser-Agent: Mozilla/4.0\r\nAccept: */*\r\n\
             Content-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Request { bytes: bytes.into_bytes(), text }
    }
}

/// Makes sure that `body` is what the endpoint must answer to this very request.
pub(crate) fn check(endpoint: Endpoint, request: &Request, body: &str) -> anyhow::Result<()> {
    let wrong = || format!("{endpoint:?} answered {body:?} to {:?}", request.text);
    match endpoint {
        Endpoint::Constant => ensure!(body == CONSTANT, wrong()),
        Endpoint::Silent => ensure!(body.is_empty(), wrong()),
        Endpoint::Rule | Endpoint::LeastRule => {
            ensure!(element(body, "Content").as_deref() == Some(RULE_REPLY), wrong());
        }
        Endpoint::Plain | Endpoint::LeastPlain | Endpoint::Logged => {
            ensure!(greets(body, &request.text), wrong());
        }
        Endpoint::Safe | Endpoint::LeastSafe => {
            let xml = unseal(endpoint, body).with_context(wrong)?;
            ensure!(greets(&xml, &request.text), wrong());
        }
    }
    Ok(())
}

/// Whether a reply goes to the user and has what they wrote in it, after something else.
fn greets(xml: &str, text: &str) -> bool {
    let value = |name| element(xml, name).unwrap_or_default();
    let content = value("Content");
    value("ToUserName") == OPENID
        && value("FromUserName") == ORIGINAL_ID
        && value("MsgType") == "text"
        && content.ends_with(text)
        && content.len() > text.len()
}

/// Verifies and decrypts a reply.
fn unseal(endpoint: Endpoint, body: &str) -> anyhow::Result<String> {
    let [encrypted, timestamp, nonce, signed] =
        ["Encrypt", "TimeStamp", "Nonce", "MsgSignature"].map(|name| element(body, name));
    let (Some(encrypted), Some(timestamp), Some(nonce), Some(signed)) = (encrypted, timestamp, nonce, signed) else {
        bail!("the reply is not encrypted");
    };
    ensure!(signature::verify(&[TOKEN, &timestamp, &nonce, &encrypted], &signed), "the reply's signature is wrong");
    Ok(envelope::open(&AES_KEY.parse()?, &appid(endpoint.app()), &encrypted)?)
}

/// The value of an element of a reply.
pub(crate) fn element(xml: &str, name: &str) -> Option<String> {
    let fields = message::fields(xml).ok()?;
    fields.into_iter().find(|field| field.path == name).map(|field| field.value)
}
