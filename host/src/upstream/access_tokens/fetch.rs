//! Getting a new token: from the database, when another replica was faster, or from where the app has its tokens.

use std::time::Duration;

use reqwest::Url;
use tokio::time::Instant;
use weft_wechat::api::stable_token::StableToken;
use weft_wechat::api::token::{Token, TokenAnswer};
use weft_wechat::api::{Answer, Endpoint, Request, read_answer};

use super::Inner;
use crate::model::{AccessToken, AccessTokenSource, App, Inability};
use crate::secret::Secret;
use crate::storage::FetchedAccessToken;
use crate::upstream::TokenError;
use crate::upstream::answer::Beginning;
use crate::upstream::pauses::Pause;
use crate::upstream::retry;

/// How long fetching may take, all tries together.
const FETCH_TIMEOUT: Duration = Duration::from_secs(15);
/// For how long the lease is taken, in seconds: longer than fetching takes.
const LEASE: u64 = 20;
/// How long to wait for another replica that holds the lease, and how often to look.
const WAIT_TIMEOUT: Duration = Duration::from_secs(25);
const LOOK: Duration = Duration::from_millis(50);
/// How long before its end a token is replaced: from then on WeChat hands out the next one, and takes both.
const LEAD: u64 = 300;

impl Inner {
    /// A token of a later version than `after` that has not ended.
    pub(super) async fn newer_than(&self, app: &App, after: u64) -> Result<AccessToken, TokenError> {
        let began = Instant::now();
        loop {
            let stored = self.store.access_tokens().find(app).await?;
            let now = self.clock.now();
            if let Some(token) = stored.token.filter(|token| token.version > after && token.expires_at > now) {
                return Ok(token);
            }
            let until = now.saturating_add(LEASE);
            if self.store.access_tokens().lease(&app.name, stored.version, &self.holder, until).await? {
                if let Some(token) = self.fetch_and_store(app).await? {
                    return Ok(token);
                }
            } else {
                tokio::time::sleep(LOOK).await;
            }
            if began.elapsed() > WAIT_TIMEOUT {
                return Err(TokenError::Waiting);
            }
        }
    }

    /// None when that took so long that another replica has the lease now.
    async fn fetch_and_store(&self, app: &App) -> Result<Option<AccessToken>, TokenError> {
        let too_long = |_| Err(TokenError::Transport(crate::upstream::TransportError::Timeout(FETCH_TIMEOUT)));
        let fetched = tokio::time::timeout(FETCH_TIMEOUT, self.fetch(app)).await.unwrap_or_else(too_long);
        let tokens = self.store.access_tokens();
        match fetched {
            Ok(answer) => {
                let (refresh_at, expires_at) = lifetime(self.clock.now(), answer.expires_in);
                let token = Secret::new(answer.access_token.as_str());
                let fetched = FetchedAccessToken { token: &token, refresh_at, expires_at };
                Ok(tokens.put(app, &self.holder, fetched).await?)
            }
            Err(error) => {
                // The first error says more; the lease ends by itself, too.
                if let Err(error) = tokens.release(&app.name, &self.holder).await {
                    tracing::warn!(app = app.name, %error, "the lease of the access token stays until it ends");
                }
                Err(error)
            }
        }
    }

    async fn fetch(&self, app: &App) -> Result<TokenAnswer, TokenError> {
        let secret = || app.appsecret.as_ref().ok_or(TokenError::Unable(Inability::NoSecret));
        let answer = match app.settings.access_token_source {
            AccessTokenSource::Stable => self.ask(app, &StableToken::new(&app.appid, secret()?.expose())).await?,
            AccessTokenSource::Classic => {
                self.ask(app, &Token { appid: &app.appid, secret: secret()?.expose() }).await?
            }
            AccessTokenSource::Url => self.ask_operator(app).await?,
        };
        if answer.access_token.is_empty() {
            return Err(TokenError::Unreadable("the token is empty".to_owned()));
        }
        Ok(answer)
    }

    async fn ask<E: Endpoint<Answer = TokenAnswer>>(&self, app: &App, call: &E) -> Result<TokenAnswer, TokenError> {
        let now = self.clock.now();
        if let Some(Pause { errcode, until }) = self.pauses.find(&app.name, E::PATH, now) {
            return Err(TokenError::Paused { errcode, until, wait: until.saturating_sub(now) });
        }
        let request = Request::of(call).map_err(|_| TokenError::Unreadable("the call is no JSON".to_owned()))?;
        let exchange = retry::send(&self.http, &request, None, Beginning::All).await.map_err(TokenError::Transport)?;
        match exchange.granted() {
            Ok(answer) => Ok(TokenAnswer::read(answer)?),
            Err(mut refusal) => {
                self.pauses.note(&app.name, E::PATH, &refusal, now);
                if let Some(secret) = &app.appsecret {
                    refusal.errmsg = refusal.errmsg.replace(secret.expose(), "***");
                }
                Err(refusal.into())
            }
        }
    }

    async fn ask_operator(&self, app: &App) -> Result<TokenAnswer, TokenError> {
        let url = app.settings.access_token_url.as_deref().unwrap_or_default();
        let url: Url = url.parse().map_err(|_| TokenError::Url)?;
        let answer = self.http.get(url).await.map_err(TokenError::Transport)?;
        Ok(read_answer(&answer.body)?)
    }
}

/// When a token that lives for `expires_in` seconds is replaced, and when it ends. Tokens that live for minutes are
/// replaced in the middle of their life; a little later for some, so that not all come at once.
fn lifetime(now: u64, expires_in: u64) -> (u64, u64) {
    let lead = LEAD.min(expires_in / 2);
    let late = rand::random_range(0..=lead / 5);
    let expires_at = now.saturating_add(expires_in);
    (expires_at.saturating_sub(lead).saturating_add(late), expires_at)
}

#[cfg(test)]
mod tests {
    use super::lifetime;

    #[test]
    fn a_token_is_replaced_five_minutes_before_its_end_or_in_the_middle_of_a_short_life() {
        for (expires_in, earliest, latest) in
            [(7200, 6900, 6960), (600, 300, 360), (301, 151, 181), (60, 30, 36), (1, 1, 1), (0, 0, 0)]
        {
            for _ in 0..100 {
                let (refresh_at, expires_at) = lifetime(1000, expires_in);
                assert_eq!(expires_at, 1000 + expires_in);
                assert!((1000 + earliest..=1000 + latest).contains(&refresh_at), "{expires_in}: {refresh_at}");
            }
        }
        assert_eq!(lifetime(1000, u64::MAX).1, u64::MAX);
    }
}
