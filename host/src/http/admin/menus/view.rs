//! Menus in JSON, as they are read.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    http::{AppState, error::Problem},
    menus::Difference,
    model::Menu,
    storage::{MenuDraft, MenuVersion, digest_of},
    time,
};

/// The draft.
#[derive(Serialize, ToSchema)]
pub(in crate::http::admin) struct MenuView {
    #[serde(flatten)]
    menu: Menu,
    /// RFC 3339; null when nobody has written it.
    updated_at: Option<String>,
    /// Whether it is something else than what was published last. Whether that is still what users see is said by
    /// `…/menus/live`.
    changed: bool,
    /// What was published last; null when nothing was.
    published: Option<PublishedView>,
    /// What stands against publishing it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Serialize, ToSchema)]
struct PublishedView {
    /// The version.
    id: String,
    /// RFC 3339.
    published_at: String,
}

/// What was published.
#[derive(Serialize, ToSchema)]
pub(in crate::http::admin) struct MenuVersionView {
    id: String,
    /// RFC 3339.
    published_at: String,
    /// SHA-256 of the menus: versions with the same one are the same.
    digest: String,
    /// WeChat's ids of the conditional menus, in their order.
    menuids: Vec<String>,
    #[serde(flatten)]
    menu: Menu,
}

/// A field that is not the same in both.
#[derive(Serialize, ToSchema)]
pub(in crate::http::admin) struct DraftDifferenceView {
    /// Its path in the draft.
    field: String,
    /// Null when there is none.
    #[schema(value_type = Object)]
    live: Value,
    /// Null when there is none.
    #[schema(value_type = Object)]
    draft: Value,
}

/// How the draft of an app is read.
pub(super) async fn draft_view(state: &AppState, app: &str, draft: Option<MenuDraft>) -> Result<MenuView, Problem> {
    let last = state.store.menus().versions(app, None, 1).await?.pop();
    let (menu, updated_at) = match draft {
        Some(draft) => (draft.menu, Some(time::rfc3339(draft.updated_at))),
        None => (Menu::default(), None),
    };
    let wrong = menu.check().into_iter();
    Ok(MenuView {
        changed: match &last {
            Some(last) => last.digest != digest_of(&menu),
            None => !menu.is_empty(),
        },
        published: last.map(|last| PublishedView { id: last.id, published_at: time::rfc3339(last.published_at) }),
        warnings: wrong.map(|error| error.to_string()).collect(),
        updated_at,
        menu,
    })
}

impl From<MenuVersion> for MenuVersionView {
    fn from(version: MenuVersion) -> Self {
        Self {
            id: version.id,
            published_at: time::rfc3339(version.published_at),
            digest: version.digest,
            menuids: version.menuids,
            menu: version.menu,
        }
    }
}

impl From<Difference> for DraftDifferenceView {
    fn from(difference: Difference) -> Self {
        let Difference { field, before, after } = difference;
        Self { field, live: before, draft: after }
    }
}
