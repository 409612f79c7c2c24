//! Why articles are not as they should be.

use crate::{
    bilingual::{all, because, languages},
    materials::{Use, in_use},
    model::FieldError,
    storage::StoreError,
    upstream::CallError,
};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum ArticleError {
    /// WeChat would not take it.
    #[error("the articles cannot be sent to WeChat as they are · 文章不能这样发给微信")]
    Invalid(Vec<FieldError>),
    /// Another one works on the same draft.
    #[error(
        "the draft is being changed or published already: try again when that is done · 草稿正在修改或发布，请稍后再试"
    )]
    Running,
    /// It was handed in, and WeChat has not said what becomes of it.
    #[error("the draft is being published already, as {publish_id} · 草稿正在发布（{publish_id}）")]
    Publishing {
        /// The publication.
        publish_id: String,
    },
    /// Nobody knows them.
    #[error("there is no {en} `{id}` · 没有{zh} `{id}`", en = languages(kind).0, zh = languages(kind).1)]
    NotFound {
        /// draft, article or publication, in both languages.
        kind: &'static str,
        /// What was asked for.
        id: String,
    },
    /// Something would be without them.
    #[error("{}", articles_in_use(id, uses))]
    InUse {
        /// What was to be deleted.
        id: String,
        /// What uses it.
        uses: Vec<Use>,
    },
    /// A change has failed on its way.
    #[error("{}", unchanged(*index, error))]
    Unfinished {
        /// Its place; the first is 0.
        index: usize,
        /// Why.
        error: CallError,
    },
    /// WeChat did not do it.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A bug.
    #[error("the work has ended early · 处理中断")]
    Ended(#[source] tokio::task::JoinError),
}

fn articles_in_use(id: &str, uses: &[Use]) -> String {
    in_use(&format!("`{id}`"), uses)
}

fn unchanged(index: usize, error: &CallError) -> String {
    let article = format!("articles[{index}] was not changed · articles[{index}] 没有修改");
    all(&[because(&article, &error.explained()), "those before it were · 它之前的已修改".to_owned()])
}
