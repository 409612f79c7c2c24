//! Why a file is not where it should be.

use super::Use;
use crate::{
    bilingual::{because, languages},
    model::FieldError,
    storage::StoreError,
    upstream::CallError,
};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum MaterialError {
    /// WeChat would not take the file.
    #[error("the file cannot be uploaded as it is · 这个文件不能上传")]
    Invalid(Vec<FieldError>),
    /// The same content is on its way.
    #[error("the same file is being uploaded already: ask again when that is done · 同一个文件正在上传，请稍后再试")]
    Running,
    /// Nobody knows such a material.
    #[error("there is no material `{media_id}` · 没有素材 `{media_id}`")]
    NotFound {
        /// What was asked for.
        media_id: String,
    },
    /// It is no file.
    #[error("{}", because("there is no file · 没有文件", reason))]
    NoFile {
        /// What it is instead.
        reason: String,
        /// Whether that may be another time although nobody changes anything.
        may_pass: bool,
    },
    /// Something would be without it.
    #[error("{}", material_in_use(media_id, uses))]
    InUse {
        /// Which material.
        media_id: String,
        /// What uses it.
        uses: Vec<Use>,
    },
    /// WeChat did not do it.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A bug.
    #[error("the upload has ended early · 上传中断")]
    Ended(#[source] tokio::task::JoinError),
}

fn material_in_use(media_id: &str, uses: &[Use]) -> String {
    in_use(&format!("the material `{media_id}` · 素材 `{media_id}`"), uses)
}

/// That something, which is named in both languages, is used: by the first few, and how many more.
pub fn in_use(what: &str, uses: &[Use]) -> String {
    const SHOWN: usize = 5;
    let mut names: Vec<String> = uses.iter().take(SHOWN).map(ToString::to_string).collect();
    if uses.len() > SHOWN {
        names.push(format!("{0} more · 另外 {0} 处", uses.len() - SHOWN));
    }
    let (names, in_chinese): (Vec<_>, Vec<_>) = names.iter().map(|name| languages(name)).unzip();
    let (names, in_chinese, (what, what_in_chinese)) = (names.join(", "), in_chinese.join("、"), languages(what));
    format!(
        "{what} is used by {names}: take it out there first, or delete it with force · {what_in_chinese} 正被{in_chinese}使用：\
         请先在那里移除，或加 force 强制删除"
    )
}
