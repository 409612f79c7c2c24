//! One message on its way to its answer: user, observers, rules, replies, log.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use futures::{FutureExt, TryFutureExt, future::BoxFuture};
use weft_wechat::{
    account::{Delivery, Query},
    reply::Reply,
};

use super::{
    Parts,
    deliveries::{Fate, Handle, Reaches},
    failure::Failure,
    observers::Ending,
    replies::{Asking, Replies, via},
    subject,
};
use crate::{
    accounts::Account,
    model::{Handler, LateReply, LoggedHandler, MessageLogEntry, Outcome, PluginTarget, ReplyTemplate, Via},
    plugins::{CallError, EntryKind},
    rules::{self, Ask, Plan},
    storage::with_causes,
    upstream::{CustomerService, SendError},
};

/// A delivery that is handled for the first time.
pub(super) struct Handling {
    parts: Arc<Parts>,
    account: Arc<Account>,
    query: Query,
    delivery: Delivery,
    id: Arc<str>,
}

/// Who answers a message.
enum Answerer {
    Handler(Arc<Handler>),
    Plugin(PluginTarget),
    Nobody,
}

/// What came of asking them.
struct Answered {
    reply: Option<Reply>,
    via: Via,
    /// Why it is not the reply that it should be: there is none, or the app's fallback.
    failure: Option<Failure>,
}

/// Whether all that would be done with a message to the account is to note who sent it.
pub(super) fn is_nobodys(account: &Account) -> bool {
    let app = &account.app;
    app.message_handler.is_none()
        && account.rules.is_empty()
        && app.settings.message_observers.is_empty()
        && !app.settings.log_messages
}

impl Handle for Handling {
    fn app(&self) -> &str {
        &self.account.app.name
    }

    fn app_number(&self) -> u32 {
        self.account.number
    }

    fn id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    /// Takes the message to its end. Failures are logged here, with all that an operator needs to find them; there is
    /// no answer then.
    async fn run(self, fate: Fate) {
        let Self { parts, account, delivery, id, .. } = &self;
        let message = &delivery.message;
        let raw = &delivery.raw;
        let received_at = parts.clock.now_ms();
        parts.users.note(&account.app, message).await;
        parts.outcomes.note(&account.app, message);
        let observed = parts.observers.received(account, message, id, raw);

        let answerer = self.answerer(raw).await;
        let mut entries = Vec::new();
        if answerer.is_logged(account.app.settings.log_messages) {
            let mut entry = MessageLogEntry::incoming(&account.app.name, received_at, message);
            entry.raw = account.app.settings.log_raw.then(|| raw.to_string());
            entries.push(self.logged(entry, &answerer));
        }
        let made = self.ask(&answerer, raw, &mut entries).await;
        if let Some(failure) = &made.failure {
            self.report(failure);
        }
        self.answer(fate, &answerer, &made, entries).await;
        observed.finish(|| match made.failure {
            Some(failure) => Ending::Failed(failure.to_string()),
            None => Ending::Handled(made.reply),
        });
    }
}

impl Handling {
    pub(super) fn new(
        parts: Arc<Parts>,
        account: Arc<Account>,
        query: Query,
        delivery: Delivery,
        id: Arc<str>,
    ) -> Self {
        Self { parts, account, query, delivery, id }
    }

    /// The first handler with a rule that matches, else the app's plugin.
    async fn answerer(&self, raw: &Arc<str>) -> Answerer {
        let Self { parts, account, delivery, .. } = self;
        let plugins = PluginRules { handling: self, raw };
        match account.rules.find(&delivery.message, parts.clock.now(), &plugins).await {
            Some(matched) => Answerer::Handler(matched.handler),
            None => account.app.message_handler.clone().map_or(Answerer::Nobody, Answerer::Plugin),
        }
    }

    async fn ask(&self, answerer: &Answerer, raw: &Arc<str>, entries: &mut Vec<MessageLogEntry>) -> Answered {
        let Self { parts, account, delivery, id, .. } = self;
        let message = &delivery.message;
        let asking = Asking { account, message, delivery_id: id, raw, query: &self.query };
        let mut made = match answerer {
            Answerer::Nobody => Answered::of(Ok(None), Via::Passive),
            Answerer::Plugin(target) => Answered::of(parts.replies.of_plugin(target, &asking).await, Via::Passive),
            Answerer::Handler(handler) => self.ask_handler(answerer, handler, &asking, entries).await,
        };
        if let Some(Failure::Plugin { .. }) = made.failure {
            made.reply = Replies::fallback(&asking);
        }
        if let Some(reply) = &mut made.reply {
            reply.fit(&message.content);
        }
        made
    }

