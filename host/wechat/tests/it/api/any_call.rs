//! Calls that somebody else writes.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use weft_wechat::api::{Ability, AnyCall, ApiPath, Body, Content, Host, MAX_UPLOAD, Method, PathError};

fn call(method: Method, path: &str, query: &[(&str, &str)]) -> AnyCall {
    let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    AnyCall { method, path: path.parse().unwrap(), query, body: Body::Empty }
}

#[test]
fn a_path_is_names_between_single_slashes() {
    for path in ["cgi-bin/user/info", "/cgi-bin/user/info", "wxa/getwxacodeunlimit", "cv/ocr/idcard", "a.b/c-d_1"] {
        let parsed: ApiPath = path.parse().unwrap();
        assert_eq!(parsed.as_str(), format!("/{}", path.trim_start_matches('/')));
        assert_eq!(parsed.to_string(), parsed.as_str());
    }
    let long = format!("cgi-bin/{}", "a".repeat(121));
    for path in [
        "",
        "/",
        "//cgi-bin/user/info",
        "cgi-bin//user",
        "cgi-bin/user/",
        "cgi-bin/../token",
        "cgi-bin/./token",
        "..",
        ".../a",
        "cgi-bin/%2e%2e/token",
        "cgi-bin%2Ftoken",
        "https://example.com/a",
        "example.com:80/a",
        "user@example.com",
        "cgi-bin/user?a=b",
        "cgi-bin/user#a",
        "cgi-bin\\user",
        "cgi-bin/us er",
        "cgi-bin/用户",
        "cgi-bin/user\n",
        &long,
    ] {
        assert_eq!(path.parse::<ApiPath>(), Err(PathError::Malformed), "{path:?}");
    }
}

#[test]
fn calls_with_get_that_change_something_are_known() {
    let changes = |path: &str| path.parse::<ApiPath>().unwrap().get_changes();
    for path in [
        "cgi-bin/menu/delete",
        "/CGI-BIN/Menu/Delete",
        "customservice/kfaccount/del",
        "wxa/undocodeaudit",
        "wxa/revertcoderelease",
        "cgi-bin/del_list",
        "something/new",
    ] {
        assert!(changes(path), "{path}");
    }
    for path in [
        "cgi-bin/user/info",
        "cgi-bin/user/get",
        "cgi-bin/menu/get",
        "cgi-bin/get_current_selfmenu_info",
        "cgi-bin/media/get/jssdk",
        "cgi-bin/material/get_materialcount",
        "cgi-bin/template/get_all_private_template",
        "cgi-bin/showqrcode",
        "customservice/getkflist",
        "wxa/get_latest_auditstatus",
        "wxaapi/log/userlog_search",
    ] {
        assert!(!changes(path), "{path}");
    }
}

#[test]
fn what_hands_out_tokens_or_secrets_is_refused_with_another_way() {
    for (path, way) in [
        ("cgi-bin/token", "access-token"),
        ("/CGI-BIN/Token", "access-token"),
        ("cgi-bin/stable_token", "access-token"),
        ("cgi-bin/ticket/getticket", "tickets"),
        ("cgi-bin/clear_quota", "quota"),
        ("cgi-bin/clear_quota/v2", "quota"),
        ("cgi-bin/openapi/quota/clear", "quota"),
        ("cgi-bin/component/api_component_token", "third-party"),
        ("sns/jscode2session", "appsecret"),
        ("sns/oauth2/access_token", "user's token"),
    ] {
        let error = path.parse::<ApiPath>().unwrap_err();
        assert!(matches!(error, PathError::Refused { .. }) && error.to_string().contains(way), "{error}");
    }
    for path in ["cgi-bin/tokens", "cgi-bin/openapi/quota/get", "snsx/a", "cgi-bin/componentx"] {
        path.parse::<ApiPath>().unwrap();
    }
}

#[test]
fn what_a_call_needs_follows_from_its_path() {
    for (path, needs) in [
        ("cgi-bin/menu/create", Ability::Menus),
        ("cgi-bin/user/info", Ability::Users),
        ("cgi-bin/users", Ability::Api),
        ("cgi-bin/message/custom/send", Ability::CustomerService),
        ("cgi-bin/message/subscribe/bizsend", Ability::Templates),
        ("cgi-bin/draft/add", Ability::Materials),
        ("cgi-bin/media/upload", Ability::Api),
        ("wxa/getwxacode", Ability::Api),
    ] {
        assert_eq!(path.parse::<ApiPath>().unwrap().needs(), needs, "{path}");
    }
    let path: ApiPath = "cgi-bin/user/info".parse().unwrap();
    assert!(path.is_below("cgi-bin/user") && path.is_below("/cgi-bin/user/info/") && path.is_below("cgi-bin"));
    assert!(!path.is_below("cgi-bin/us") && !path.is_below("cgi-bin/user/info/batchget"));
}

#[test]
fn the_callers_own_access_token_does_not_go_out() {
    let query = [("openid", "o&=U"), ("access_token", "theirs"), ("Access_Token", "theirs"), ("openid", "2")];
    let request = call(Method::Get, "cgi-bin/user/info", &query).request();
    let query: Vec<_> = request.query.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(query, [("openid", "o&=U"), ("openid", "2")]);
    assert!(request.idempotent && request.host == Host::Api && request.host.takes_token());
    assert!(!call(Method::Post, "cgi-bin/user/info", &[]).request().idempotent);
    let picture = call(Method::Get, "cgi-bin/showqrcode", &[("ticket", "gQH8")]).request();
    assert!(picture.host == Host::Mp && !picture.host.takes_token());
}

#[test]
fn an_upload_may_be_as_long_as_wechat_takes() {
    let limit = |path: &str, media_type: &str| call(Method::Post, path, &[("type", media_type)]).max_upload() >> 10;
    assert_eq!(limit("cgi-bin/media/upload", "image"), 10 * 1024 + 64);
    assert_eq!(limit("cgi-bin/media/upload", "thumb"), 64 + 64);
    assert_eq!(limit("cgi-bin/media/upload", "video"), 10 * 1024 + 64);
    assert_eq!(limit("cgi-bin/material/add_material", "video"), 20 * 1024 + 64);
    for (path, media_type) in [("cgi-bin/media/upload", "other"), ("cgi-bin/media/uploadimg", "image")] {
        assert_eq!(limit(path, media_type), MAX_UPLOAD >> 10);
    }
}

#[test]
fn a_body_shows_no_more_than_its_kind_and_length() {
    let bytes = Content::from(Bytes::from_static(b"secret"));
    let file = Content::File { path: Arc::from(Path::new("/tmp/hidden")), length: 7 };
    for (content, length) in [(bytes, 6), (file, 7)] {
        assert_eq!(content.length(), length);
        let shown = format!("{:?}", Body::Raw { content_type: "text/plain".to_owned(), content });
        assert_eq!(shown, format!("Raw(\"text/plain\", Content({length} bytes))"));
    }
}
