//! A tag that an account gives its users.

use weft_wechat::api::tags::{LAST_SYSTEM_TAG, MAX_NAME};

use super::FieldError;

/// A tag, as WeChat told it last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Given by WeChat, which may give that of a deleted tag again.
    pub id: u32,
    /// What people see.
    pub name: String,
    /// How many users have it.
    pub user_count: u64,
    /// Seconds since 1970.
    pub synced_at: u64,
}

/// Whether the tag of that id is WeChat's own: nobody renames or deletes those.
pub fn is_system_tag(id: u32) -> bool {
    id <= LAST_SYSTEM_TAG
}

/// The rule for the name of a tag; empty when WeChat may be asked for it.
pub fn check_tag_name(name: &str) -> Vec<FieldError> {
    let fits = (1..=MAX_NAME).contains(&name.chars().count());
    if fits && !name.trim().is_empty() && !name.chars().any(char::is_control) {
        return Vec::new();
    }
    vec![FieldError::new("name", format!("1 to {MAX_NAME} characters on one line · 1 到 {MAX_NAME} 个字符，不换行"))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_tag_is_a_short_line() {
        for right in ["v", "老客户", &"名".repeat(30)] {
            assert_eq!(check_tag_name(right), [], "{right}");
        }
        for wrong in ["", " ", "a\nb", "a\0", &"名".repeat(31)] {
            assert_eq!(check_tag_name(wrong).len(), 1, "{wrong:?}");
        }
        assert_eq!([0, 1, 2, 3, 100].map(is_system_tag), [true, true, true, false, false]);
    }
}
