//! Calls of WeChat's API, without sending them: one file for each call, which says what goes out and what comes back.
//!
//! An [`Endpoint`] is a value. [`Request::of`] gives what to send, [`Endpoint::Answer`] reads what came back, and
//! [`errcode`] knows what an error means and whether trying again makes sense. Calls that have no file here are an
//! [`AnyCall`].

mod answer;
mod any_call;
mod form;
mod path;
mod request;

pub mod clear_quota;
pub mod current_autoreply_info;
pub mod daily_limits;
pub mod draft;
pub mod errcode;
pub mod freepublish;
pub mod material;
pub mod media;
pub mod menu;
pub mod message;
pub mod newtmpl;
pub mod openapi;
pub mod stable_token;
pub mod tags;
pub mod template;
pub mod ticket;
pub mod token;
pub mod user;

use std::time::Duration;

pub use answer::{Answer, ApiError, Done, RawAnswer, Refusal, check_answer, read_answer};
pub use any_call::{AnyCall, MAX_UPLOAD};
pub use form::{FormError, FormPart, form};
pub use path::{ApiPath, PathError};
pub use request::{Body, Content, FilePart, Request};

/// One call of WeChat's API: what to send, and how to read what comes back.
pub trait Endpoint {
    /// GET or POST.
    const METHOD: Method;
    /// Begins with a slash.
    const PATH: &'static str;
    /// What the account must be allowed to do; checked before anything is sent.
    const NEEDS: Ability;
    /// Whether sending the same once more does no harm. Without it a call whose outcome is unknown stays unknown.
    const IDEMPOTENT: bool = false;
    /// How long to wait for the whole answer.
    const TIMEOUT: Duration = Duration::from_secs(10);
    /// How long the answer may be, in bytes.
    const MAX_ANSWER: usize = 4 << 20;
    /// What comes back.
    type Answer: Answer;

    /// Query parameters besides `access_token`.
    fn query(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// What stands in the body.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    fn body(&self) -> Result<Body, serde_json::Error> {
        Ok(Body::Empty)
    }
}

/// HTTP's verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Everything else, and much of what reads.
    Post,
}

/// WeChat's servers that answer calls of an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Host {
    /// `api.weixin.qq.com`.
    #[default]
    Api,
    /// `mp.weixin.qq.com`, where pictures of QR codes are. It takes no access token.
    Mp,
}

impl Host {
    /// Whether calls need the access token.
    pub fn takes_token(self) -> bool {
        self == Self::Api
    }
}

/// What an account may do at WeChat; calls are grouped by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ability {
    /// Calling the API at all.
    Api,
    /// The auto-replies of WeChat's console.
    Autoreply,
    /// Customer-service messages.
    CustomerService,
    /// Users, tags and the blacklist.
    Users,
    /// Permanent materials, drafts and articles.
    Materials,
    /// Custom menus.
    Menus,
    /// Template and subscribe messages.
    Templates,
    /// Mass messages.
    MassMessages,
    /// Web authorization and the JS-SDK.
    OAuth,
}
