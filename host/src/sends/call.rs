//! The call that sends a message, and what its end means.

use sha2::{Digest, Sha256};
use weft_wechat::api::{
    errcode::Class,
    message::{
        subscribe_bizsend::SubscribeBizsend, subscribe_send::SubscribeSend, template_send::TemplateSend,
        template_subscribe::TemplateSubscribe,
    },
};

use crate::{
    model::{App, MessageCall, Target, TemplateMessage},
    storage::SettledAs,
    upstream::{CallError, Wechat},
};

/// WeChat's codes that speak of the message, and so of every user: a template that is not there, values, pages and
/// mini programs that are wrong.
const OF_THE_MESSAGE: &[i64] =
    &[40013, 40035, 40036, 40037, 40039, 40048, 40165, 41028, 41029, 41030, 45002, 47001, 47003];
/// WeChat's codes that speak of the one user, although they are of the caller's kind.
const OF_THE_USER: &[i64] = &[40003, 40031, 49003];

/// What a failure is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// The one user: others may get it.
    User,
    /// The message or the account: nobody gets it before somebody changes something.
    Everybody,
    /// This moment: the same may go later, and nothing was sent.
    Now,
    /// Nobody knows whether it was sent.
    Unknown,
}

/// By which WeChat knows that a message comes again: 32 characters, the same for the same message and user.
pub(super) fn client_msg_id(send: &str, openid: &str) -> String {
    let digest = Sha256::digest(format!("{send}/{openid}"));
    hex::encode(&digest[..16])
}

/// Sends a message to a user; gives WeChat's id of it, where it tells one.
pub(super) async fn send(
    wechat: &Wechat,
    app: &App,
    message: &TemplateMessage,
    touser: &str,
    client_msg_id: &str,
) -> Result<Option<u64>, CallError> {
    let TemplateMessage { template_id, data, via } = message;
    let sent = match via {
        MessageCall::Template(Target { url, miniprogram }) => {
            let miniprogram = miniprogram.as_ref();
            wechat.call(app, &TemplateSend { touser, template_id, url, miniprogram, client_msg_id, data }).await
        }
        MessageCall::Subscribe(Target { url, miniprogram }) => {
            let miniprogram = miniprogram.as_ref();
            wechat.call(app, &SubscribeBizsend { touser, template_id, page: url, miniprogram, data }).await
        }
        MessageCall::MiniProgram { page, miniprogram_state, lang } => {
            wechat.call(app, &SubscribeSend { touser, template_id, page, miniprogram_state, lang, data }).await
        }
        MessageCall::OneTime { target: Target { url, miniprogram }, scene, title } => {
            let (miniprogram, scene) = (miniprogram.as_ref(), *scene);
            wechat.call(app, &TemplateSubscribe { touser, template_id, url, miniprogram, scene, title, data }).await
        }
    };
    sent.map(|sent| sent.msgid)
}

/// What came of a message to one user alone.
pub(super) fn settled(called: &Result<Option<u64>, CallError>) -> SettledAs {
    match called {
        Ok(msgid) => SettledAs::Sent(msgid.map(|msgid| msgid.to_string())),
        Err(error) if about(error) == About::Unknown => SettledAs::unknown(error),
        Err(error) => SettledAs::Failed { errcode: error.errcode(), reason: error.explained() },
    }
}

/// What `error` is about.
pub(super) fn about(error: &CallError) -> About {
    if error.outcome_is_unknown() {
        return About::Unknown;
    }
    let (class, errcode) = (error.class(), error.errcode().unwrap_or_default());
    match class {
        _ if OF_THE_USER.contains(&errcode) => About::User,
        _ if OF_THE_MESSAGE.contains(&errcode) => About::Everybody,
        // Too many to this user.
        Some(Class::Slow | Class::User | Class::Done) => About::User,
        _ if error.may_succeed_later() => About::Now,
        Some(Class::Caller) => About::User,
        _ => About::Everybody,
    }
}

#[cfg(test)]
mod tests {
    use weft_wechat::api::Refusal;

    use super::*;

    #[test]
    fn a_refusal_is_about_the_user_the_message_or_the_moment() {
        for (errcode, expected) in [
            (43101, About::User),
            (43004, About::User),
            (40003, About::User),
            (43108, About::User),
            (40037, About::Everybody),
            (47003, About::Everybody),
            (48001, About::Everybody),
            (43107, About::Everybody),
            (45009, About::Now),
            (45011, About::Now),
            (-1, About::Now),
            (40001, About::Now),
            (123_456, About::User),
        ] {
            let error = CallError::Refused { path: String::new(), refusal: Refusal::new(errcode, "") };
            assert_eq!(about(&error), expected, "{errcode}");
        }
        let unreadable = CallError::Unreadable { path: String::new(), what: String::new() };
        assert_eq!(about(&unreadable), About::Unknown);
    }

    #[test]
    fn a_message_has_an_id_of_its_own_for_each_user_each_time_the_same() {
        let id = client_msg_id("s1", "oA");
        assert_eq!((id.len(), &id), (32, &client_msg_id("s1", "oA")));
        assert!(id != client_msg_id("s1", "oB") && id != client_msg_id("s2", "oA"));
    }
}
