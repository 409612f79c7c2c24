//! `/cgi-bin/get_current_autoreply_info`: what was set in WeChat's console.

use super::account::{Account, Reply, to_json};

pub(super) fn get(account: &Account) -> Reply {
    let mut info = to_json(&account.autoreply);
    for flag in ["is_add_friend_reply_open", "is_autoreply_open"] {
        info[flag] = u8::from(info[flag] == true).into();
    }
    if let Some(fields) = info.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    Reply::Json(info)
}
