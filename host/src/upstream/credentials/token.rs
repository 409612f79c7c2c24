//! Access tokens, from where the app has them: WeChat's stable or classic interface, or an operator's server.

use std::sync::Arc;

use reqwest::Url;
use weft_wechat::api::stable_token::StableToken;
use weft_wechat::api::token::{Token, TokenAnswer};
use weft_wechat::api::{Answer, Endpoint, Request, read_answer};

use super::{Fetch, Fetched};
use crate::clock::Clock;
use crate::model::{AccessTokenSource, App, CredentialKind, Inability};
use crate::secret::Secret;
use crate::upstream::TokenError;
use crate::upstream::answer::Beginning;
use crate::upstream::pauses::{Pause, Pauses};
use crate::upstream::retry::Sender;

/// Fetches access tokens.
#[derive(Debug)]
pub(in crate::upstream) struct FetchToken {
    pub(in crate::upstream) sender: Sender,
    pub(in crate::upstream) pauses: Arc<Pauses>,
    pub(in crate::upstream) clock: Clock,
}

impl Fetch for FetchToken {
    fn kind(&self) -> CredentialKind {
        CredentialKind::AccessToken
    }

    async fn fetch(&self, app: &App, forced: bool) -> Result<Fetched, TokenError> {
        let secret = || app.appsecret.as_ref().ok_or(TokenError::Unable(Inability::NoSecret));
        let answer = match app.settings.access_token_source {
            AccessTokenSource::Stable => {
                let call = StableToken::new(&app.appid, secret()?.expose());
                self.ask(app, &if forced { call.forced() } else { call }).await?
            }
            // Each new token of this kind ends the one before it.
            AccessTokenSource::Classic => {
                self.ask(app, &Token { appid: &app.appid, secret: secret()?.expose() }).await?
            }
            AccessTokenSource::Url => self.ask_operator(app).await?,
        };
        if answer.access_token.is_empty() {
            return Err(TokenError::Unreadable("the token is empty".to_owned()));
        }
        Ok(Fetched { secret: Secret::new(answer.access_token.as_str()), expires_in: answer.expires_in })
    }
}

impl FetchToken {
    async fn ask<E: Endpoint<Answer = TokenAnswer>>(&self, app: &App, call: &E) -> Result<TokenAnswer, TokenError> {
        let now = self.clock.now();
        if let Some(Pause { errcode, until }) = self.pauses.find(&app.name, E::PATH, now) {
            return Err(TokenError::Paused { errcode, until, wait: until.saturating_sub(now) });
        }
        let request = Request::of(call).map_err(|_| TokenError::Unreadable("the call is no JSON".to_owned()))?;
        let exchange = self.sender.send(app, &request, None, Beginning::All).await.map_err(TokenError::Transport)?;
        match exchange.granted() {
            Ok(answer) => Ok(TokenAnswer::read(answer)?),
            Err(mut refusal) => {
                self.pauses.note(&app.name, E::PATH, &refusal, now).await;
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
        let answer = self.sender.http.get(url).await.map_err(TokenError::Transport)?;
        Ok(read_answer(&answer.body)?)
    }
}
