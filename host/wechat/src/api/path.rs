//! Paths of WeChat's API that somebody else writes: what they may be, and what they need.

use std::fmt;
use std::str::FromStr;

use super::{Ability, Host};

/// How long a path may be, in bytes.
const MAX_PATH: usize = 128;

/// A path of WeChat's API: letters, digits, `_`, `-` and `.` between single slashes, of a call that an account makes
/// with its access token. It shows with its slash at the beginning, and is read with or without it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ApiPath(String);

/// Why a path is not called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// No path of WeChat's API looks so.
    #[error(
        "a path of WeChat's API has letters, digits, `_`, `-` and `.` between single slashes, such as cgi-bin/user/info"
    )]
    Malformed,
    /// It hands out or changes tokens or secrets, or goes with others than the account's.
    #[error("{path} is not called this way: {instead}")]
    Refused {
        /// Which.
        path: String,
        /// What to do in its place.
        instead: &'static str,
    },
}

const TOKEN: &str = "the access token is fetched once for all; who needs it asks for the app's access-token";
const TICKET: &str = "tickets are fetched once for all; who needs one asks for the app's tickets";
const QUOTA: &str = "clearing is counted, because WeChat allows ten a month; it goes through the app's quota";
const PLATFORM: &str = "it goes with the token of a third-party platform, and not with the app's";
const USER: &str = "it goes with a user's token or with the appsecret, and not with the app's access token";

/// What is not called with an access token of ours, with all that is below it, and what to do instead.
const REFUSED: &[(&str, &str)] = &[
    ("cgi-bin/token", TOKEN),
    ("cgi-bin/stable_token", TOKEN),
    ("cgi-bin/ticket/getticket", TICKET),
    ("cgi-bin/clear_quota", QUOTA),
    ("cgi-bin/openapi/quota/clear", QUOTA),
    ("cgi-bin/component", PLATFORM),
    ("sns", USER),
];

/// What calls need, with all that is below them; [`Ability::Api`] is enough for others.
const NEEDS: &[(&str, Ability)] = &[
    ("cgi-bin/get_current_autoreply_info", Ability::Autoreply),
    ("cgi-bin/get_current_selfmenu_info", Ability::Menus),
    ("cgi-bin/menu", Ability::Menus),
    ("cgi-bin/message/custom", Ability::CustomerService),
    ("cgi-bin/message/template", Ability::Templates),
    ("cgi-bin/message/subscribe", Ability::Templates),
    ("cgi-bin/template", Ability::Templates),
    ("wxaapi/newtmpl", Ability::Templates),
    ("cgi-bin/material", Ability::Materials),
    ("cgi-bin/draft", Ability::Materials),
    ("cgi-bin/freepublish", Ability::Materials),
    ("cgi-bin/user", Ability::Users),
    ("cgi-bin/tags", Ability::Users),
    ("cgi-bin/groups", Ability::Users),
];

/// What the last names of paths have in them that only read. Most of WeChat's calls that change something are made with
/// POST, some with GET, such as `cgi-bin/menu/delete` and `customservice/kfaccount/del`.
const READING: &[&str] = &["get", "list", "info", "query", "search", "check", "show", "download"];
/// How the last names begin of paths that change something, whatever else they have in them.
const CHANGING: &[&str] = &["add", "clear", "del", "revert", "set", "undo", "update"];

impl ApiPath {
    /// With the slash at the beginning.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the account must be allowed to do.
    pub fn needs(&self) -> Ability {
        let found = NEEDS.iter().find(|(beginning, _)| is_below(self.without_slash(), beginning));
        found.map_or(Ability::Api, |(_, ability)| *ability)
    }

    /// Which server answers it.
    pub fn host(&self) -> Host {
        if self.0 == "/cgi-bin/showqrcode" { Host::Mp } else { Host::Api }
    }

    /// Whether a call with GET changes something at WeChat, or may: what does not say that it reads is taken for one
    /// that does.
    pub fn get_changes(&self) -> bool {
        let path = self.0.to_ascii_lowercase();
        let last = path.rsplit('/').next().unwrap_or_default();
        let reads = READING.iter().any(|word| last.contains(word)) || path.split('/').any(|name| name == "get");
        !reads || CHANGING.iter().any(|word| last.starts_with(word))
    }

    /// Whether it is `beginning`, or below it; both go by whole names between slashes.
    pub fn is_below(&self, beginning: &str) -> bool {
        is_below(self.without_slash(), beginning.trim_matches('/'))
    }

    fn without_slash(&self) -> &str {
        self.0.trim_start_matches('/')
    }
}

impl FromStr for ApiPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let path = text.strip_prefix('/').unwrap_or(text);
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(fits) && !name.bytes().all(|byte| byte == b'.');
        if path.len() > MAX_PATH || !path.split('/').all(is_name) {
            return Err(PathError::Malformed);
        }
        // In lower case, as some servers ignore the case.
        let lower = path.to_ascii_lowercase();
        match REFUSED.iter().find(|(beginning, _)| is_below(&lower, beginning)) {
            Some((_, instead)) => Err(PathError::Refused { path: path.to_owned(), instead }),
            None => Ok(Self(format!("/{path}"))),
        }
    }
}

impl fmt::Display for ApiPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn is_below(path: &str, beginning: &str) -> bool {
    path.strip_prefix(beginning).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
