//! What is tried again, how often, and what is not.

use std::time::{Duration, Instant};

use weft::{
    clock::Clock,
    simulator::wechat::Fault,
    upstream::{CallError, TransportError, Wechat},
};
use weft_wechat::api::{
    Ability, Endpoint, Method,
    errcode::Class,
    user::info::{UserInfo, UserProfile},
};

use super::{APPID, CUSTOM_SEND, House, SECRET, STABLE_TOKEN, USER_INFO, config, in_a_house, shown};

fn transport(error: &CallError) -> &TransportError {
    match error {
        CallError::Transport { error, .. } => error,
        other => panic!("no transport error: {other:?}"),
    }
}

#[tokio::test]
async fn a_busy_wechat_is_asked_three_times_with_growing_pauses() {
    in_a_house(async |house| {
        house.simulated.fault(CUSTOM_SEND, Fault::Errcode(-1), 2);
        let began = Instant::now();
        house.send().await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(400), "{:?}", began.elapsed());
        assert_eq!((house.simulated.count(CUSTOM_SEND), house.simulated.sent(APPID).len()), (3, 1));

        house.simulated.fault(USER_INFO, Fault::Errcode(61450), 9);
        let error = house.info().await.unwrap_err();
        assert_eq!((error.errcode(), error.class()), (Some(61450), Some(Class::Busy)));
        assert!(error.may_succeed_later());
        assert_eq!(house.simulated.count(USER_INFO), 3);
    })
    .await;
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_and_the_call_repeated_once() {
    in_a_house(async |house| {
        for code in [40001, 40014, 42001] {
            let before = (house.simulated.count(USER_INFO), house.simulated.count(STABLE_TOKEN));
            house.simulated.fault(USER_INFO, Fault::Errcode(code), 1);
            house.info().await.unwrap();
            assert_eq!(house.simulated.count(USER_INFO) - before.0, 2, "{code}");
            // The very first call fetched a token before it was refused one.
            let fetched = house.simulated.count(STABLE_TOKEN) - before.1;
            assert_eq!(fetched, if code == 40001 { 2 } else { 1 }, "{code}");
        }
        let before = house.simulated.count(USER_INFO);
        house.simulated.fault(USER_INFO, Fault::Errcode(40001), 9);
        let error = house.info().await.unwrap_err();
        assert_eq!((error.errcode(), error.class()), (Some(40001), Some(Class::Token)));
        assert_eq!(house.simulated.count(USER_INFO) - before, 2, "never a loop");
    })
    .await;
}

