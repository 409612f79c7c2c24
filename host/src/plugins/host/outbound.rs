//! What all calls to the outside have in common: their number, their time, their line in the log.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use uuid::Uuid;

use crate::{
    bilingual::because,
    model::App,
    plugins::{
        bindings::imported::types::Error,
        convert,
        host::{HostError, log::LogAllowance},
        instance::State,
        limits::OUTBOUND_MARGIN,
        statistics::Counts,
    },
    printable::{printable, printable_up_to},
    shares::Room,
};

/// Bytes of an address that stand in a line of the log: the plugin wrote parts of it.
const TO_BYTES: usize = 512;

/// Calls to the outside that go on to their end at a time, of all apps together: guests can give them up as soon as
/// they have begun, and begin others.
const GOING_ON: usize = 1024;

/// Calls of one app to the outside that go on to their end at a time.
const GOING_ON_OF_ONE_APP: usize = 128;

/// Work that goes on when calls have ended: requests of plugins to the outside, and receipts that are written. Clones
/// share it.
#[derive(Debug, Clone)]
pub struct GoingOn {
    tasks: TaskTracker,
    room: Room,
}

impl Default for GoingOn {
    fn default() -> Self {
        Self { tasks: TaskTracker::new(), room: Room::new(GOING_ON, GOING_ON_OF_ONE_APP) }
    }
}

impl GoingOn {
    /// Has `work` go on to its end, although nobody waits for it but a process that stops.
    pub(in crate::plugins) fn take_on(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(work);
    }

    /// Waits until nothing goes on; to be called when nothing begins any more.
    pub(in crate::plugins) async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// A request to the outside that the limits of the call allow, before it is sent.
pub(super) struct OutboundCall {
    /// How long the request may take.
    pub(super) timeout: Duration,
    /// The setting that the operator could raise for the request to take longer.
    setting: Option<&'static str>,
    app: Arc<App>,
    plugin: Arc<str>,
    /// Where calls of the entry that asks are counted.
    called: Option<Arc<Counts>>,
    delivery: Arc<str>,
    id: Uuid,
    allowance: LogAllowance,
    going_on: GoingOn,
}

impl State {
    /// Counts a request to the outside. It may take `wanted`, as `setting` says, and never longer than what is left of
    /// the guest's call.
    pub(super) fn outbound_call(
        &mut self,
        wanted: Duration,
        setting: Option<&'static str>,
    ) -> Result<OutboundCall, HostError> {
        let subject = self.subject()?;
        let (app, delivery) = (Arc::clone(&subject.app), Arc::clone(&subject.delivery_id));
        let most = self.limits.outbound_calls;
        if self.outbound_calls >= most {
            let text = format!("one call of a plugin may ask {most} times outside");
            return Err(Error::Limited(text).into());
        }
        let left = self.ends.saturating_duration_since(Instant::now()).saturating_sub(OUTBOUND_MARGIN);
        if left.is_zero() {
            return Err(Error::TimedOut("the time of this call is over; nothing was sent".to_owned()).into());
        }
        self.outbound_calls += 1;
        let (plugin, id, allowance) = (Arc::clone(self.plugin()), Uuid::now_v7(), self.log_allowance());
        let called = self.log_place.as_ref().map(|place| Arc::clone(&place.counts));
        let (timeout, setting) = (wanted.min(left), setting.filter(|_| wanted <= left));
        let going_on = self.services.going_on.clone();
        Ok(OutboundCall { timeout, setting, app, plugin, called, delivery, id, allowance, going_on })
    }

    /// Counts a request to WeChat or WeChat Pay, as [`outbound_call`](Self::outbound_call) does for others.
    pub(super) fn wechat_call(&mut self) -> Result<OutboundCall, HostError> {
        let most = Duration::from_millis(self.limits.wechat_timeout_ms);
        self.outbound_call(most, Some("plugins.wechat_timeout_ms"))
    }
}

impl OutboundCall {
    /// The app that the request is made for.
    pub(super) fn app(&self) -> Arc<App> {
        Arc::clone(&self.app)
    }

    /// Runs `asking` within the request's time, and logs what came of it. It runs beside the guest: neither on its
    /// stack nor on its CPU time, and no longer than somebody waits for it. `to` says whom it asks, without secrets.
    pub(super) async fn run<T: Send + 'static>(
        self,
        to: &str,
        asking: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, HostError> {
        let began = Instant::now();
        let asked = AbortOnDropHandle::new(tokio::spawn(asking));
        let answer = match tokio::time::timeout(self.timeout, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(panic)) => Err(Error::Other(format!("the host failed: {panic}"))),
            Err(_) => {
                let text = format!("no answer within {} ms", self.timeout.as_millis());
                Err(Error::TimedOut(text))
            }
        };
        let answer = answer.map_err(|error| self.explained(error));
        self.report(to, answer.as_ref().err(), began.elapsed());
        Ok(answer?)
    }

    /// Adds the setting to the error of a request that took too long, where the operator could raise it.
    fn explained(&self, error: Error) -> Error {
        match (error, self.setting) {
            (Error::TimedOut(text), Some(setting)) => {
                Error::TimedOut(because(&text, &format!("the limit is {setting} · 上限为 {setting}")))
            }
            (error, _) => error,
        }
    }

    /// Logs what came of the request, as far as the plugin may log: it may ask as often as it is called.
    fn report(&self, to: &str, failure: Option<&Error>, took: Duration) {
        let (plugin, app, delivery) = (&*self.plugin, self.app.name.as_str(), &*self.delivery);
        if !self.allowance.take(plugin, Some(app)) {
            return;
        }
        let (to, error) = (printable_up_to(to, TO_BYTES), failure.map(convert::error));
        let (to, error) = (&*to, error.as_deref().map(printable));
        let called = self.called.as_deref();
        let (kind, entry) = (called.map(|called| called.kind.name()), called.map(|called| &*called.name));
        let (call, took_ms) = (self.id, took.as_millis());
        match error.as_deref() {
            None => tracing::info!(%call, plugin, kind, entry, app, delivery, to, took_ms, "a plugin asked outside"),
            Some(error) => {
                tracing::warn!(%call, plugin, kind, entry, app, delivery, to, took_ms, error, "a plugin asked outside in vain");
            }
        }
    }

    /// Runs `asking` as [`run`](Self::run) does, and to its end although nobody waits for it any more but a process
    /// that stops: for what has to be written down here once somebody outside was told of it.
    pub(super) async fn run_detached<T: Send + 'static>(
        self,
        to: &str,
        asking: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, HostError> {
        let Some(place) = self.going_on.room.place(&self.app.name) else {
            let text = "too many calls of the app are on their way: WeChat has not answered them; nothing was sent";
            return Err(Error::Limited(text.to_owned()).into());
        };
        let asking = self.going_on.tasks.spawn(async move {
            let _place = place;
            asking.await
        });
        let answer =
            async move { asking.await.unwrap_or_else(|panic| Err(Error::Other(format!("the host failed: {panic}")))) };
        self.run(to, answer).await
    }
}
