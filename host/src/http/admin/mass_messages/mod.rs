//! `/apps/{app}/mass-messages`: messages to many followers at once.

pub(super) mod speed;
mod view;

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse, response::Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use weft_wechat::api::{Ability, message::mass::preview::PreviewTo};

use super::{
    auth::Caller,
    find_app,
    page::{Page, PageQuery},
};
use crate::{
    http::{
        AppState,
        error::{Body, Path, Problem, Query},
        responses::{Invalid, NotFound, WechatRefused},
    },
    mass_messages::{MassError, WantedMassMessage},
    model::{MassFields, MassMessage, MassState, MassTarget, is_clientmsgid, is_openid},
};

use view::{MassMessageView, MassTargetView};

/// The permission that callers need.
const PERMISSION: &str = "mass";

/// A message, and who gets it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "as the body has them")]
pub(super) struct NewMassMessage {
    /// All followers.
    #[serde(default)]
    to_all: bool,
    /// Those who have the tag.
    tag_id: Option<u32>,
    /// 2 to 10000 followers.
    openids: Option<Vec<String>>,
    message: MassFields,
    /// Whether articles that WeChat takes for a reprint are sent as one, instead of not at all.
    #[serde(default)]
    send_ignore_reprint: bool,
    /// By which you, and WeChat, know the message when it comes again: at most 64 visible ASCII characters.
    clientmsgid: Option<String>,
    /// `true` sends it. Without it nothing is sent: the answer says what would be, and to how many.
    #[serde(default)]
    confirm: bool,
    /// Says that nothing is to be sent; not beside `confirm`.
    #[serde(default)]
    dry_run: bool,
}

/// What would be sent.
#[derive(Serialize, ToSchema)]
pub(super) struct MassDryRunView {
    /// Always true.
    dry_run: bool,
    /// As WeChat would get it.
    #[schema(value_type = Object)]
    message: Value,
    to: MassTargetView,
    /// How many users that are now.
    users: u64,
}

/// Who looks at a preview: one of these.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MassPreviewFields {
    /// By openid.
    openid: Option<String>,
    /// By the name that they are found by in WeChat (微信号).
    towxname: Option<String>,
    message: MassFields,
}

/// Which article.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ArticleQuery {
    /// Counted from 1; all of them without.
    article: Option<u32>,
}

/// Lists the mass messages, newest first. The newest 1000 are kept.
#[utoipa::path(get, operation_id = "list_mass_messages", path = "/apps/{app}/mass-messages", tag = "mass messages", params(("app" = String, Path), PageQuery),
    responses((status = 200, description = "Done", body = Page<MassMessageView>), NotFound))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<MassMessageView>>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    find_app(&state, &app).await?;
    let messages = state.store.mass_messages().list(&app, page.cursor(), page.limit() + 1).await?;
    let page = Page::first(messages, page.limit(), |message| message.id.clone());
    Ok(Json(page.map(MassMessageView::from)))
}

/// Reads a mass message with what WeChat has told of it.
#[utoipa::path(get, operation_id = "read_mass_message", path = "/apps/{app}/mass-messages/{id}", tag = "mass messages", params(("app" = String, Path), ("id" = String, Path)),
    responses((status = 200, description = "Done", body = MassMessageView), NotFound))]
pub(super) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, id)): Path<(String, String)>,
) -> Result<Json<MassMessageView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    Ok(Json(find(&state, &app, &id).await?.into()))
}

/// Sends a message to many followers at once; with `"confirm": true` alone. Without it nothing is sent, and the answer
/// says what would be.
///
/// WeChat lets a service account send four a month to each follower, and a subscription account one a day. The same
/// `clientmsgid` again sends nothing again.
#[utoipa::path(post, operation_id = "create_mass_message", path = "/apps/{app}/mass-messages", tag = "mass messages", params(("app" = String, Path)), request_body = NewMassMessage,
    responses((status = 200, description = "Nothing was sent: a dry run", body = MassDryRunView), (status = 201, description = "WeChat has taken it", body = MassMessageView),
        NotFound, (status = 409, description = "The clientmsgid was used for another message, or for one that WeChat may have sent and would send again by now", body = Problem),
        Invalid, (status = 502, description = "WeChat did not take it, or did not say so", body = Problem)))]