#[tokio::test]
async fn a_used_up_day_pauses_this_call_of_this_app_until_the_day_turns_in_china() {
    in_a_house(async |house| {
        house.simulated.fault(CUSTOM_SEND, Fault::Errcode(45009), 1);
        assert_eq!(house.send().await.unwrap_err().class(), Some(Class::DayQuota));
        let paused = house.send().await.unwrap_err();
        // The clock stands at 2023-11-14T22:13:20Z; the day in China turns at 16:00 UTC.
        assert!(matches!(&paused, CallError::Paused { until: 1_700_064_000, errcode: 45009, .. }), "{paused:?}");
        assert!(paused.to_string().contains("2023-11-15T16:00:00Z"), "{paused}");
        assert_eq!(house.simulated.count(CUSTOM_SEND), 1, "nothing was sent");
        house.info().await.expect("other calls go on");

        house.wechat.resume(&house.app).await.unwrap();
        house.send().await.expect("and this one, once the quota was cleared");
        house.simulated.fault(CUSTOM_SEND, Fault::Errcode(45009), 1);
        house.send().await.unwrap_err();
        house.database.clock.advance(Duration::from_secs(63_999));
        assert!(matches!(house.send().await, Err(CallError::Paused { .. })));
        house.database.clock.advance(Duration::from_secs(1));
        house.send().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_used_up_minute_pauses_for_a_minute() {
    in_a_house(async |house| {
        house.simulated.fault(USER_INFO, Fault::Errcode(45011), 1);
        assert_eq!(house.info().await.unwrap_err().class(), Some(Class::MinuteQuota));
        assert!(matches!(house.info().await, Err(CallError::Paused { errcode: 45011, .. })));
        house.database.clock.advance(Duration::from_mins(1));
        house.info().await.unwrap();
        assert_eq!(house.simulated.count(USER_INFO), 2);
    })
    .await;
}

#[tokio::test]
async fn a_gateways_error_is_tried_again_only_where_that_does_no_harm() {
    in_a_house(async |house| {
        for fault in [Fault::Status(502), Fault::Disconnect] {
            let before = house.simulated.count(USER_INFO);
            house.simulated.fault(USER_INFO, fault.clone(), 2);
            house.info().await.unwrap();
            assert_eq!(house.simulated.count(USER_INFO) - before, 3, "{fault:?}");

            let before = house.simulated.count(CUSTOM_SEND);
            house.simulated.fault(CUSTOM_SEND, fault.clone(), 1);
            let error = house.send().await.unwrap_err();
            assert!(error.outcome_is_unknown() && error.may_succeed_later(), "{error}");
            assert_eq!(house.simulated.count(CUSTOM_SEND) - before, 1, "{fault:?}");
        }
        house.simulated.fault(USER_INFO, Fault::Status(404), 1);
        let error = house.info().await.unwrap_err();
        assert!(matches!(transport(&error), TransportError::Status(404)), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn a_page_in_the_place_of_json_and_a_redirect_are_errors_with_words() {
    in_a_house(async |house| {
        house.simulated.fault(USER_INFO, Fault::Html, 1);
        let error = house.info().await.unwrap_err();
        assert!(matches!(error, CallError::Unreadable { .. }), "{error:?}");
        assert!(error.to_string().contains("not JSON") && error.outcome_is_unknown(), "{error}");
        house.simulated.fault(USER_INFO, Fault::Redirect(format!("{}/other", house.simulated.base)), 1);
        let error = house.info().await.unwrap_err();
        assert!(matches!(transport(&error), TransportError::Status(302)), "{error:?}");
        assert_eq!(house.simulated.count("/other"), 0, "nobody follows");
    })
    .await;
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    in_a_house(async |house| {
        house.simulated.fault(USER_INFO, Fault::Huge, 1);
        let began = Instant::now();
        let error = house.info().await.unwrap_err();
        assert!(matches!(transport(&error), TransportError::TooLarge(_)), "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        assert_eq!(house.simulated.count(USER_INFO), 1);
    })
    .await;
}

/// A call that has little time.
struct Hasty<const IDEMPOTENT: bool>;

impl<const IDEMPOTENT: bool> Endpoint for Hasty<IDEMPOTENT> {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = USER_INFO;
    const NEEDS: Ability = Ability::Api;
    const IDEMPOTENT: bool = IDEMPOTENT;
    const TIMEOUT: Duration = Duration::from_millis(300);
    type Answer = UserProfile;

    fn query(&self) -> Vec<(&'static str, String)> {
        UserInfo { openid: "oU" }.query()
    }
}

#[tokio::test]
async fn a_time_out_is_tried_again_only_where_that_does_no_harm() {
    in_a_house(async |house| {
        house.simulated.fault(USER_INFO, Fault::Delay(Duration::from_secs(30)), 1);
        house.wechat.call(&house.app, &Hasty::<true>).await.unwrap();
        assert_eq!(house.simulated.count(USER_INFO), 2);
        house.simulated.fault(USER_INFO, Fault::Delay(Duration::from_secs(30)), 1);
        let error = house.wechat.call(&house.app, &Hasty::<false>).await.unwrap_err();
        assert!(matches!(transport(&error), TransportError::Timeout(_)), "{error:?}");
        assert!(error.outcome_is_unknown() && error.to_string().contains("0.3 seconds"), "{error}");
        assert_eq!(house.simulated.count(USER_INFO), 3);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_tried_again_and_nothing_is_unknown() {
    in_a_house(async |house| {
        // The token is there; then WeChat is gone.
        house.info().await.unwrap();
        let nowhere = config("http://127.0.0.1:1");
        let wechat = Wechat::new(&nowhere, house.store.clone(), house.database.clock.clone()).unwrap();
        let began = Instant::now();
        let error = wechat.call(&house.app, &Hasty::<false>).await.unwrap_err();
        assert!(began.elapsed() >= Duration::from_millis(400), "{:?}", began.elapsed());
        assert!(transport(&error).was_not_sent() && !error.outcome_is_unknown(), "{error:?}");
        assert!(error.to_string().contains("cannot be reached"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn no_error_shows_a_token_or_a_secret() {
    in_a_house(async |house| {
        let token = house.wechat.access_token(&house.app).await.unwrap().secret.expose().to_owned();
        let mut shown_texts = Vec::new();
        let echo = format!("{{\"errcode\":45002,\"errmsg\":\"refused ?access_token={token}\"}}");
        let faults = [
            Fault::Status(404),
            Fault::Html,
            Fault::Text(echo),
            Fault::Text(format!("{{\"openid\":{{\"{token}\":1}}}}")),
            Fault::Redirect(format!("http://127.0.0.1/{token}")),
            Fault::Huge,
        ];
        for fault in faults {
            house.simulated.fault(USER_INFO, fault, 1);
            shown_texts.push(shown(&house.info().await.unwrap_err()));
        }
        house.simulated.fault(CUSTOM_SEND, Fault::Disconnect, 1);
        shown_texts.push(shown(&house.send().await.unwrap_err()));
        house.simulated.fault(USER_INFO, Fault::Delay(Duration::from_secs(30)), 1);
        shown_texts.push(shown(&house.wechat.call(&house.app, &Hasty::<false>).await.unwrap_err()));
        shown_texts.push(shown(&unreachable(&house).await));
        shown_texts.push(format!("{:?} {:?}", house.wechat, house.app));
        for text in shown_texts {
            assert!(!text.contains(&token) && !text.contains(SECRET), "{text}");
        }
    })
    .await;
}

/// Both the token and the call cannot be had.
async fn unreachable(house: &House<'_>) -> CallError {
    let nowhere = config("http://127.0.0.1:1");
    let clock = Clock::system();
    let wechat = Wechat::new(&nowhere, house.store.clone(), clock).unwrap();
    wechat.call(&house.app, &UserInfo { openid: "oU" }).await.unwrap_err()
}
