//! `/apps/{app}/message-logs` through the real listener.

use axum::{
    body::{Body, to_bytes},
    http::Request,
};
use futures::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use tower::ServiceExt;
use weft::model::{App, AppType, LoggedHandler, MessageLogEntry, Outcome, Via};
use weft_wechat::{message::Message, reply::Reply};

use crate::support::TestApp;

/// 2023-11-14T22:13:20Z
const START_MS: u64 = 1_700_000_000_000;

/// A server with the apps `shop` and `blog`.
async fn started() -> TestApp {
    let app = TestApp::start().await;
    for name in ["shop", "blog"] {
        app.state.store.apps().insert(&App::new(name, AppType::Service, "wx1")).await.unwrap();
    }
    app
}

fn received(at: u64, openid: &str, content: &str) -> MessageLogEntry {
    let xml = format!(
        "<xml><ToUserName>gh_1</ToUserName><FromUserName>{openid}</FromUserName><CreateTime>1</CreateTime>\
         <MsgType>text</MsgType><Content>{content}</Content><MsgId>9007199254740993</MsgId></xml>"
    );
    MessageLogEntry { raw: Some(xml.clone()), ..MessageLogEntry::incoming("shop", at, &Message::parse(&xml).unwrap()) }
}

fn answered(at: u64, openid: &str, content: &str) -> MessageLogEntry {
    let reply = Reply::Text(content.to_owned());
    let outcome = Outcome::Failed("45015: too late".to_owned());
    let handler = LoggedHandler { id: None, name: "greeter/vip".to_owned() };
    let entry = MessageLogEntry::outgoing("shop", at, openid, &reply, Via::CustomerService, outcome);
    MessageLogEntry { handler: Some(handler), delivery_id: Some("shop/fan/1".to_owned()), ..entry }
}

async fn write(app: &TestApp, entries: impl IntoIterator<Item = MessageLogEntry>) {
    let written = entries.into_iter().map(|entry| app.state.message_log.record_durably(entry));
    futures::future::try_join_all(written).await.unwrap();
}

async fn get(app: &TestApp, path: &str) -> (u16, Value) {
    app.api(Method::GET, path, None).await
}

fn contents(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["content"].as_str().unwrap()).collect()
}

fn lines(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').skip(1).count()
}

