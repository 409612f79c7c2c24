//! A template message to many users, sent by a job.

use reqwest::Method;
use serde_json::{Value, json};
use weft::{
    model::{MessageCall, NewJob, Recipients, SendOutcome, Target, TemplateMessage},
    sends::SendWork,
    simulator::{Incoming, wechat::Fault},
    storage::NewSend,
};
use weft_wechat::api::message::TemplateValue;

use super::{APPID, Shop, TEMPLATES};
use crate::support::{until, with};

const SEND: &str = "/cgi-bin/message/template/send";

/// Followers `oU000`, `oU001`, ….
fn followers(shop: &Shop, count: usize) -> Vec<String> {
    let openids: Vec<_> = (0..count).map(|number| format!("oU{number:03}")).collect();
    for openid in &openids {
        shop.inbox.wechat.follow(APPID, openid);
    }
    openids
}

impl Shop {
    async fn send_to(&self, to: Value) -> (u16, Value) {
        let usual = json!({"data": {"first": "你好", "order": "1"}});
        self.post(&format!("{TEMPLATES}/order/send"), with(usual, to)).await
    }

    async fn job_until(&self, id: &str, state: &str) -> Value {
        until(&format!("the job is {state}"), async || {
            let job = self.get(&format!("/jobs/{id}")).await;
            (job["state"] == state).then_some(job)
        })
        .await
    }

