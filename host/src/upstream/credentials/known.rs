//! What a process knows of the token or ticket of one app.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;
use weft_wechat::api::Refusal;
use weft_wechat::api::errcode::Class;

use super::Outcome;
use crate::model::{App, Credential};
use crate::upstream::TokenError;

/// For how long after its last use a credential is kept fresh, in seconds: as long as one lives.
const IN_USE: u64 = 7200;
/// For how long a failure answers for everybody: nobody asks again before.
const HELD: Duration = Duration::from_secs(1);
/// The same where somebody must change something at WeChat first.
const HELD_LONG: Duration = Duration::from_secs(10);
/// When the background tries again.
const HELD_BEHIND: Duration = Duration::from_secs(20);

/// One app's place.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// Whoever holds it fetches.
    pub(super) turn: Arc<tokio::sync::Mutex<()>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The app as it was when the credential was fetched, or tried to.
    app: Option<App>,
    credential: Option<Arc<Credential>>,
    failure: Option<(Instant, Arc<TokenError>)>,
    used_at: u64,
}

/// What to do with what is known.
pub(super) enum Known {
    /// To be used.
    Fresh(Arc<Credential>),
    /// To be used, and to be replaced meanwhile.
    Ageing(Arc<Credential>),
    /// There is none.
    Nothing,
}

impl Slot {
    /// What there is for `app`, which is about to use it.
    pub(super) fn known(&self, app: &App, now: u64) -> Known {
        let mut state = self.state();
        state.used_at = now;
        match state.good(app, now) {
            Some(known) if now < known.refresh_at => Known::Fresh(known),
            Some(known) => Known::Ageing(known),
            None => Known::Nothing,
        }
    }

    /// A good credential of a later version than `after`.
    pub(super) fn later_than(&self, app: &App, after: u64, now: u64) -> Option<Arc<Credential>> {
        self.state().good(app, now).filter(|known| known.version > after)
    }

    /// Why there was none, when that was tried after `asked` or so lately that the answer would be the same.
    pub(super) fn failure_since(&self, app: &App, asked: Instant) -> Option<Arc<TokenError>> {
        let state = self.state();
        let (at, error) = state.failure.as_ref().filter(|_| state.is_of(app))?;
        let held = if needs_somebody(error) { HELD_LONG } else { HELD };
        (*at >= asked || at.elapsed() < held).then(|| Arc::clone(error))
    }

    /// Whether it is too early for the background to try again.
    pub(super) fn has_just_failed(&self, app: &App) -> bool {
        let state = self.state();
        state.is_of(app) && state.failure.as_ref().is_some_and(|(at, _)| at.elapsed() < HELD_BEHIND)
    }

    /// Keeps what came of fetching. A credential that could not be replaced stays until it ends.
    pub(super) fn remember(&self, app: &App, outcome: &Outcome) {
        let mut state = self.state();
        if !state.is_of(app) {
            state.credential = None;
            state.app = Some(app.clone());
        }
        match outcome {
            Ok(fetched) => {
                state.credential = Some(Arc::clone(fetched));
                state.failure = None;
            }
            Err(error) => state.failure = Some((Instant::now(), Arc::clone(error))),
        }
    }

    /// Whether it was used lately.
    pub(super) fn is_in_use(&self, now: u64) -> bool {
        self.state().used_at.saturating_add(IN_USE) > now
    }

    /// The app and its credential, when that is to be replaced.
    pub(super) fn due(&self, now: u64) -> Option<(App, Arc<Credential>)> {
        let state = self.state();
        let credential = state.credential.as_ref().filter(|known| now >= known.refresh_at)?;
        Some((state.app.clone()?, Arc::clone(credential)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    fn good(&self, app: &App, now: u64) -> Option<Arc<Credential>> {
        self.credential.as_ref().filter(|known| now < known.expires_at && self.is_of(app)).map(Arc::clone)
    }

    /// Whether what is known was fetched with the settings that the app has now.
    fn is_of(&self, app: &App) -> bool {
        self.app.as_ref().is_some_and(|own| {
            own.appid == app.appid
                && own.appsecret == app.appsecret
                && own.settings.access_token_source == app.settings.access_token_source
                && own.settings.access_token_url == app.settings.access_token_url
        })
    }
}

fn needs_somebody(error: &TokenError) -> bool {
    let class = error.refusal().map(Refusal::class);
    matches!(class, Some(Class::Configuration | Class::Token))
}
