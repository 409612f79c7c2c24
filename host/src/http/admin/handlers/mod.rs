//! `/apps/{app}/handlers`: the auto-replies of an app.

mod fields;
mod file;
mod plan;
pub(super) mod sync;
pub(super) mod transfer;
pub(super) mod trial;

use axum::{Json, extract::State, http::StatusCode};
use tokio::runtime::Handle;
use tracing::Instrument;

use super::{
    auth::Caller,
    find_app,
    page::{Page, PageQuery},
};
use crate::{
    http::{
        AppState,
        error::{Body, Path, Problem, Query},
        responses::{Invalid, NotFound},
    },
    model::Handler,
    storage::HandlerPlace,
};

use fields::{HandlerFields, HandlerView, view};

/// The permission that callers need.
const PERMISSION: &str = "messagehandler";

/// Lists the handlers in the order in which they are tried.
#[utoipa::path(get, operation_id = "list_handlers", path = "/apps/{app}/handlers", tag = "handlers", params(("app" = String, Path), PageQuery),
    responses((status = 200, description = "Done", body = Page<HandlerView>), NotFound))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<HandlerView>>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    find_app(&state, &app).await?;
    let behind = page.cursor().map(|cursor| place(cursor).ok_or_else(unknown_cursor)).transpose()?;
    let handlers = state.store.handlers().page(&app, behind.as_ref(), page.limit() + 1).await?;
    let page = Page::first(handlers, page.limit(), cursor);
    Ok(Json(page.map(|handler| view(&state, handler))))
}

/// Creates a handler.
#[utoipa::path(post, operation_id = "create_handler", path = "/apps/{app}/handlers", tag = "handlers", params(("app" = String, Path)), request_body = HandlerFields,
    responses((status = 201, description = "Created", body = HandlerView), NotFound, Invalid))]
pub(super) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Body(fields): Body<HandlerFields>,
) -> Result<(StatusCode, Json<HandlerView>), Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let store = state.store.clone();
    let stored = storing(async move {
        let mut handler = Handler::new(&app, "");
        fields.apply(&mut handler).map_err(super::invalid)?;
        Ok(store.handlers().insert(&handler).await?)
    })
    .await?;
    state.accounts.take_over().await;
    let view = view(&state, stored);
    caller.notes.after(&view);
    Ok((StatusCode::CREATED, Json(view)))
}

/// Reads a handler.
#[utoipa::path(get, operation_id = "read_handler", path = "/apps/{app}/handlers/{id}", tag = "handlers", params(("app" = String, Path), ("id" = String, Path)),
    responses((status = 200, description = "Done", body = HandlerView), NotFound))]
pub(super) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, id)): Path<(String, String)>,
) -> Result<Json<HandlerView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let handler = state.store.handlers().find(&app, &id).await?.ok_or_else(|| no_handler(&id))?;
    Ok(Json(view(&state, handler)))
}

/// Replaces a handler: what is absent gets its default.
#[utoipa::path(put, operation_id = "put_handler", path = "/apps/{app}/handlers/{id}", tag = "handlers", params(("app" = String, Path), ("id" = String, Path)), request_body = HandlerFields,
    responses((status = 200, description = "Done", body = HandlerView), NotFound, Invalid))]
pub(super) async fn put(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, id)): Path<(String, String)>,
    Body(fields): Body<HandlerFields>,
) -> Result<Json<HandlerView>, Problem> {
    let replace = move |handler: &mut Handler| {
        *handler = Handler { source: handler.source, ..Handler::new(&handler.app, "") };
        fields.apply(handler).map_err(super::invalid)
    };
    change(state, caller, app, id, replace).await
}

/// Changes a handler: what is absent stays.
#[utoipa::path(patch, operation_id = "patch_handler", path = "/apps/{app}/handlers/{id}", tag = "handlers", params(("app" = String, Path), ("id" = String, Path)), request_body = HandlerFields,
    responses((status = 200, description = "Done", body = HandlerView), NotFound, Invalid))]
pub(super) async fn patch(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, id)): Path<(String, String)>,
    Body(fields): Body<HandlerFields>,
) -> Result<Json<HandlerView>, Problem> {
    change(state, caller, app, id, move |handler| fields.apply(handler).map_err(super::invalid)).await
}

async fn change(
    state: AppState,
    caller: Caller,
    app: String,
    id: String,
    change: impl FnOnce(&mut Handler) -> Result<(), Problem> + Clone + Send + 'static,
) -> Result<Json<HandlerView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let (changing, notes) = (state.clone(), caller.notes.clone());
    let handler = storing(async move {
        let before = changing.store.handlers().find(&app, &id).await?.ok_or_else(|| no_handler(&id))?;
        // Compiled before its turn at writing, so that nobody waits for it, unless the handler is changed meanwhile.
        let mut after = before.clone();
        change.clone()(&mut after)?;
        let noted = |handler: &mut Handler| {
            notes.before(&view(&changing, handler.clone()));
            if *handler != before {
                return change(handler);
            }
            *handler = after;
            Ok(())
        };
        changing.store.handlers().change(&app, &id, noted).await?.ok_or_else(|| no_handler(&id))
    })
    .await?;
    state.accounts.take_over().await;
    let view = view(&state, handler);
    caller.notes.after(&view);
    Ok(Json(view))
}

/// Checks and stores handlers where nobody waits for the thread: their regular expressions are compiled on the way, and a
/// file of them is long. That takes as much time as many messages.
async fn storing<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let (runtime, work) = (Handle::current(), work.in_current_span());
    blocking(move || runtime.block_on(work)).await?
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Problem::internal(&error))
}

/// Deletes a handler.
#[utoipa::path(delete, operation_id = "delete_handler", path = "/apps/{app}/handlers/{id}", tag = "handlers", params(("app" = String, Path), ("id" = String, Path)),
    responses((status = 204, description = "Gone"), NotFound))]
pub(super) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    if let Some(handler) = state.store.handlers().find(&app, &id).await? {
        caller.notes.before(&view(&state, handler));
    }
    if !state.store.handlers().delete(&app, &id).await? {
        return Err(no_handler(&id));
    }
    state.accounts.take_over().await;
    Ok(StatusCode::NO_CONTENT)
}

fn no_handler(id: &str) -> Problem {
    Problem::not_found("handler", id)
}

fn unknown_cursor() -> Problem {
    Problem::bad_request("cursor: not one that a page ended with")
}

/// Names the place of a handler in the list.
fn cursor(handler: &Handler) -> String {
    format!("{}.{}.{}", handler.weight, handler.created_at, handler.id)
}

/// The place that [`cursor`] named.
fn place(cursor: &str) -> Option<HandlerPlace> {
    let mut parts = cursor.splitn(3, '.');
    let (weight, created_at) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some(HandlerPlace { weight, created_at, id: parts.next()?.to_owned() })
}
