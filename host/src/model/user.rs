//! A user of an app: somebody who follows it or wrote to it.

use weft_wechat::api::user::info_updateremark::MAX_REMARK;

use super::FieldError;

/// The most characters of a user's alias.
const ALIAS_CHARACTERS: usize = 32;
/// The most characters of the comment on a user.
const COMMENT_CHARACTERS: usize = 1000;

/// What is known of a user. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The app's name.
    pub app: String,
    /// Names the user in this app alone.
    pub openid: String,
    /// Names the user in all apps of one owner.
    pub unionid: Option<String>,
    /// Whether they follow the account now, as far as is known.
    pub subscribed: bool,
    /// When they last began to follow.
    pub subscribed_at: Option<u64>,
    /// When they last left.
    pub unsubscribed_at: Option<u64>,
    /// When they followed for the first time that is known.
    pub first_subscribed_at: Option<u64>,
    /// How they came to follow, such as `ADD_SCENE_QR_CODE`.
    pub subscribe_scene: Option<String>,
    /// The scene of the QR code by which they came.
    pub qr_scene: Option<String>,
    /// WeChat tells it of few users.
    pub nickname: Option<String>,
    /// WeChat tells it of few users.
    pub avatar_url: Option<String>,
    /// Such as `zh_CN`.
    pub language: Option<String>,
    /// The account's own name for the user, which WeChat keeps; may be empty.
    pub remark: String,
    /// The tags that the account gave the user, in their order.
    pub tag_ids: Vec<u32>,
    /// Whether what they send reaches nobody.
    pub blacklisted: bool,
    /// A name for the user that only Weft knows; may be empty.
    pub alias: String,
    /// Notes that only Weft knows; may be empty.
    pub comment: String,
    /// When WeChat last answered a question about the user.
    pub profile_fetched_at: Option<u64>,
    /// When they were first seen.
    pub created_at: u64,
    /// When anything here last changed.
    pub updated_at: u64,
}

/// What WeChat answers about a user. What it leaves out is empty or none, and stays as it was known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// Whom it is about.
    pub openid: String,
    /// `unionid`.
    pub unionid: Option<String>,
    /// `subscribe`: without it nothing but openid and unionid is told.
    pub subscribed: bool,
    /// `subscribe_time`.
    pub subscribed_at: Option<u64>,
    /// `subscribe_scene`.
    pub subscribe_scene: Option<String>,
    /// `qr_scene_str`, or `qr_scene` where that is a number.
    pub qr_scene: Option<String>,
    /// `nickname`.
    pub nickname: Option<String>,
    /// `headimgurl`.
    pub avatar_url: Option<String>,
    /// `language`.
    pub language: Option<String>,
    /// `remark`; empty takes the one that was there away.
    pub remark: Option<String>,
    /// `tagid_list`.
    pub tag_ids: Option<Vec<u32>>,
}

/// What a message told of its sender.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UserNote {
    /// The user was not known before.
    pub new: bool,
    /// It is the first time that the user follows the account.
    pub first_subscribe: bool,
}

/// Which users to list. What is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// The openid, or its beginning.
    pub openid: Option<String>,
    /// The whole unionid.
    pub unionid: Option<String>,
    /// A part of the alias; ASCII letters in either case.
    pub alias: Option<String>,
    /// A part of the nickname; ASCII letters in either case.
    pub nickname: Option<String>,
    /// A part of the remark; ASCII letters in either case.
    pub remark: Option<String>,
    /// Whether they follow the account now.
    pub subscribed: Option<bool>,
    /// Whether they are on the blacklist.
    pub blacklisted: Option<bool>,
    /// A tag that they have.
    pub tag_id: Option<u32>,
    /// The beginning of the openid, the whole unionid, or a part of nickname, remark, alias or comment.
    pub search: Option<String>,
}

/// Changes of what the account notes of a user; none keeps what is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserChange {
    /// See [`User::remark`]: WeChat keeps it, too.
    pub remark: Option<String>,
    /// See [`User::alias`].
    pub alias: Option<String>,
    /// See [`User::comment`].
    pub comment: Option<String>,
}

/// Whether `text` may be an openid: 1 to 64 of `A-Z a-z 0-9 _ -`.
pub fn is_openid(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

impl UserChange {
    /// The fields that break their rules; empty when the change may be stored.
    pub fn check(&self) -> Vec<FieldError> {
        let is_line = |text: &String, most| text.chars().count() <= most && !text.chars().any(char::is_control);
        let is_note = |text: &String| {
            text.chars().count() <= COMMENT_CHARACTERS && !text.chars().any(|c| c.is_control() && c != '\n')
        };
        let mut errors = Vec::new();
        if !self.remark.as_ref().is_none_or(|remark| is_line(remark, MAX_REMARK)) {
            errors.push(FieldError::new("remark", format!("at most {MAX_REMARK} characters on one line")));
        }
        if !self.alias.as_ref().is_none_or(|alias| is_line(alias, ALIAS_CHARACTERS)) {
            errors.push(FieldError::new("alias", format!("at most {ALIAS_CHARACTERS} characters on one line")));
        }
        if !self.comment.as_ref().is_none_or(is_note) {
            errors.push(FieldError::new("comment", format!("at most {COMMENT_CHARACTERS} characters")));
        }
        errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_openid_is_what_wechat_makes_of_one() {
        for right in ["oUser", "o6_bmjrPTlm6_2sgVt7hMZOPfL2M", "o-_9", &"o".repeat(64)] {
            assert!(is_openid(right), "{right}");
        }
        for wrong in ["", "o user", "o/user", "o\0", "用户", &"o".repeat(65)] {
            assert!(!is_openid(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn remark_and_alias_are_short_lines_and_a_comment_may_have_several() {
        let fields = |alias: &str, comment: &str| {
            let some = |text: &str| Some(text.to_owned());
            let change = UserChange { remark: some(alias), alias: some(alias), comment: some(comment) };
            change.check().into_iter().map(|error| error.field).collect::<Vec<_>>()
        };
        assert_eq!(UserChange::default().check(), []);
        assert_eq!(fields("", ""), [""; 0]);
        assert_eq!(fields(&"名".repeat(30), &"注\n".repeat(500)), [""; 0]);
        assert_eq!(fields(&"名".repeat(32), ""), ["remark"]);
        assert_eq!(fields(&"名".repeat(33), &"注".repeat(1001)), ["remark", "alias", "comment"]);
        assert_eq!(fields("a\nb", "a\0b"), ["remark", "alias", "comment"]);
    }
}