pub(super) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Body(new): Body<NewMassMessage>,
) -> Result<Response, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find_app(&state, &app).await?;
    if new.confirm && new.dry_run {
        return Err(wrong("confirm", "either this or dry_run: nothing was sent"));
    }
    let target = MassTarget::of(new.to_all, new.tag_id, new.openids).map_err(|error| super::invalid(vec![error]))?;
    let draft = new.message.draft().map_err(super::invalid)?;
    let clientmsgid = new.clientmsgid.unwrap_or_else(|| Uuid::new_v4().to_string());
    if !is_clientmsgid(&clientmsgid) {
        return Err(wrong("clientmsgid", "1 to 64 visible ASCII characters"));
    }
    app.may(Ability::MassMessages)?;
    if !new.confirm {
        caller.notes.recorded(false);
        let users = state.mass_messages.count(&app, &target).await?;
        let message = serde_json::to_value(&draft.content).unwrap_or_default();
        return Ok(Json(MassDryRunView { dry_run: true, message, to: target.into(), users }).into_response());
    }
    let (send_ignore_reprint, created_by) = (new.send_ignore_reprint, caller.name().to_owned());
    let wanted = WantedMassMessage { draft, target, send_ignore_reprint, clientmsgid, created_by };
    let sent = state.mass_messages.send(app, wanted).await?;
    match sent.error {
        Some(error) if sent.message.state == MassState::Unknown => {
            let detail = format!(
                "{}. WeChat may have sent it: look at …/mass-messages/{}, or ask again with the clientmsgid {}, by which \
                 WeChat sends it once for a day",
                error.explained(),
                sent.message.id,
                sent.message.clientmsgid
            );
            Err(Problem::from(error).in_words(detail))
        }
        Some(error) => Err(error.into()),
        None => {
            let status = if sent.existed { StatusCode::OK } else { StatusCode::CREATED };
            Ok((status, Json(MassMessageView::from(sent.message))).into_response())
        }
    }
}

/// Shows what a message would say to one follower. WeChat takes a hundred a day.
#[utoipa::path(post, operation_id = "preview_mass_message", path = "/apps/{app}/mass-messages/preview", tag = "mass messages", params(("app" = String, Path)), request_body = MassPreviewFields,
    responses((status = 204, description = "Shown"), NotFound, Invalid, WechatRefused))]
pub(super) async fn preview(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Body(fields): Body<MassPreviewFields>,
) -> Result<StatusCode, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find_app(&state, &app).await?;
    let draft = fields.message.draft().map_err(super::invalid)?;
    let to = match (&fields.openid, &fields.towxname) {
        (Some(openid), None) if is_openid(openid) => PreviewTo::Openid(openid),
        (None, Some(name)) if (1..=64).contains(&name.len()) => PreviewTo::WechatName(name),
        _ => return Err(wrong("openid", "either an openid, or towxname with a WeChat name")),
    };
    state.mass_messages.preview(&app, &draft, to).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Asks WeChat how far a message is.
#[utoipa::path(post, operation_id = "sync_mass_message", path = "/apps/{app}/mass-messages/{id}/sync", tag = "mass messages", params(("app" = String, Path), ("id" = String, Path)),
    responses((status = 200, description = "Done", body = MassMessageView), NotFound,
        (status = 409, description = "The message has no id at WeChat", body = Problem), (status = 502, description = "WeChat did not tell", body = Problem)))]
pub(super) async fn sync(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, id)): Path<(String, String)>,
) -> Result<Json<MassMessageView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let message = find(&state, &app, &id).await?;
    let app = find_app(&state, &app).await?;
    Ok(Json(state.mass_messages.refresh(&app, message).await?.into()))
}

/// Takes what a message leads to away: its articles, or its video. The message itself stays with who got it, and here.
#[utoipa::path(delete, operation_id = "delete_mass_message", path = "/apps/{app}/mass-messages/{id}", tag = "mass messages", params(("app" = String, Path), ("id" = String, Path), ArticleQuery),
    responses((status = 204, description = "Gone"), NotFound,
        (status = 409, description = "The message has no id at WeChat", body = Problem), WechatRefused))]
pub(super) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, id)): Path<(String, String)>,
    Query(query): Query<ArticleQuery>,
) -> Result<StatusCode, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let message = find(&state, &app, &id).await?;
    let app = find_app(&state, &app).await?;
    state.mass_messages.delete(&app, message, query.article.unwrap_or_default()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(state: &AppState, app: &str, id: &str) -> Result<MassMessage, Problem> {
    state.store.mass_messages().find(app, id).await?.ok_or_else(|| Problem::not_found("mass message", id))
}

fn wrong(field: &str, rule: &str) -> Problem {
    Problem::invalid(vec![(field.to_owned(), rule.to_owned())])
}

impl From<MassError> for Problem {
    fn from(error: MassError) -> Self {
        let detail = error.to_string();
        match error {
            MassError::Reused(_) | MassError::Forgotten(_) | MassError::NoId => Self::conflict(detail),
            MassError::NoTag(_) => wrong("tag_id", &detail),
            MassError::Call(error) => error.into(),
            MassError::Store(error) => error.into(),
            MassError::Ended(error) => Self::internal(&error),
        }
    }
}
