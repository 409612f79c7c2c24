//! What WeChat tells of calls.

use serde_json::json;
use weft_wechat::api::clear_quota::ClearQuota;
use weft_wechat::api::daily_limits::{DailyLimit, daily_limit};
use weft_wechat::api::openapi::quota_get::{Quota, QuotaAnswer, QuotaGet};
use weft_wechat::api::openapi::rid_get::{RidAnswer, RidGet};
use weft_wechat::api::{Done, Endpoint, read_answer};

use super::json;

#[test]
fn a_quota_is_asked_for_by_path_and_read() {
    assert_eq!(json(&QuotaGet { cgi_path: "/cgi-bin/user/info" }), json!({"cgi_path": "/cgi-bin/user/info"}));
    let body = br#"{"errcode":0,"errmsg":"ok","quota":{"daily_limit":100,"used":3,"remain":97},"rate_limit":{"x":1}}"#;
    let answer: QuotaAnswer = read_answer(body).unwrap();
    assert_eq!(answer.quota, Quota { daily_limit: 100, used: 3, remain: 97 });
    let refused = read_answer::<QuotaAnswer>(br#"{"errcode":76021,"errmsg":"cgi_path not found, please check"}"#);
    assert!(refused.unwrap_err().to_string().contains("76021"));
}

#[test]
fn a_request_that_was_refused_does_not_print() {
    assert_eq!(json(&RidGet { rid: "61725984-6126f6f9-040f19c4" }), json!({"rid": "61725984-6126f6f9-040f19c4"}));
    let body = br#"{"errcode":0,"errmsg":"ok","request":{"invoke_time":1635927298,"cost_in_ms":100,
        "request_url":"access_token=50_Im7xxxx","request_body":"","response_body":"{}","client_ip":"1.2.3.4"}}"#;
    let answer: RidAnswer = read_answer(body).unwrap();
    assert_eq!((answer.request.invoke_time, answer.request.client_ip.as_str()), (1_635_927_298, "1.2.3.4"));
    assert!(!format!("{answer:?}").contains("50_Im7"), "{answer:?}");
}

#[test]
fn clearing_is_not_repeated_and_limits_say_where_they_come_from() {
    assert_eq!(json(&ClearQuota { appid: "wx1" }), json!({"appid": "wx1"}));
    const { assert!(!<ClearQuota<'_> as Endpoint>::IDEMPOTENT) };
    let _: Done = read_answer(br#"{"errcode":0,"errmsg":"ok"}"#).unwrap();
    assert_eq!(daily_limit("/cgi-bin/stable_token"), Some(DailyLimit { calls: 500_000, documented: true }));
    assert!(!daily_limit("/cgi-bin/token").unwrap().documented);
    assert_eq!(daily_limit("cgi-bin/token"), None);
}