    /// Sends all replies but the last, in their order, and gives the last. One that fails does not keep the others
    /// from the user, unless the handler says so.
    async fn ask_handler(
        &self,
        answerer: &Answerer,
        handler: &Handler,
        asking: &Asking<'_>,
        entries: &mut Vec<MessageLogEntry>,
    ) -> Answered {
        let plan = Plan::of(handler, rand::random());
        for template in plan.by_customer_service {
            if let Err(error) = Box::pin(self.send(answerer, template, asking, entries)).await {
                if handler.stop_on_exception {
                    return Answered::of(Err(error), Via::Passive);
                }
                // What was not sent is in the log already.
                if !matches!(error, Failure::NotSent(_)) {
                    self.report(&error);
                }
            }
        }
        let Some(template) = plan.passive else { return Answered::of(Ok(None), Via::Passive) };
        Answered::of(self.parts.replies.of(&template.content, asking).await, via(&template.content))
    }

    /// Makes a reply and sends it as a customer-service message.
    async fn send(
        &self,
        answerer: &Answerer,
        template: &ReplyTemplate,
        asking: &Asking<'_>,
        entries: &mut Vec<MessageLogEntry>,
    ) -> Result<(), Failure> {
        if let Some(reply) = self.parts.replies.of(&template.content, asking).await? {
            let sent = self.send_reply(&reply).await;
            self.log_reply(answerer, &reply, Via::CustomerService, outcome(&sent), entries);
            sent?;
        }
        Ok(())
    }

    async fn send_reply(&self, reply: &Reply) -> Result<(), SendError> {
        let (app, message) = (&self.account.app, &self.delivery.message);
        let sent = self.parts.customer_service.send(app, &message.sender, reply).await;
        if let Err(error) = &sent {
            self.tell(format_args!("customer service"), "not_sent", || {
                let error = with_causes(error);
                tracing::warn!(app = app.name, delivery = &*self.id, %error, "a customer-service message was not sent");
            });
        }
        sent
    }

    /// Hands the answer to WeChat's tries, after its entries of the message log; when it is late for them, sends it as
    /// the app wants it. What becomes of it is known, and logged, only when the tries have it or will not.
    async fn answer(&self, fate: Fate, answerer: &Answerer, made: &Answered, mut entries: Vec<MessageLogEntry>) {
        let log = &self.parts.message_log;
        let body = made.reply.as_ref().map(|reply| self.body(reply));
        let record = async {
            if let Some(reply) = &made.reply {
                self.log_reply(answerer, reply, made.via, Outcome::Sent, &mut entries);
            }
            log.record_as_configured(std::mem::take(&mut entries)).await;
        };
        let reaches = fate.answer(&self.account.app.name, body, record).await;
        if reaches == Reaches::Tries {
            return;
        }
        // A fallback is only for those who wait.
        let late = made.reply.as_ref().filter(|_| reaches == Reaches::Nobody && made.failure.is_none());
        if let Some(reply) = late {
            let outcome = Box::pin(self.send_late(reply)).await;
            self.log_reply(answerer, reply, Via::CustomerService, outcome, &mut entries);
        }
        log.record_as_configured(entries).await;
    }

    /// WeChat was told not to wait for this.
    async fn send_late(&self, reply: &Reply) -> Outcome {
        let app = &self.account.app;
        if app.settings.late_reply != LateReply::Drop && CustomerService::may_send(app) {
            return outcome(&self.send_reply(reply).await);
        }
        self.tell(format_args!("answers"), "late", || {
            tracing::warn!(
                app = app.name,
                delivery = &*self.id,
                "the answer came after WeChat's last try and reaches nobody: the app may not send customer-service \
                 messages, or drops late answers"
            );
        });
        Outcome::Late
    }

    /// The answer as WeChat reads it.
    fn body(&self, reply: &Reply) -> Bytes {
        let Self { parts, account, query, delivery, .. } = self;
        let (message, now) = (&delivery.message, parts.clock.now());
        let xml = reply.to_xml(&message.sender, &message.receiver, now);
        match &account.webhook {
            Some(webhook) if delivery.encrypted => webhook.seal_reply(&xml, now, &query.nonce, rand::random()).into(),
            _ => xml.into(),
        }
    }

