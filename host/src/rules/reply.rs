//! What a handler that matched answers.

use weft_wechat::reply::{Reply, ReplyParseError};

use crate::model::{Handler, ReplyStrategy, ReplyTemplate};

/// The replies that a handler sends to one message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan<'a> {
    /// Go out as customer-service messages, in this order, before the answer.
    pub by_customer_service: Vec<&'a ReplyTemplate>,
    /// The answer to WeChat's request.
    pub passive: Option<&'a ReplyTemplate>,
}

impl<'a> Plan<'a> {
    /// What `handler` sends; `random` chooses where one of several is sent.
    pub fn of(handler: &'a Handler, random: u32) -> Self {
        let mut replies: Vec<_> = handler.replies.iter().collect();
        replies.sort_by_key(|reply| std::cmp::Reverse(reply.weight));
        match handler.strategy {
            ReplyStrategy::ReplyAll => {
                let passive = replies.pop();
                Self { by_customer_service: replies, passive }
            }
            ReplyStrategy::RandomOne => {
                let choice = usize::try_from(random).unwrap_or(0).checked_rem(replies.len());
                Self {
                    by_customer_service: Vec::new(),
                    passive: choice.and_then(|choice| replies.get(choice).copied()),
                }
            }
            ReplyStrategy::None => Self::default(),
        }
    }
}

/// What another server answered to a message that was forwarded to it: the XML of a reply, or nothing, which is an
/// empty body or `success`.
///
/// # Errors
/// When it is neither.
pub fn forwarded(body: &str) -> Result<Option<Reply>, ReplyParseError> {
    match body.trim() {
        "" | "success" => Ok(None),
        body => Reply::parse(body).map(Some),
    }
}
