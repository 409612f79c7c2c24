//! Materials in JSON, as they are read.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    http::admin::articles::ArticleView,
    materials::Use,
    model::{ArticleSet, Material, MaterialType},
    time,
};

/// A permanent material.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct MaterialView {
    media_id: String,
    r#type: MaterialType,
    /// What the file is called; the title of the first article for news.
    name: String,
    /// Where a picture is, for articles of this account.
    url: Option<String>,
    /// A name that WeChat does not know, unique in the app.
    alias: String,
    /// Notes that WeChat does not know.
    comment: String,
    /// RFC 3339: when it last changed at WeChat.
    updated_at: String,
    /// RFC 3339: when it was first known here.
    created_at: String,
}

/// A permanent material, with what is in it and what uses it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct MaterialDetail {
    #[serde(flatten)]
    material: MaterialView,
    /// The articles of news, as they were synced; null for files.
    articles: Option<Vec<ArticleView>>,
    /// What would be without it.
    used_by: Vec<UseView>,
}

/// Something that uses a material.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct UseView {
    /// handler, `menu_draft`, menu (the menus that were published last), or draft.
    kind: &'static str,
    /// The handler's id, the version of the menus, the draft's `media_id`; empty for the draft of the menus.
    id: String,
    /// The handler's name, or the draft's first title.
    name: String,
}

impl From<Material> for MaterialView {
    fn from(material: Material) -> Self {
        Self {
            media_id: material.media_id,
            r#type: material.material_type,
            name: material.name,
            url: material.url,
            alias: material.alias,
            comment: material.comment,
            updated_at: time::rfc3339(material.updated_at),
            created_at: time::rfc3339(material.created_at),
        }
    }
}

impl MaterialDetail {
    pub(super) fn new(material: Material, articles: Option<ArticleSet>, uses: Vec<Use>) -> Self {
        Self {
            material: material.into(),
            articles: articles.map(|articles| ArticleView::whole(articles.items)),
            used_by: uses.into_iter().map(UseView::from).collect(),
        }
    }
}

impl From<Use> for UseView {
    fn from(used: Use) -> Self {
        Self { kind: used.kind.as_str(), id: used.id, name: used.name }
    }
}