    fn log_reply(
        &self,
        answerer: &Answerer,
        reply: &Reply,
        via: Via,
        outcome: Outcome,
        entries: &mut Vec<MessageLogEntry>,
    ) {
        let app = &self.account.app;
        if answerer.is_logged(app.settings.log_replies) {
            let (now, openid) = (self.parts.clock.now_ms(), &self.delivery.message.sender);
            let entry = MessageLogEntry::outgoing(&app.name, now, openid, reply, via, outcome);
            entries.push(self.logged(entry, answerer));
        }
    }

    fn logged(&self, mut entry: MessageLogEntry, answerer: &Answerer) -> MessageLogEntry {
        entry.delivery_id = Some(self.id.to_string());
        entry.handler = match answerer {
            Answerer::Handler(handler) => {
                Some(LoggedHandler { id: Some(handler.id.clone()), name: handler.name.clone() })
            }
            Answerer::Plugin(target) => Some(LoggedHandler { id: None, name: target.to_string() }),
            Answerer::Nobody => None,
        };
        entry
    }

    fn report(&self, failure: &Failure) {
        let message = &self.delivery.message;
        let (app, delivery) = (&self.account.app.name, &*self.id);
        let (kind, event) = (message.msg_type(), message.event_name());
        let Failure::Plugin { target, error } = failure else {
            return self.tell(format_args!("answers"), failure.code(), || {
                tracing::error!(app, delivery, kind, event, "no answer: {}", with_causes(failure));
            });
        };
        self.tell(format_args!("handler {target}"), failure.code(), || {
            let (plugin, backtrace, why) = (&target.plugin, error.backtrace(), error.in_log());
            let handler = self.parts.plugins.entry_name(EntryKind::Handler, target);
            if matches!(**error, CallError::KeepsFailing { .. } | CallError::Shed { .. } | CallError::Disabled(_)) {
                // The reason is in the log already, is a matter of load, or is what the operator wanted.
                tracing::warn!(app, plugin, handler, delivery, kind, event, "no answer: plugin {target}: {why}");
            } else {
                tracing::error!(
                    app,
                    plugin,
                    handler,
                    delivery,
                    kind,
                    event,
                    backtrace,
                    "no answer: plugin {target}: {why}"
                );
            }
        });
    }

    /// Tells the log of a failure by `line`, as far as there were not many such lines.
    fn tell(&self, what: fmt::Arguments<'_>, code: &str, line: impl FnOnce()) {
        self.parts.failures.tell(&self.account.app.name, what, code, line);
    }
}

/// The plugins' rules, asked about the message that is handled.
struct PluginRules<'h> {
    handling: &'h Handling,
    raw: &'h Arc<str>,
}

impl Ask for PluginRules<'_> {
    fn ask<'a>(&'a self, target: &'a PluginTarget) -> BoxFuture<'a, rules::Answer> {
        let handling = self.handling;
        let Handling { parts, account, delivery, id, .. } = handling;
        let subject = subject(account, target, Arc::clone(id), Arc::clone(self.raw));
        let asked = parts.plugins.matches(target, subject, &delivery.message);
        let asked = asked.map_err(move |error| {
            handling.tell(format_args!("rule {target}"), error.code(), || {
                let (app, plugin, delivery) = (&account.app.name, &target.plugin, &**id);
                let rule = parts.plugins.entry_name(EntryKind::Rule, target);
                let (backtrace, why) = (error.backtrace(), error.in_log());
                tracing::warn!(
                    app,
                    plugin,
                    rule,
                    delivery,
                    backtrace,
                    "a plugin's rule failed and does not match: {why}"
                );
            });
            error.to_string()
        });
        asked.boxed()
    }
}

fn outcome(sent: &Result<(), SendError>) -> Outcome {
    sent.as_ref().map_or_else(|error| Outcome::Failed(error.to_string()), |()| Outcome::Sent)
}

impl Answerer {
    /// Whether the app, or the handler itself, wants it logged.
    fn is_logged(&self, by_app: bool) -> bool {
        by_app || matches!(self, Self::Handler(handler) if handler.log_message)
    }
}

impl Answered {
    fn of(reply: Result<Option<Reply>, Failure>, via: Via) -> Self {
        match reply {
            Ok(reply) => Self { reply, via, failure: None },
            Err(failure) => Self { reply: None, via, failure: Some(failure) },
        }
    }
}
