//! `POST /apps/{app}/migrate`: copies from another app.

use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{auth::Caller, find_app, jobs::StartedView};
use crate::{
    http::{
        AppState,
        error::{Body, Path, Problem},
        responses::{Forbidden, Invalid, NotFound},
    },
    migrate::{Migration, MigrationInput, MigrationPart},
    model::NewJob,
};

/// What is to be copied.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Migrate {
    /// The name of the other app.
    from: String,
    /// All without.
    parts: Option<Vec<MigrationPart>>,
    /// Only says what would be copied.
    #[serde(default)]
    dry_run: bool,
}

/// Copies materials, drafts, handlers and the draft of the menus from another app; pictures, voice messages and videos
/// become permanent material of this account. Of materials and drafts, those that a sync has made known. The job's result
/// says what was copied, what was there already, and what cannot be. To do it again changes nothing. Needs `manage` here,
/// and may read these and materials there.
#[utoipa::path(post, operation_id = "migrate_app", path = "/apps/{app}/migrate", tag = "apps", params(("app" = String, Path, description = "The app to copy to")), request_body = Migrate,
    responses((status = 202, description = "A job does it", body = StartedView), Forbidden,
        NotFound, Invalid))]
pub(super) async fn migrate(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Body(Migrate { from, parts, dry_run }): Body<Migrate>,
) -> Result<StartedView, Problem> {
    caller.require(Some(&app), "manage")?;
    let mut parts = parts.unwrap_or_else(|| MigrationPart::ALL.to_vec());
    parts.sort_unstable();
    parts.dedup();
    for permission in parts.iter().copied().map(permission_for).chain(["material"]) {
        caller.require(Some(&from), permission)?;
    }
    if parts.is_empty() {
        return Err(Problem::invalid(vec![("parts".to_owned(), "one at least, or none of the field".to_owned())]));
    }
    if from == app {
        return Err(Problem::invalid(vec![("from".to_owned(), "another app than this one".to_owned())]));
    }
    for name in [&app, &from] {
        find_app(&state, name).await?;
    }
    let input = json!(MigrationInput { from, parts, dry_run });
    let new = NewJob {
        app,
        kind: Migration::KIND,
        // What is asked for twice is one job.
        key: input.to_string(),
        permission: "manage",
        created_by: caller.name().to_owned(),
        input,
    };
    caller.notes.recorded(!dry_run);
    caller.notes.after(&new.input);
    Ok(StartedView::new(&state, state.jobs.start(&new).await?))
}

/// What callers need in the other app.
fn permission_for(part: MigrationPart) -> &'static str {
    match part {
        MigrationPart::Materials => "material",
        MigrationPart::Drafts => "article",
        MigrationPart::Handlers => "messagehandler",
        MigrationPart::Menus => "menu",
    }
}
