//! Why something could not be done with users or tags.

use weft_wechat::api::tags::{MAX_OF_USER, MAX_USERS_TO_DELETE};

use crate::{
    bilingual::{all, because},
    model::FieldError,
    storage::StoreError,
    upstream::CallError,
};

/// Why something could not be done with users or tags.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// Nobody of that openid is known here, or WeChat knows no such user of the account.
    #[error("there is no user `{0}` · 没有用户 `{0}`")]
    UnknownUser(String),
    /// Neither here nor at WeChat there is a tag of that id.
    #[error("there is no tag `{0}` · 没有标签 `{0}`")]
    UnknownTag(u32),
    /// The tag is WeChat's own.
    #[error("the tag {0} is WeChat's own: nobody can rename or delete it · 标签 {0} 是微信的系统标签，不能改名或删除")]
    SystemTag(u32),
    /// The user has as many tags as there may be.
    #[error(
        "a user has {MAX_OF_USER} tags at most: take one off first · 每个用户最多 {MAX_OF_USER} 个标签，请先取消一个"
    )]
    TooManyTags,
    /// The tag cannot be deleted yet.
    #[error(
        "the tag has more than {MAX_USERS_TO_DELETE} users: they must be taken off it first · 标签下的用户超过 {MAX_USERS_TO_DELETE} 个，请先取消他们的标签"
    )]
    TooManyUsers,
    /// WeChat would not take it; nothing was sent.
    #[error("something in it cannot be · 内容有误")]
    Invalid(Vec<FieldError>),
    /// Nothing was changed, unless [`CallError::outcome_is_unknown`].
    #[error(transparent)]
    Call(CallError),
    /// Some users were changed, the others were not.
    #[error("{}", unfinished(*done, *total, error))]
    Unfinished {
        /// How many.
        done: usize,
        /// Of how many.
        total: usize,
        /// Why not all.
        error: CallError,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn unfinished(done: usize, total: usize, error: &CallError) -> String {
    let failed =
        format!("{done} of {total} users were changed, then it failed · 已修改 {total} 个用户中的 {done} 个，之后失败");
    all(&[because(&failed, &error.explained()), "ask for the same again · 请用同样的请求重试".to_owned()])
}

/// WeChat's code for an openid that it does not know.
pub(super) const INVALID_OPENID: i64 = 40003;
/// WeChat's code for an openid of another account.
const FOREIGN_OPENID: i64 = 49003;
/// WeChat's code for a user who is not there.
const NO_SUCH_USER: i64 = 46004;
/// WeChat's code for a user who has as many tags as there may be.
const TOO_MANY_TAGS: i64 = 45059;
/// WeChat's code for a tag with so many users that it cannot be deleted.
const TOO_MANY_USERS: i64 = 45057;
/// WeChat's code for a tag that is not there.
const INVALID_TAG: i64 = 45159;

/// Whether WeChat has refused because of one of the users.
pub(super) fn is_about_a_user(error: &CallError) -> bool {
    let codes = [INVALID_OPENID, FOREIGN_OPENID, NO_SUCH_USER, TOO_MANY_TAGS];
    error.errcode().is_some_and(|errcode| codes.contains(&errcode))
}

/// What WeChat's no to a call about a tag means.
pub(super) fn about_tag(id: u32) -> impl FnOnce(CallError) -> UserError {
    move |error| match error.errcode() {
        Some(INVALID_TAG) => UserError::UnknownTag(id),
        Some(TOO_MANY_TAGS) => UserError::TooManyTags,
        Some(TOO_MANY_USERS) => UserError::TooManyUsers,
        _ => UserError::Call(error),
    }
}

/// What WeChat's no to a call about one user means.
pub(super) fn about_user(openid: &str) -> impl FnOnce(CallError) -> UserError {
    move |error| match error.errcode() {
        Some(INVALID_OPENID | FOREIGN_OPENID | NO_SUCH_USER) => UserError::UnknownUser(openid.to_owned()),
        _ => UserError::Call(error),
    }
}