    async fn outcomes(&self, send: &str) -> Value {
        self.get(&format!("/apps/shop/sends/{send}")).await["outcomes"].clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_get_it_once_each_and_the_list_says_what_became_of_it() {
    let shop = Shop::open().await;
    shop.order().await;
    let mut openids = followers(&shop, 60);
    openids.extend(["oNobody".to_owned(), "oU000".to_owned()]);
    shop.inbox.wechat.unfollow(APPID, "oU001");
    let (status, started) = shop.send_to(json!({"openids": openids})).await;
    assert_eq!(status, 202, "{started}");
    assert!(started["warnings"].as_array().unwrap().is_empty(), "{started}");
    let id = started["id"].as_str().unwrap();
    let job = shop.job_until(id, "done").await;
    assert_eq!(job["progress"], json!({"done": 61, "total": 61}), "{job}");
    assert_eq!(job["result"]["outcomes"], json!({"sent": 59, "failed": 2}), "{job}");
    let mut reached: Vec<_> = shop.sent().iter().map(|sent| sent["touser"].as_str().unwrap().to_owned()).collect();
    reached.sort_unstable();
    reached.dedup();
    assert_eq!((reached.len(), shop.sent().len()), (59, 59));

    let failed = shop.get(&format!("/apps/shop/sends/{id}/recipients?outcome=failed")).await;
    let errcodes: Vec<_> =
        failed["items"].as_array().unwrap().iter().map(|one| (&one["openid"], &one["errcode"])).collect();
    assert_eq!(errcodes, [(&json!("oNobody"), &json!(40003)), (&json!("oU001"), &json!(43004))]);
    let first = shop.get(&format!("/apps/shop/sends/{id}/recipients?limit=50")).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = shop.get(&format!("/apps/shop/sends/{id}/recipients?limit=50&cursor={cursor}")).await;
    assert_eq!((second["items"].as_array().unwrap().len(), &second["next_cursor"]), (11, &Value::Null));

    for sent in shop.sent() {
        let event =
            Incoming::template_finished(sent["touser"].as_str().unwrap(), sent["msgid"].as_u64().unwrap(), "success");
        shop.sender.send(&event).await.unwrap();
    }
    until("all are delivered", async || {
        (shop.outcomes(id).await == json!({"delivered": 59, "failed": 2})).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_have_a_tag_are_asked_for_at_wechat() {
    let shop = Shop::open().await;
    shop.order().await;
    let openids = followers(&shop, 3);
    let tag = shop.inbox.wechat.add_tag(APPID, "vip", openids[..2].iter().cloned());
    let (status, started) = shop.send_to(json!({"tag_id": tag})).await;
    assert_eq!(status, 202, "{started}");
    let id = started["id"].as_str().unwrap();
    shop.job_until(id, "done").await;
    assert_eq!(shop.outcomes(id).await, json!({"sent": 2}));
    assert_eq!(shop.get(&format!("/apps/shop/sends/{id}")).await["to"], json!({"tag_id": tag}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_that_is_used_up_lets_the_rest_wait_and_a_wrong_template_ends_it() {
    let shop = Shop::open().await;
    shop.order().await;
    let openids = followers(&shop, 30);
    shop.inbox.wechat.fault(SEND, Fault::Errcode(45009), 1);
    let (_, started) = shop.send_to(json!({"openids": openids, "client_msg_id": "sale"})).await;
    let id = started["id"].as_str().unwrap().to_owned();
    let job = until("it waits", async || {
        let job = shop.get(&format!("/jobs/{id}")).await;
        job["waits_until"].is_string().then_some(job)
    })
    .await;
    assert!(job["error"].as_str().unwrap().contains("45009"), "{job}");
    let outcomes = shop.outcomes(&id).await;
    let waiting = outcomes["queued"].as_u64().unwrap();
    assert!(waiting >= 6 && outcomes["failed"] == Value::Null, "{outcomes}");
    // The same request again is the same message.
    let (status, again) = shop.send_to(json!({"openids": openids, "client_msg_id": "sale"})).await;
    assert_eq!((status, &again["id"], &again["existed"]), (202, &json!(id), &json!(true)), "{again}");
    assert_eq!(shop.call(Method::POST, &format!("/jobs/{id}/cancel"), None).await.0, 200);
    assert_eq!(shop.outcomes(&id).await["queued"], waiting, "who waits did not get it");

    let blog = Shop::open().await;
    blog.order().await;
    let openids = followers(&blog, 30);
    blog.inbox.wechat.fault(SEND, Fault::Errcode(47003), 100);
    let (_, started) = blog.send_to(json!({"openids": openids})).await;
    let id = started["id"].as_str().unwrap();
    let job = blog.job_until(id, "failed").await;
    assert!(job["error"].as_str().unwrap().contains("47003"), "{job}");
    assert_eq!(blog.outcomes(id).await, json!({"queued": 30}));
    assert!(blog.inbox.wechat.count(SEND) <= 25);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_answer_is_unknown_and_not_sent_again() {
    let shop = Shop::open().await;
    shop.order().await;
    let openids = followers(&shop, 10);
    shop.inbox.wechat.fault(SEND, Fault::Disconnect, 3);
    let (_, started) = shop.send_to(json!({"openids": openids})).await;
    let id = started["id"].as_str().unwrap();
    shop.job_until(id, "done").await;
    assert_eq!(shop.outcomes(id).await, json!({"sent": 7, "unknown": 3}));
    assert_eq!((shop.sent().len(), shop.inbox.wechat.count(SEND)), (10, 10), "each was asked for once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_msg_id_stands_for_the_same_users() {
    let shop = Shop::open().await;
    shop.order().await;
    let openids = followers(&shop, 3);
    let (status, started) = shop.send_to(json!({"openids": openids[..2], "client_msg_id": "sale"})).await;
    assert_eq!(status, 202, "{started}");
    // Nobody is asked for twice, and the order says nothing.
    let same = json!({"openids": ["oU001", "oU000", "oU001"], "client_msg_id": "sale"});
    let (status, again) = shop.send_to(same).await;
    assert_eq!((status, &again["id"]), (202, &started["id"]), "{again}");
    let (status, problem) = shop.send_to(json!({"openids": openids[1..], "client_msg_id": "sale"})).await;
    assert_eq!((status, &problem["type"]), (409, &json!("conflict")), "{problem}");
}

/// Puts a message there whose process was killed while WeChat was asked for all of `openids`, and has it go on.
async fn goes_on_after_a_crash(shop: &Shop, template: &str, via: MessageCall, openids: &[String]) -> String {
    let value = TemplateValue { value: "x".to_owned(), color: String::new() };
    let data = [("thing1".to_owned(), value)].into();
    let new = NewSend {
        app: "shop".to_owned(),
        message: TemplateMessage { template_id: template.to_owned(), data, via },
        to: Recipients::Openids(openids.len() as u64),
        client_msg_id: None,
        created_by: "test".to_owned(),
    };
    let state = &shop.inbox.app.state;
    let send = state.store.sends().add(&new, openids, SendOutcome::Sending).await.unwrap();
    let job = NewJob {
        app: "shop".to_owned(),
        kind: SendWork::KIND,
        key: send.id.clone(),
        permission: "template",
        created_by: "test".to_owned(),
        input: json!({"send": send.id}),
    };
    let started = state.jobs.start(&job).await.unwrap();
    shop.job_until(&started.job.id, "done").await;
    send.id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_crash_cut_off_is_sent_again_only_where_wechat_knows_it_again() {
    let shop = Shop::open().await;
    let order = shop.order().await;
    let notice = shop.inbox.wechat.add_subscribe_template(APPID, "发货", "{{thing1.DATA}}", false);
    let openids = followers(&shop, 30);
    for openid in &openids {
        shop.inbox.wechat.consent(APPID, openid, &notice, 1);
    }
    let send = goes_on_after_a_crash(&shop, &notice, MessageCall::Subscribe(Target::default()), &openids).await;
    assert_eq!(shop.outcomes(&send).await, json!({"unknown": 30}));
    assert_eq!(shop.sent(), [] as [Value; 0]);
    let listed = shop.get(&format!("/apps/shop/sends/{send}/recipients?limit=1")).await;
    assert!(listed["items"][0]["reason"].as_str().unwrap().contains("the process ended"), "{listed}");

    let send = goes_on_after_a_crash(&shop, &order, MessageCall::Template(Target::default()), &openids).await;
    assert_eq!(shop.outcomes(&send).await, json!({"sent": 30}));
    assert_eq!(shop.sent().len(), 30);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_openid_openids_and_tag_id_is_needed() {
    let shop = Shop::open().await;
    shop.order().await;
    for to in [
        json!({}),
        json!({"openids": []}),
        json!({"openids": ["a b"]}),
        json!({"openid": "oA", "openids": ["oB"]}),
        json!({"openids": ["oB"], "tag_id": 1}),
    ] {
        let (status, problem) = shop.send_to(to.clone()).await;
        assert_eq!((status, &problem["type"]), (422, &json!("invalid")), "{to}: {problem}");
    }
    assert_eq!(shop.get("/jobs").await["items"], json!([]));
}
