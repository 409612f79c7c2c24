//! `/cgi-bin/message/custom/…`: customer-service messages, and to whom they may go.

use weft_wechat::api::message::custom_send::{CustomMessage, CustomSend};

use super::{
    account::{Account, Answered, INVALID_MEDIA_ID, INVALID_OPENID, No, done},
    asked::Asked,
};

/// What a user does that allows messages for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Writes: 5 messages in 48 hours.
    Writes,
    /// Taps a menu, follows, or scans a QR code: 3 messages in a minute.
    Taps,
}

/// How many messages may still go to a user for what they did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    until: u64,
    left: u32,
}

impl Account {
    pub(super) fn acted(&mut self, openid: &str, action: Action, now: u64) {
        let (time, left) = match action {
            Action::Writes => (48 * 3600, 5),
            Action::Taps => (60, 3),
        };
        self.allowances.insert((openid.to_owned(), action), Allowance { until: now + time, left });
    }

    /// Whether a message may go to the user now.
    fn admit(&mut self, openid: &str, now: u64, counts: bool) -> Result<(), No> {
        if !self.customer_service {
            return Err(No(48001, "api unauthorized"));
        }
        let user = self.users.get(openid).ok_or(INVALID_OPENID)?;
        if user.subscribe == 0 {
            return Err(No(43004, "require subscribe"));
        }
        if !self.windows {
            return Ok(());
        }
        let mut why_not = No(45015, "response out of time limit or subscription is canceled");
        // First what ends sooner.
        for action in [Action::Taps, Action::Writes] {
            let allowance = self.allowances.get_mut(&(openid.to_owned(), action));
            let Some(allowance) = allowance.filter(|allowance| allowance.until > now) else { continue };
            if allowance.left > 0 {
                allowance.left -= u32::from(counts);
                return Ok(());
            }
            why_not = No(45047, "out of response count limit");
        }
        Err(why_not)
    }
}

pub(super) fn send(account: &mut Account, asked: &Asked, now: u64) -> Answered {
    if asked.json.is_null() {
        return Err(No(47001, "data format error"));
    }
    let message: CustomSend =
        serde_json::from_value(asked.json.clone()).map_err(|_| No(40008, "invalid message type"))?;
    match &message.message {
        CustomMessage::Text { text } if text.content.is_empty() => return Err(No(44004, "empty content")),
        CustomMessage::Text { text } if text.content.len() > 2048 => {
            return Err(No(45002, "content size out of limit"));
        }
        CustomMessage::News { news } if news.articles.is_empty() => return Err(No(44003, "empty news data")),
        CustomMessage::News { news } if news.articles.len() > 1 => return Err(No(40008, "invalid message type")),
        CustomMessage::Image { image: media } | CustomMessage::Voice { voice: media } => {
            account.find_media(&media.media_id, now).ok_or(INVALID_MEDIA_ID)?;
        }
        _ => {}
    }
    account.admit(&message.touser, now, true)?;
    account.sent.push(asked.json.clone());
    Ok(done())
}

pub(super) fn typing(account: &mut Account, asked: &Asked, now: u64) -> Answered {
    if !["Typing", "CancelTyping"].contains(&asked.text("command")) {
        return Err(No(45072, "invalid command"));
    }
    account.admit(asked.text("touser"), now, false)?;
    Ok(done())
}
