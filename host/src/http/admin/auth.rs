//! Who calls, what they may do, and what the audit log hears of it.

use std::{future::Future, time::Duration};

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};

use super::audit_log::Notes;
use crate::{
    accounts::Accounts,
    http::{AppState, error::Problem},
    model::ApiToken,
};

/// How soon it is seen that a token is over with which somebody still reads.
const LOOK: Duration = Duration::from_secs(2);

/// Somebody with a valid token.
pub(super) struct Caller {
    token: ApiToken,
    /// What goes to the audit log when the request has succeeded.
    pub(super) notes: Notes,
}

impl Caller {
    /// Refuses callers who may not do `permission` to `app`, or to the whole installation.
    ///
    /// # Errors
    /// 403.
    pub(super) fn require(&self, app: Option<&str>, permission: &str) -> Result<(), Problem> {
        if self.token.allows(app, permission) {
            return Ok(());
        }
        Err(Problem::forbidden(&app.map_or_else(|| "*".to_owned(), |app| format!("{app}|{permission}"))))
    }

    /// Refuses callers who may do `permission` to no app.
    ///
    /// # Errors
    /// 403.
    pub(super) fn require_any(&self, permission: &str) -> Result<(), Problem> {
        if self.token.allows_in_any(permission) {
            return Ok(());
        }
        Err(Problem::forbidden(&format!("<app>|{permission}")))
    }

    /// Who it is, among tokens.
    pub(super) fn token_id(&self) -> &str {
        &self.token.id
    }

    /// Waits until the token is revoked or over. As long as the database does not answer, it is not.
    pub(super) fn is_over(&self, state: &AppState) -> impl Future<Output = ()> + Send + use<> {
        let (store, id) = (state.store.clone(), self.token.id.clone());
        async move {
            loop {
                tokio::time::sleep(LOOK).await;
                if matches!(store.tokens().is_valid(&id).await, Ok(false)) {
                    return;
                }
            }
        }
    }

    /// What people know the caller by: the name of the token.
    pub(super) fn name(&self) -> &str {
        &self.token.name
    }

    /// What the caller may do, as `<app>` or `<app>|<permission>` each; none for one who may do everything.
    pub(super) fn granted(&self) -> Option<Vec<String>> {
        self.token.granted()
    }

    /// Whether the caller may see `app` in lists.
    pub(super) fn sees(&self, app: &str) -> bool {
        self.token.allows(Some(app), "manage")
    }

    /// Whether the caller may see what was done for the app of that name when it stood for the account `appid`: an app
    /// that was made under the name of a former one may stand for another account, whose calls are not its own.
    pub(super) fn sees_calls_of(&self, accounts: &Accounts, app: &str, appid: &str) -> bool {
        let is_the_same = || accounts.find(app).is_some_and(|account| account.app.appid == appid);
        self.token.allows(None, "manage") || (self.sees(app) && is_the_same())
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let token = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .ok_or_else(Problem::unauthorized)?
            .1;
        let token = state.store.tokens().authenticate(token.trim()).await?;
        let token = token.ok_or_else(Problem::unauthorized)?;
        let notes = parts.extensions.get::<Notes>().cloned().unwrap_or_default();
        notes.actor(&token.id, &token.name);
        Ok(Self { token, notes })
    }
}
