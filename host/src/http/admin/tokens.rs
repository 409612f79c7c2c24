//! `/tokens`: who may call this API.

use axum::{Json, extract::State, http::StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    auth::Caller,
    page::{Page, PageQuery},
};
use crate::{
    http::{
        AppState,
        error::{Body, Path, Problem, Query},
        responses::{Invalid, NotFound},
    },
    model::{ApiToken, check_new_token},
    time,
};

/// A token without its text.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenView {
    /// Names it in this API.
    id: String,
    /// For people.
    name: String,
    /// `*`, `<app>` or `<app>|<permission>`.
    permissions: Vec<String>,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339, exact to a minute.
    last_used_at: Option<String>,
    /// RFC 3339.
    expires_at: Option<String>,
}

/// A token with its text, which is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CreatedToken {
    token: String,
    #[serde(flatten)]
    view: TokenView,
}

/// A new token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    /// For people.
    name: String,
    /// `*`, `<app>` or `<app>|<permission>`; `["*"]` without.
    permissions: Option<Vec<String>>,
    /// RFC 3339; without it the token does not end.
    #[schema(value_type = Option<String>)]
    expires_at: Option<Timestamp>,
}

fn view(token: ApiToken) -> TokenView {
    TokenView {
        id: token.id,
        name: token.name,
        permissions: token.permissions,
        created_at: time::rfc3339(token.created_at),
        last_used_at: token.last_used_at.map(time::rfc3339),
        expires_at: token.expires_at.map(time::rfc3339),
    }
}

/// Lists the tokens.
#[utoipa::path(get, operation_id = "list_tokens", path = "/tokens", tag = "tokens", params(PageQuery), responses((status = 200, description = "Done", body = Page<TokenView>)))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<TokenView>>, Problem> {
    caller.require(None, "manage")?;
    let mut tokens: Vec<_> = state.store.tokens().list().await?.into_iter().map(view).collect();
    tokens.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(Json(page.of(tokens, |token: &TokenView| &token.id)))
}

/// Creates a token; the answer shows its text, which is kept nowhere.
#[utoipa::path(post, operation_id = "create_token", path = "/tokens", tag = "tokens", request_body = NewToken,
    responses((status = 201, description = "Created", body = CreatedToken), Invalid))]
pub(super) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Body(new): Body<NewToken>,
) -> Result<(StatusCode, Json<CreatedToken>), Problem> {
    caller.require(None, "manage")?;
    let permissions = new.permissions.unwrap_or_else(|| vec!["*".to_owned()]);
    let mut errors = check_new_token(&new.name, &permissions);
    let expires_at = new.expires_at.map(|at| u64::try_from(at.as_second()).unwrap_or_default());
    if expires_at.is_some_and(|at| at <= state.clock.now()) {
        errors.push(crate::model::FieldError::new("expires_at", "a time to come"));
    }
    if !errors.is_empty() {
        return Err(super::invalid(errors));
    }
    let (token, text) = state.store.tokens().create(&new.name, &permissions, expires_at).await?;
    let view = view(token);
    caller.notes.after(&view);
    Ok((StatusCode::CREATED, Json(CreatedToken { token: text.expose().to_owned(), view })))
}

/// Revokes a token at once.
#[utoipa::path(delete, operation_id = "revoke_token", path = "/tokens/{id}", tag = "tokens", params(("id" = String, Path)),
    responses((status = 204, description = "Gone"), NotFound))]
pub(super) async fn revoke(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.require(None, "manage")?;
    let tokens = state.store.tokens();
    if let Some(token) = tokens.list().await?.into_iter().find(|token| token.id == id) {
        caller.notes.before(&view(token));
    }
    if tokens.revoke(&id).await? { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found("token", &id)) }
}
