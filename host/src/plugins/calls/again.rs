//! Calls beside those of messages: one that is made again from its receipt, and one that an author tries.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use weft_wechat::message::Message;

use super::{
    Call, Done, Named,
    draft::Draft,
    entry,
    handlers::Handle,
    hooks::{OrderChange, RefundChange, Tell, TellOfRefund},
    observers::{Observation, Observe},
    pages::{self, PageRequest, Serve},
    rules::Match,
};
use crate::{
    json_object::JsonObject,
    model::{App, AppPlugin, PluginTarget},
    plugin_limits::PluginLimits,
    plugins::{
        CallError, EntryKind, Loaded, Plugins, Receipt, Subject, convert, convert_orders,
        receipts::json,
        sandbox::{Task, Terms},
        wasi::Circumstances,
    },
};

/// A call that was tried.
pub struct Tried {
    /// What became of the call.
    pub receipt: Receipt,
    /// The receipt with nothing hidden, to make the call again: it is shown to nobody.
    whole: Receipt,
}

/// Why a call cannot be made again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The receipt was changed, or is of another version of the host.
    #[error("the receipt's `{field}` cannot be used: {reason}")]
    Unusable {
        /// The field of the receipt.
        field: &'static str,
        /// Why it cannot be used.
        reason: String,
    },
    /// The version has no such entry.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Plugins {
    /// Makes the call of a receipt again, in `loaded`: what it asks the host for is answered as the other time, and
    /// nothing is asked of anybody. What was not asked for then ends the call with a text that says so. Its randomness
    /// is the same, and its clocks go as they did: what it waited for has taken as long. It may use what it could then, up
    /// to the ceilings here.
    ///
    /// # Errors
    /// When the receipt is none of a call of this plugin. A call that fails is a receipt that says so.
    pub async fn replay(&self, loaded: &Loaded, receipt: &Receipt) -> Result<Receipt, ReplayError> {
        match receipt.kind {
            EntryKind::Handler => self.again::<Handle>(loaded, receipt).await,
            EntryKind::Rule => self.again::<Match>(loaded, receipt).await,
            EntryKind::Hook if receipt.input.get("refund").is_some() => {
                self.again::<TellOfRefund>(loaded, receipt).await
            }
            EntryKind::Hook => self.again::<Tell>(loaded, receipt).await,
            EntryKind::Observer => self.again::<Observe>(loaded, receipt).await,
            EntryKind::Page => self.again::<Serve>(loaded, receipt).await,
        }
    }

    /// Lets a handler of `loaded`, which need not be in the set, answer a message: the one of that name, or the first.
    ///
    /// # Errors
    /// When there is no such handler. A call that fails is a receipt that says so.
    pub async fn try_handler(
        &self,
        loaded: &Loaded,
        handler: Option<&str>,
        subject: Subject,
        message: &Message,
    ) -> Result<Tried, CallError> {
        self.attempt(loaded, handler, subject, Handle { message: convert::message(message) }).await
    }

    /// Asks the rule of that name in `loaded`, which need not be in the set, whether a message is meant.
    ///
    /// # Errors
    /// When there is no such rule. A call that fails is a receipt that says so.
    pub async fn try_rule(
        &self,
        loaded: &Loaded,
        rule: &str,
        subject: Subject,
        message: &Message,
    ) -> Result<Tried, CallError> {
        self.attempt(loaded, Some(rule), subject, Match { message: convert::message(message) }).await
    }

    /// Tells the observer of that name in `loaded`, which need not be in the set, that a message was received.
    ///
    /// # Errors
    /// When there is no such observer. A call that fails is a receipt that says so.
    pub async fn try_observer(
        &self,
        loaded: &Loaded,
        observer: &str,
        subject: Subject,
        message: &Message,
    ) -> Result<Tried, CallError> {
        let call = Observe { observation: convert::observation(Observation::Received(message)) };
        self.attempt(loaded, Some(observer), subject, call).await
    }

    /// Tells an order hook of `loaded`, which need not be in the set, of an order: the one of that name, or the first.
    ///
    /// # Errors
    /// When there is no such hook. A call that fails is a receipt that says so.
    pub async fn try_hook(
        &self,
        loaded: &Loaded,
        hook: Option<&str>,
        subject: Subject,
        change: OrderChange<'_>,
    ) -> Result<Tried, CallError> {
        self.attempt(loaded, hook, subject, Tell { event: convert_orders::event(change) }).await
    }

    /// Tells an order hook of `loaded`, which need not be in the set, of a refund: the one of that name, or the first.
    ///
    /// # Errors
    /// When there is no such hook. A call that fails is a receipt that says so, as of a hook that hears of no refunds.
    pub async fn try_refund_hook(
        &self,
        loaded: &Loaded,
        hook: Option<&str>,
        subject: Subject,
        change: RefundChange<'_>,
    ) -> Result<Tried, CallError> {
        self.attempt(loaded, hook, subject, TellOfRefund { event: convert_orders::refund_event(change) }).await
    }

    /// Asks `loaded`, which need not be in the set, for a page: the one that the path names, or the first.
    ///
    /// # Errors
    /// When it has no pages, or the app grants it none. A call that fails is a receipt that says so.
    pub async fn try_page(&self, loaded: &Loaded, subject: Subject, request: PageRequest) -> Result<Tried, CallError> {
        let target = pages::target(&loaded.name, &request.path);
        entry(EntryKind::Page, loaded, &target, &subject.app.name)?;
        pages::check_grant(subject.granted.as_deref(), &loaded.name, &subject.app.name)?;
        self.attempt(loaded, target.entry.as_deref(), subject, Serve { request }).await
    }

    /// Makes a call again that was tried, in `loaded`, as [`replay`](Self::replay) does, and with the secrets that receipts
    /// hide.
    ///
    /// # Errors
    /// When `loaded` has no such entry. A call that fails is a receipt that says so.
    pub async fn retry(&self, loaded: &Loaded, tried: &Tried) -> Result<Receipt, ReplayError> {
        self.replay(loaded, &tried.whole).await
    }

    /// Makes a call for the first time.
    async fn attempt<C: Call>(
        &self,
        loaded: &Loaded,
        name: Option<&str>,
        subject: Subject,
        call: C,
    ) -> Result<Tried, CallError> {
        let task = Task::new(Some(subject.clone()), None);
        let input = json::value(&call);
        let draft = self.examine(loaded, name, &subject, task, self.limits().defaults, call).await?;
        let whole = draft.whole(input);
        Ok(Tried { receipt: draft.receipt(), whole })
    }

    async fn again<C: Call>(&self, loaded: &Loaded, receipt: &Receipt) -> Result<Receipt, ReplayError> {
        let call: C = read("input", receipt.input.clone())?;
        let mut seed = [0; 48];
        hex::decode_to_slice(&receipt.seed, &mut seed)
            .map_err(|error| ReplayError::Unusable { field: "seed", reason: error.to_string() })?;
        let mut app = App::new(&receipt.app.name, receipt.app.app_type, &receipt.app.appid);
        app.title.clone_from(&receipt.app.title);
        let config = receipt.config.as_object().map(JsonObject::from).unwrap_or_default();
        let granted = AppPlugin { config, ..AppPlugin::new(&receipt.app.name, &receipt.plugin) };
        let subject = Subject {
            app: Arc::new(app),
            granted: Some(Arc::new(granted)),
            delivery_id: receipt.delivery_id.as_str().into(),
            raw: receipt.raw.as_str().into(),
        };
        let task = Task {
            circumstances: Circumstances::again(seed, receipt.at),
            played: Some(receipt.host_calls.clone()),
            ..Task::new(Some(subject.clone()), None)
        };
        let limits = receipt.limits.min(&self.limits().ceilings);
        Ok(self.examine(loaded, Some(&receipt.entry), &subject, task, limits, call).await?.receipt())
    }

    /// Makes a call that is counted nowhere and waits for no turn.
    async fn examine<C: Call>(
        &self,
        loaded: &Loaded,
        name: Option<&str>,
        subject: &Subject,
        task: Task,
        limits: PluginLimits,
        call: C,
    ) -> Result<Draft, CallError> {
        let target = PluginTarget { plugin: loaded.name.to_string(), entry: name.map(str::to_owned) };
        let entry = entry(C::KIND, loaded, &target, &subject.app.name)?;
        let (timeout, _) = C::KIND.timeout(&limits);
        let terms = Terms { app: Some(&subject.app.name), limits, timeout, heavy: false };
        let named = Arc::new(Named { entry: entry.name.clone(), call });
        let done = Done::of(self.0.loader.sandbox().run(&loaded.linked, task, terms, Arc::clone(&named)).await);
        Ok(done.draft(subject, loaded, &limits, &named).1)
    }
}

fn read<T: DeserializeOwned>(field: &'static str, json: serde_json::Value) -> Result<T, ReplayError> {
    json::read(json).map_err(|error| ReplayError::Unusable { field, reason: error.to_string() })
}
