//! `/apps/{app}/handlers/export` and `…/import`: all handlers and the menus of an app as one file.

use axum::{
    Json,
    body::to_bytes,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, header},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    PERMISSION, blocking,
    fields::warnings,
    file::{self, Contents, Format, Unreadable},
    plan::{Changed, ChangedMenu, FieldChange, ImportPlan},
    storing,
};
use crate::{
    http::{
        AppState,
        admin::{auth::Caller, find_app, menus},
        error::{Path, Problem, Query},
        problem_kind::ProblemKind,
        responses::{Invalid, NotFound},
    },
    menus::Difference,
    model::{Handler, HandlerSource, Menu},
};

/// The largest file, in bytes.
const FILE_BYTES: usize = 8 << 20;

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http::admin) struct ExportQuery {
    /// json without.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "yaml")]
    format: Format,
}

/// What becomes of a file.
#[derive(Clone, Copy, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http::admin) struct ImportQuery {
    /// Only says what would change.
    #[serde(default)]
    dry_run: bool,
    /// Removes the handlers that the file does not have.
    #[serde(default)]
    replace: bool,
}

/// What an import has changed, or would change.
#[derive(Serialize, ToSchema)]
pub(in crate::http::admin) struct ImportView {
    /// Whether nothing has been changed.
    dry_run: bool,
    added: Vec<ImportedView>,
    changed: Vec<ChangedView>,
    removed: Vec<ImportedView>,
    /// How many stay as they are.
    unchanged: usize,
    /// Where the draft of the menus changes; empty when it stays.
    menus: Vec<FieldChangeView>,
    /// What should be looked at, such as a plugin that is not there yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Serialize, ToSchema)]
struct ImportedView {
    /// Null when it would be added.
    id: Option<String>,
    name: String,
    source: HandlerSource,
}

#[derive(Serialize, ToSchema)]
struct ChangedView {
    id: String,
    name: String,
    source: HandlerSource,
    fields: Vec<FieldChangeView>,
}

#[derive(Serialize, ToSchema)]
struct FieldChangeView {
    field: String,
    #[schema(value_type = Object)]
    before: Value,
    #[schema(value_type = Object)]
    after: Value,
}

/// All handlers as one file, in the order in which they are tried, with the draft of the menus for those who may see it.
#[utoipa::path(get, operation_id = "export_handlers", path = "/apps/{app}/handlers/export", tag = "handlers", params(("app" = String, Path), ExportQuery),
    responses((status = 200, description = "The file", body = String, content_type = "application/json"), NotFound))]
pub(in crate::http::admin) async fn export(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Query(query): Query<ExportQuery>,
) -> Result<([(HeaderName, String); 2], String), Problem> {
    caller.require(Some(&app), PERMISSION)?;
    find_app(&state, &app).await?;
    let handlers = state.store.handlers().list(&app).await?;
    let menu = match caller.require(Some(&app), menus::PERMISSION) {
        Ok(()) => state.store.menus().draft(&app).await?.map(|draft| draft.menu),
        Err(_) => None,
    };
    let file = blocking(move || file::write(&handlers, menu.as_ref(), query.format)).await?;
    let file = file.map_err(|error| Problem::internal(&*error))?;
    let (content_type, extension) = match query.format {
        Format::Json => ("application/json", "json"),
        Format::Yaml => ("application/yaml", "yaml"),
    };
    let disposition = format!("attachment; filename=\"{app}-handlers.{extension}\"");
    Ok(([(header::CONTENT_TYPE, content_type.to_owned()), (header::CONTENT_DISPOSITION, disposition)], file))
}

/// Takes a file over, whole or not at all. A handler of the file takes the place of the one that has its id, else of one
/// with its name and source; the others are new. Its `menus` become the draft; without them the draft stays. To import a
/// file again changes nothing.
#[utoipa::path(post, operation_id = "import_handlers", path = "/apps/{app}/handlers/import", tag = "handlers", params(("app" = String, Path), ImportQuery),
    request_body(content = String, content_type = "application/json", description = "What export answers; application/yaml for YAML"),
    responses((status = 200, description = "Done", body = ImportView), (status = 400, description = "The file cannot be read", body = Problem),
        NotFound, (status = 413, description = "Too large", body = Problem),
        (status = 415, description = "Neither JSON nor YAML", body = Problem), Invalid))]