/// The answer to a call of the export, whose body is read only as far as somebody asks.
async fn export(app: &TestApp, query: &str) -> axum::response::Response {
    let request = Request::get(format!("/api/v1/apps/shop/message-logs/export{query}"))
        .header("authorization", format!("Bearer {}", app.token));
    weft::http::operator(&app.state).oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_logged_is_listed_and_read() {
    let app = started().await;
    write(&app, [received(START_MS + 7, "fan", "你好"), answered(START_MS + 8, "fan", "好")]).await;
    let (status, page) = get(&app, "/apps/shop/message-logs").await;
    assert_eq!(status, 200, "{page}");
    assert_eq!((contents(&page), &page["next_cursor"]), (vec!["好", "你好"], &Value::Null));
    let (reply, message) = (&page["items"][0], &page["items"][1]);
    let expected = json!({
        "id": reply["id"], "at": "2023-11-14T22:13:20.008Z", "direction": "out", "openid": "fan", "msg_type": "text",
        "event": null, "event_key": null, "msg_id": null, "content": "好",
        "handler": {"id": null, "name": "greeter/vip"}, "via": "customer_service", "outcome": "failed",
        "reason": "45015: too late", "delivery_id": "shop/fan/1",
    });
    assert_eq!(reply, &expected);
    assert_eq!((&message["direction"], &message["handler"]), (&json!("in"), &Value::Null));
    assert_eq!(message["msg_id"], "9007199254740993", "no program rounds a text");

    let path = format!("/apps/shop/message-logs/{}", message["id"].as_str().unwrap());
    let (status, mut whole) = get(&app, &path).await;
    let raw = whole.as_object_mut().unwrap().remove("raw").unwrap();
    assert_eq!((status, &whole), (200, message));
    assert!(raw.as_str().unwrap().contains("<Content>你好</Content>"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_filtered_and_comes_in_pages() {
    let app = started().await;
    let entries = (0..10).map(|number| received(START_MS + number * 1000, "fan", &format!("Price {number}")));
    write(&app, entries.chain([answered(START_MS + 99_000, "other", "100%")])).await;
    for (query, found) in [
        ("?openid=other", vec!["100%"]),
        ("?direction=out&openid=&text=", vec!["100%"]),
        ("?handler=greeter/vip", vec!["100%"]),
        ("?text=%25", vec!["100%"]),
        ("?text=price%209", vec!["Price 9"]),
        ("?msg_type=event", vec![]),
        ("?event=CLICK", vec![]),
        ("?since=2023-11-14T22:13:28Z&msg_type=text&direction=in", vec!["Price 9", "Price 8"]),
        ("?until=2023-11-15T06:13:22%2B08:00", vec!["Price 1", "Price 0"]),
    ] {
        let (status, page) = get(&app, &format!("/apps/shop/message-logs{query}")).await;
        assert_eq!((status, contents(&page)), (200, found), "{query}");
    }
    let (mut path, mut seen) = ("/apps/shop/message-logs?limit=4".to_owned(), Vec::new());
    loop {
        let (_, page) = get(&app, &path).await;
        seen.extend(contents(&page).into_iter().map(str::to_owned));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/apps/shop/message-logs?limit=4&cursor={cursor}");
        write(&app, [received(START_MS + 100_000, "fan", "new")]).await;
    }
    let expected: Vec<_> = (0..10).rev().map(|number| format!("Price {number}")).collect();
    assert_eq!((seen[0].as_str(), &seen[1..]), ("100%", &expected[..]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_is_told_by_its_name() {
    let app = started().await;
    for path in ["message-logs", "message-logs/export"] {
        for (query, fields) in [
            ("direction=up", vec!["direction"]),
            ("since=yesterday&until=1&direction=up", vec!["direction", "since", "until"]),
            (&format!("text={}", "x".repeat(1001)), vec!["text"]),
        ] {
            let (status, problem) = get(&app, &format!("/apps/shop/{path}?{query}")).await;
            let told: Vec<_> =
                problem["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
            assert_eq!((status, told), (422, fields), "{query}");
        }
        assert_eq!(get(&app, &format!("/apps/none/{path}")).await.0, 404);
    }
    for (path, field) in [("message-logs?cursor=7", "cursor"), ("message-logs/export?format=xls", "format")] {
        let (status, problem) = get(&app, &format!("/apps/shop/{path}")).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!(field)));
    }
    for id in ["7", "0190163d-8694-739b-aea5-966c26f8ad91"] {
        let (status, problem) = get(&app, &format!("/apps/shop/message-logs/{id}")).await;
        assert_eq!((status, &problem["type"]), (404, &json!("not-found")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_of_an_app_is_for_those_who_may_read_it() {
    let app = started().await;
    write(&app, [received(START_MS, "fan", "secret")]).await;
    let (_, page) = get(&app, "/apps/shop/message-logs").await;
    let id = page["items"][0]["id"].as_str().unwrap();
    for (permission, status) in [("shop|messagelog", 200), ("shop", 200), ("shop|user", 403), ("blog", 403)] {
        let tokens = app.state.store.tokens();
        let (_, token) = tokens.create("reader", &[permission.to_owned()], None).await.unwrap();
        for path in ["message-logs", "message-logs/export", &format!("message-logs/{id}")] {
            let path = format!("/apps/shop/{path}");
            let (answered, body) = app.api_as(token.expose(), Method::GET, &path, None).await;
            assert_eq!(answered, status, "{permission} {path}");
            assert_eq!(body.to_string().contains("secret"), status == 200);
        }
    }
    assert_eq!(get(&app, &format!("/apps/blog/message-logs/{id}")).await.0, 404, "it belongs to another app");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_log_is_exported_while_it_is_read() {
    let app = started().await;
    for part in 0..10 {
        write(&app, (0..2000).map(|number| received(START_MS + part, "fan", &(part * 2000 + number).to_string())))
            .await;
    }
    let response = export(&app, "").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"message-logs-shop.ndjson\"");
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let objects = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let numbers =
        objects.map(|line| serde_json::from_slice::<Value>(line).unwrap()["content"].as_str().unwrap().parse());
    let numbers: Vec<u64> = numbers.map(Result::unwrap).collect();
    assert_eq!(numbers, (0..20_000).rev().collect::<Vec<_>>());

    // Nothing is read before it is asked for, and nothing is held open: what is deleted meanwhile is not in the file.
    let mut pieces = export(&app, "").await.into_body().into_data_stream();
    let first = pieces.next().await.unwrap().unwrap();
    assert!(first.len() < bytes.len() / 20, "{}", first.len());
    while app.state.store.message_logs().purge(Some(START_MS + 9), 5000).await.unwrap() > 0 {}
    let mut count = lines(&first);
    while let Some(piece) = pieces.next().await {
        count += lines(&piece.unwrap());
    }
    assert_eq!(count, 2000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_as_csv_harms_no_spreadsheet() {
    let app = started().await;
    let cells = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "a=1", "你好, \"朋友\"\n再见", "", "'"];
    write(&app, cells.iter().map(|cell| answered(START_MS, "=fan", cell))).await;
    let response = export(&app, "?format=csv&openid=%3Dfan").await;
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8");
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").expect("Excel needs it to read Chinese");
    assert!(text.starts_with(b"id,at,direction,openid,"));
    let mut reader = csv::Reader::from_reader(text);
    let column = reader.headers().unwrap().iter().position(|name| name == "content").unwrap();
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    let expected = cells.iter().rev().map(|cell| {
        if "=+-@\t\r＝".contains(cell.chars().next().unwrap_or('x')) { format!("'{cell}") } else { (*cell).to_owned() }
    });
    assert_eq!(
        records.iter().map(|record| record[column].to_owned()).collect::<Vec<_>>(),
        expected.collect::<Vec<_>>()
    );
    assert!(records.iter().all(|record| record[3] == *"'=fan"));

    let empty = export(&app, "?format=csv&openid=nobody").await;
    let bytes = to_bytes(empty.into_body(), usize::MAX).await.unwrap();
    assert_eq!(csv::Reader::from_reader(&bytes[3..]).records().count(), 0);
    assert!(bytes.ends_with(b"delivery_id\r\n"));
}
