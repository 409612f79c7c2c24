//! What the log tells of requests to webhooks that are refused, and what the answer does not.

use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::Method;
use serde_json::json;
use weft::simulator::{Fault, Incoming, Sender, Settings};
use weft_wechat::account::EncodingMode;

use crate::{
    orders::API_KEY,
    support::{AES_KEY, Folders, ORIGINAL_ID, TOKEN, client, process::Process, until},
};

const REFUSED: &str = "a webhook request is refused: ";

/// A server in a process of its own, with an app in safe mode, which has a merchant, and one in plain mode.
async fn server(folders: &Folders) -> Process {
    let app = folders.server().await;
    app.account("safe", EncodingMode::Safe, "nobody").await;
    app.account("plain", EncodingMode::Plain, "nobody").await;
    let merchant = json!({"mch_id": "1900000109", "api_version": "v2", "api_key": API_KEY, "sign_type": "HMAC-SHA256"});
    assert_eq!(app.api(Method::POST, "/apps/safe/merchants", Some(merchant)).await.0, 201);
    app.stop().await;
    folders.process(&[])
}

/// What WeChat's console has of an app.
fn console(process: &Process, name: &str, mode: EncodingMode) -> Settings {
    Settings {
        url: format!("{}/wechat/{name}/", process.base),
        token: TOKEN.to_owned(),
        appid: format!("wx{name}"),
        original_id: ORIGINAL_ID.to_owned(),
        mode,
        key: Some(AES_KEY.parse().unwrap()),
    }
}

/// Delivers a message, whose body `change` may spoil on the way; returns status and body of the answer.
async fn deliver(settings: Settings, change: impl FnOnce(&mut String)) -> (u16, String) {
    deliver_by(&Sender::new(settings).unwrap(), change).await
}

async fn deliver_by(sender: &Sender, change: impl FnOnce(&mut String)) -> (u16, String) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let message = Incoming::text("oUser", "hi").xml(ORIGINAL_ID, now, 1);
    let mut signed = sender.sign(&message);
    change(&mut signed.body);
    let answer = sender.deliver(message, &signed).await.unwrap();
    (answer.status, answer.body)
}

/// Waits until the log has told of a refusal with all of this.
async fn told(process: &Process, texts: &[&str]) {
    let texts = [&[REFUSED], texts].concat();
    until(&format!("the log tells {texts:?}"), async || process.lines_with(&texts).pop().map(drop)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_names_what_differs_and_the_answer_does_not() {
    let folders = Folders::new();
    let process = server(&folders).await;
    let safe = console(&process, "safe", EncodingMode::Safe);
    let unchanged = |_: &mut String| ();
    let refused = (400, String::new());

    // More than are told whole: what comes for another reason is told all the same.
    let wrong_token = Settings { token: "anothertoken".to_owned(), ..safe.clone() };
    let sender = Sender::new(wrong_token).unwrap();
    for _ in 0..30 {
        assert!(matches!(sender.verify().await, Err(Fault::Verification { status: 400, body }) if body.is_empty()));
    }
    until("it is told that lines are left out", async || {
        process.lines_with(&["more such lines come too fast", "app=\"safe\"", "code=\"token\""]).pop()
    })
    .await;
    until("the first ones are told whole", async || {
        let lines = process.lines_with(&[REFUSED, "app=\"safe\"", "reason=\"token\"", "令牌"]);
        (lines.len() >= 20).then_some(())
    })
    .await;

    let wrong_key = Settings { key: Some(AES_KEY.replace("abc", "xyz").parse().unwrap()), ..safe.clone() };
    assert_eq!(deliver(wrong_key.clone(), unchanged).await, refused);
    told(&process, &["app=\"safe\"", "reason=\"encoding_aes_key\""]).await;
    let wrong_appid = Settings { appid: "wx0123456789abcdef".to_owned(), ..safe.clone() };
    assert_eq!(deliver(wrong_appid, unchanged).await, refused);
    told(&process, &["app=\"safe\"", "reason=\"appid\"", "\"wx0123456789abcdef\" where the app has wxsafe"]).await;
    let cut = |body: &mut String| *body = body.replacen("CDATA[", "CDATA[A", 2);
    assert_eq!(deliver(safe.clone(), cut).await, refused);
    told(&process, &["app=\"safe\"", "reason=\"body\""]).await;
    assert_eq!(deliver(Settings { mode: EncodingMode::Plain, ..safe.clone() }, unchanged).await, refused);
    told(&process, &["app=\"safe\"", "reason=\"encoding_mode\"", "not encrypted"]).await;
    assert_eq!(deliver(console(&process, "plain", EncodingMode::Safe), unchanged).await, refused);
    told(&process, &["app=\"plain\"", "reason=\"encoding_mode\"", "encoding_mode is plain"]).await;

    // Before it is looked into: key, appid and body have their lines together.
    let sender = Sender::new(wrong_key).unwrap();
    for _ in 0..30 {
        assert_eq!(deliver_by(&sender, unchanged).await, refused);
    }
    until("it is told that lines are left out", async || {
        process.lines_with(&["more such lines come too fast", "app=\"safe\"", "code=\"envelope\""]).pop()
    })
    .await;

    for name in ["nobody", "noone"] {
        assert_eq!(deliver(console(&process, name, EncodingMode::Plain), unchanged).await, (404, String::new()));
        told(&process, &["there is no such app", &format!("app=\"{name}\"")]).await;
    }
    assert!(process.lines_with(&[TOKEN]).is_empty() && process.lines_with(&["anothertoken"]).is_empty());
    Sender::new(safe).unwrap().verify().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notifications_that_anybody_makes_up_do_not_fill_the_log() {
    let folders = Folders::new();
    let process = server(&folders).await;
    let client = client();
    let url = format!("{}/wechat/safe/pay/default/notify/", process.base);
    for _ in 0..40 {
        let made_up = client.post(&url).body("<xml><return_code>SUCCESS</return_code></xml>");
        let answer = made_up.send().await.unwrap().text().await.unwrap();
        assert!(answer.contains("FAIL"), "{answer}");
    }
    until("it is told that lines are left out", async || {
        process.lines_with(&["more such lines come too fast", "app=\"safe\"", "code=\"not_proven\""]).pop()
    })
    .await;
    let told = process.lines_with(&["a notification of WeChat Pay is refused", "app=\"safe\""]);
    assert!((20..40).contains(&told.len()), "{told:#?}");
}