pub(in crate::http::admin) async fn import(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Query(query): Query<ImportQuery>,
    request: Request,
) -> Result<Json<ImportView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    find_app(&state, &app).await?;
    let format = format_of(request.headers())?;
    let too_large = |_| Problem::too_large(format!("a file has at most {} MiB", FILE_BYTES >> 20));
    let bytes = to_bytes(request.into_body(), FILE_BYTES).await.map_err(too_large)?;
    let owner = app.clone();
    let Contents { entries, menu } =
        blocking(move || file::read(&bytes, format, &owner)).await?.map_err(|unreadable| match unreadable {
            Unreadable::Syntax(why) => Problem::bad_request(format!("the file cannot be read: {why}")),
            Unreadable::Invalid(errors) => super::super::invalid(errors),
            Unreadable::TooMuch(why) => Problem::refused(ProblemKind::LimitReached, why),
        })?;
    let menu_before = draft_before(&state, &caller, &app, menu.as_ref()).await?;
    let plan = if query.dry_run {
        let before = state.store.handlers().list(&app).await?;
        let (plan, check) = blocking(move || {
            let plan = ImportPlan::new(before, entries, query.replace).with_menu(menu_before, menu);
            let check = plan.check();
            (plan, check)
        })
        .await?;
        check.map_err(|detail| Problem::refused(ProblemKind::LimitReached, detail))?;
        plan
    } else {
        let store = state.store.clone();
        let plan = storing(async move {
            let mut plan = ImportPlan::default();
            let change = |before: Vec<Handler>| {
                plan = ImportPlan::new(before, entries, query.replace).with_menu(menu_before, menu);
                Ok::<_, Problem>(plan.changes())
            };
            let stored = store.handlers().change_all(&app, change).await?;
            plan.stored(stored);
            Ok(plan)
        })
        .await?;
        state.accounts.take_over().await;
        plan
    };
    let view = view(&state, plan, query.dry_run);
    caller.notes.recorded(!query.dry_run);
    caller.notes.after(&view);
    Ok(Json(view))
}

/// The draft that the file's takes the place of; callers who bring one must be allowed to.
async fn draft_before(state: &AppState, caller: &Caller, app: &str, after: Option<&Menu>) -> Result<Menu, Problem> {
    if after.is_none() {
        return Ok(Menu::default());
    }
    caller.require(Some(app), menus::PERMISSION)?;
    Ok(state.store.menus().draft(app).await?.map(|draft| draft.menu).unwrap_or_default())
}

/// What the header says that the file is.
fn format_of(headers: &HeaderMap) -> Result<Format, Problem> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => Ok(Format::Json),
        "application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml" => Ok(Format::Yaml),
        _ => Err(Problem::unsupported("send application/json or application/yaml")),
    }
}

fn view(state: &AppState, plan: ImportPlan, dry_run: bool) -> ImportView {
    let written = plan.added.iter().chain(plan.changed.iter().map(|changed| &changed.after));
    let warnings = written.flat_map(|handler| {
        let name = &handler.name;
        warnings(state, handler).into_iter().map(move |warning| format!("{name}: {warning}"))
    });
    ImportView {
        dry_run,
        warnings: warnings.collect(),
        unchanged: plan.unchanged.len(),
        menus: plan.menu.iter().flat_map(ChangedMenu::differences).map(FieldChangeView::from).collect(),
        added: plan.added.into_iter().map(ImportedView::from).collect(),
        changed: plan.changed.iter().map(ChangedView::from).collect(),
        removed: plan.removed.into_iter().map(ImportedView::from).collect(),
    }
}

impl From<Handler> for ImportedView {
    fn from(handler: Handler) -> Self {
        let id = (!handler.id.is_empty()).then_some(handler.id);
        Self { id, name: handler.name, source: handler.source }
    }
}

impl From<&Changed> for ChangedView {
    fn from(changed: &Changed) -> Self {
        let after = &changed.after;
        let fields = changed.fields().into_iter().map(FieldChangeView::from).collect();
        Self { id: after.id.clone(), name: after.name.clone(), source: after.source, fields }
    }
}

impl From<FieldChange> for FieldChangeView {
    fn from(change: FieldChange) -> Self {
        let FieldChange { field, before, after } = change;
        Self { field, before, after }
    }
}

impl From<Difference> for FieldChangeView {
    fn from(difference: Difference) -> Self {
        let Difference { field, before, after } = difference;
        Self { field, before, after }
    }
}
