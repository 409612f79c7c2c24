//! One message in, at most one reply out, within the time that WeChat waits.

use std::{sync::Arc, time::Duration};

use weft_wechat::{account::Delivery, reply::Reply};

use crate::{
    accounts::Account,
    plugins::{CallError, Plugins, Subject},
};

/// Finds who answers a message.
#[derive(Clone)]
pub struct Dispatcher {
    plugins: Plugins,
    reply_deadline: Duration,
}

impl Dispatcher {
    /// `reply_deadline` is how long WeChat waits for an answer at most.
    pub fn new(plugins: Plugins, reply_deadline: Duration) -> Self {
        Self { plugins, reply_deadline }
    }

    /// The answer to a message; none when nobody answers, or whoever should fails. A failure is
    /// logged here, with all that an operator needs to find it.
    pub async fn answer(&self, account: &Account, delivery: Delivery) -> Option<Reply> {
        let target = account.app.message_handler.as_ref()?;
        let delivery_id: Arc<str> = format!("{}/{}", account.app.name, delivery.key()).into();
        let message = &delivery.message;
        let subject = Subject {
            app: Arc::clone(&account.app),
            granted: account.plugins.get(&target.plugin).map(Arc::clone),
            delivery_id: Arc::clone(&delivery_id),
            raw: delivery.raw.into(),
        };
        let result = self.plugins.handle(target, subject, message, self.reply_deadline).await;
        let reply = result.and_then(|reply| match reply {
            Some(mut reply) => {
                reply.check(&message.content).map_err(|error| CallError::BadReply(error.to_string()))?;
                reply.fit(&message.content);
                Ok(Some(reply))
            }
            None => Ok(None),
        });
        reply.unwrap_or_else(|error| {
            let backtrace = if let CallError::Crashed(crash) = &error { crash.backtrace.as_str() } else { "" };
            tracing::error!(
                app = account.app.name,
                plugin = target.plugin,
                handler = target.entry.as_deref().unwrap_or_default(),
                delivery = &*delivery_id,
                kind = message.msg_type(),
                event = message.event_name().unwrap_or_default(),
                backtrace,
                "no answer: {error}"
            );
            None
        })
    }
}
