//! An API token: what a program that calls the admin API may do.

use super::FieldError;

/// The permissions inside an app, as people give them: `<app>|<permission>`.
pub const PERMISSIONS: &[&str] = &[
    "manage",
    "article",
    "article_sync",
    "material",
    "material_sync",
    "menu",
    "menu_sync",
    "menu_publish",
    "messagehandler",
    "messagehandler_sync",
    "messagelog",
    "user",
    "user_sync",
    "usertag",
    "usertag_sync",
    "template",
    "template_sync",
    // Messages to many followers at once.
    "mass",
    "pay_full",
    "pay_manage",
    "pay_order",
    // Any call of WeChat Pay with a merchant's keys, but those that orders are made of.
    "pay_api",
    // Calls of any WeChat API with the app's access token.
    "wechat_api",
    // Hands the access token itself out.
    "access_token",
];

/// Permissions that bring others along.
const IMPLIED: &[(&str, &[&str])] =
    &[("material", &["article"]), ("pay_full", &["pay_manage", "pay_order", "pay_api"])];

/// A token without its text: that is shown once and kept as a digest only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Names the token in lists and when it is revoked; no secret.
    pub id: String,
    /// For people.
    pub name: String,
    /// `*`, `<app>` or `<app>|<permission>` each.
    pub permissions: Vec<String>,
    /// Seconds since 1970.
    pub created_at: u64,
    /// Seconds since 1970, exact to a minute; none when never used.
    pub last_used_at: Option<u64>,
    /// Seconds since 1970; none when it does not end.
    pub expires_at: Option<u64>,
}

impl ApiToken {
    /// Whether the token may do `permission` in `app`; `app` none stands for what belongs to no app (creating apps,
    /// plugins, tokens, people), which only `*` allows.
    pub fn allows(&self, app: Option<&str>, permission: &str) -> bool {
        self.permissions.iter().any(|granted| match (granted.split_once('|'), app) {
            _ if granted == "*" => true,
            (_, None) => false,
            (None, Some(app)) => granted == app,
            (Some((granted_app, granted)), Some(app)) => granted_app == app && covers(granted, permission),
        })
    }

    /// Whether there is an app in which the token may do `permission`.
    pub fn allows_in_any(&self, permission: &str) -> bool {
        let apps = self.permissions.iter().map(|granted| granted.split_once('|').map_or(&**granted, |(app, _)| app));
        apps.into_iter().any(|app| self.allows(Some(app), permission))
    }

    /// What the token may do, with what its permissions bring along: `<app>` or `<app>|<permission>` each. None when it
    /// may do everything.
    pub fn granted(&self) -> Option<Vec<String>> {
        if self.permissions.iter().any(|granted| granted == "*") {
            return None;
        }
        let mut all = self.permissions.clone();
        for (app, granted) in self.permissions.iter().filter_map(|granted| granted.split_once('|')) {
            let implied = IMPLIED.iter().filter(|(name, _)| *name == granted).flat_map(|(_, implied)| *implied);
            all.extend(implied.map(|permission| format!("{app}|{permission}")));
        }
        Some(all)
    }
}

fn covers(granted: &str, wanted: &str) -> bool {
    granted == wanted || IMPLIED.iter().any(|(name, implied)| *name == granted && implied.contains(&wanted))
}

/// The rules for a new token: a name of 1 to 64 characters, and permissions that exist. Apps are not looked up: a
/// token may be made before its app.
pub fn check_new_token(name: &str, permissions: &[String]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if !(1..=64).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        errors.push(FieldError::new("name", "1 to 64 characters · 1 到 64 个字符"));
    }
    for permission in permissions {
        let (app, right) = match permission.split_once('|') {
            Some((app, inside)) => (app, PERMISSIONS.contains(&inside)),
            None => (permission.as_str(), true),
        };
        let app_fits =
            !app.is_empty() && app.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if permission != "*" && !(right && app_fits) {
            let message = format!(
                "write `*`, `<app>` or `<app>|<permission>`, the permission one of {0} · 请写 `*`、`<账号>` 或 `<账号>|<权限>`，权限为 {0} 之一",
                PERMISSIONS.join(", ")
            );
            errors.push(FieldError::new("permissions", message));
            break;
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(permissions: &[&str]) -> ApiToken {
        ApiToken {
            id: "1".into(),
            name: "ci".into(),
            permissions: permissions.iter().map(|text| (*text).to_owned()).collect(),
            created_at: 0,
            last_used_at: None,
            expires_at: None,
        }
    }

    #[test]
    fn permissions_reach_exactly_as_far_as_they_say() {
        for (granted, app, permission, allowed) in [
            (&["*"][..], None, "apps", true),
            (&["*"], Some("shop"), "menu", true),
            (&["shop"], Some("shop"), "menu", true),
            (&["shop"], Some("shop2"), "menu", false),
            (&["shop"], None, "apps", false),
            (&["shop|menu"], Some("shop"), "menu", true),
            (&["shop|menu"], Some("shop"), "menu_publish", false),
            (&["shop|menu"], Some("other"), "menu", false),
            (&["shop|menu"], None, "menu", false),
            (&["shop|menu", "blog|user"], Some("blog"), "user", true),
            (&["shop|material"], Some("shop"), "article", true),
            (&["shop|article"], Some("shop"), "material", false),
            (&["shop|pay_full"], Some("shop"), "pay_order", true),
            (&["shop|pay_order"], Some("shop"), "pay_full", false),
            (&["*|menu"], Some("shop"), "menu", false),
            (&["shop|*"], Some("shop"), "menu", false),
            (&[], Some("shop"), "menu", false),
        ] {
            assert_eq!(token(granted).allows(app, permission), allowed, "{granted:?} {app:?} {permission}");
        }
    }

    #[test]
    fn what_is_granted_names_what_it_brings_along() {
        assert_eq!(token(&["blog", "*"]).granted(), None);
        let granted = token(&["blog", "shop|material", "shop|menu"]).granted().unwrap();
        assert_eq!(granted, ["blog", "shop|material", "shop|menu", "shop|article"]);
    }

    #[test]
    fn a_new_token_needs_a_name_and_permissions_that_exist() {
        let fields = |name: &str, permissions: &[&str]| {
            let permissions: Vec<_> = permissions.iter().map(|text| (*text).to_owned()).collect();
            check_new_token(name, &permissions).into_iter().map(|error| error.field).collect::<Vec<_>>()
        };
        assert_eq!(fields("ci", &["*", "shop", "shop|menu"]), [""; 0]);
        assert_eq!(fields("", &[]), ["name"]);
        for wrong in ["", "shop|", "|menu", "shop|usr", "a b", "*|menu", "shop|menu|user"] {
            assert_eq!(fields("ci", &[wrong]), ["permissions"], "{wrong:?}");
        }
    }
}
