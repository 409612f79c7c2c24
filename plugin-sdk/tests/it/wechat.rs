//! What the functions for WeChat's API send, and what they read from its answers.

use std::{cell::RefCell, rc::Rc, time::Duration};

use serde_json::{Value, json};
use weft_plugin::{
    testing::TestHost,
    wechat::{
        Body, Request, Response, customer_service, datacube, draft, freepublish,
        media::{self, File, Kind},
        menu::{self, Button},
        qrcode, security, shorten, tags, user, wxacode,
    },
    *,
};

/// Answers every call, and tells afterwards which there were.
fn answering(answer: impl Into<Answer>) -> Rc<RefCell<Vec<Request>>> {
    let (asked, answer) = (Rc::<RefCell<Vec<_>>>::default(), answer.into());
    let record = Rc::clone(&asked);
    TestHost::new().grant_wechat_apis(&["/"]).on_wechat_call(move |request| {
        record.borrow_mut().push(request.clone());
        Ok(Response { content_type: answer.0.to_owned(), body: answer.1.clone() })
    });
    asked
}

struct Answer(&'static str, Vec<u8>);

impl From<Value> for Answer {
    fn from(json: Value) -> Self {
        Self("application/json", json.to_string().into_bytes())
    }
}

impl From<&[u8]> for Answer {
    fn from(bytes: &[u8]) -> Self {
        Self("image/jpeg", bytes.to_vec())
    }
}

/// The one call as `METHOD /path?query body`.
fn only(asked: &Rc<RefCell<Vec<Request>>>) -> String {
    let asked = asked.borrow();
    let [request] = asked.as_slice() else { panic!("{} calls", asked.len()) };
    let query: Vec<_> = request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let body = match &request.body {
        Body::Empty => String::new(),
        Body::Json(json) => format!(" {}", json.parse::<Value>().unwrap()),
        Body::Multipart(parts) => {
            let parts: Vec<_> = parts
                .iter()
                .map(|part| format!("{}/{}/{}", part.name, part.filename.as_deref().unwrap_or("-"), part.data.len()))
                .collect();
            format!(" {}", parts.join(" "))
        }
    };
    format!("{} {}{query}{body}", request.method, request.path)
}

/// What `call` sends when WeChat says no more than that it is done.
fn told(call: impl FnOnce() -> Result<(), Error>) -> String {
    let asked = answering(json!({"errcode": 0, "errmsg": "ok"}));
    call().unwrap();
    only(&asked)
}

#[test]
fn calls_that_only_do_something() {
    for (sent, expected) in [
        (
            told(|| customer_service::typing("o1", true)),
            r#"POST /cgi-bin/message/custom/typing {"command":"Typing","touser":"o1"}"#,
        ),
        (
            told(|| customer_service::send_menu("o1", "如何", &[("1", "好")], "谢谢")),
            r#"POST /cgi-bin/message/custom/send {"msgmenu":{"head_content":"如何","list":[{"content":"好","id":"1"}],"tail_content":"谢谢"},"msgtype":"msgmenu","touser":"o1"}"#,
        ),
        (
            told(|| customer_service::send_article("o1", "a1")),
            r#"POST /cgi-bin/message/custom/send {"mpnewsarticle":{"article_id":"a1"},"msgtype":"mpnewsarticle","touser":"o1"}"#,
        ),
        (
            told(|| {
                let page = customer_service::MiniProgramPage {
                    title: "店".into(),
                    appid: String::new(),
                    pagepath: "p?a=1".into(),
                    thumb_media_id: "m1".into(),
                };
                customer_service::send_mini_program_page("o1", &page)
            }),
            r#"POST /cgi-bin/message/custom/send {"miniprogrampage":{"pagepath":"p?a=1","thumb_media_id":"m1","title":"店"},"msgtype":"miniprogrampage","touser":"o1"}"#,
        ),
        (told(|| tags::rename(134, "vip")), r#"POST /cgi-bin/tags/update {"tag":{"id":134,"name":"vip"}}"#),
        (
            told(|| tags::tag_users(134, &["o1", "o2"])),
            r#"POST /cgi-bin/tags/members/batchtagging {"openid_list":["o1","o2"],"tagid":134}"#,
        ),
        (
            told(|| user::set_remark("o1", "甲")),
            r#"POST /cgi-bin/user/info/updateremark {"openid":"o1","remark":"甲"}"#,
        ),
        (told(menu::delete), "GET /cgi-bin/menu/delete"),
        (told(|| menu::delete_conditional("208379533")), r#"POST /cgi-bin/menu/delconditional {"menuid":"208379533"}"#),
        (told(|| tags::delete(134)), r#"POST /cgi-bin/tags/delete {"tag":{"id":134}}"#),
        (
            told(|| tags::untag_users(134, &["o1"])),
            r#"POST /cgi-bin/tags/members/batchuntagging {"openid_list":["o1"],"tagid":134}"#,
        ),
        (told(|| draft::delete("d1")), r#"POST /cgi-bin/draft/delete {"media_id":"d1"}"#),
        (
            told(|| {
                let [title, description, url, thumb_url] =
                    ["a", "b", "https://a.example/", "https://b.example/"].map(Into::into);
                customer_service::send_link("o1", &customer_service::Link { title, description, url, thumb_url })
            }),
            r#"POST /cgi-bin/message/custom/send {"link":{"description":"b","thumb_url":"https://b.example/","title":"a","url":"https://a.example/"},"msgtype":"link","touser":"o1"}"#,
        ),
        (told(|| media::delete("m1")), r#"POST /cgi-bin/material/del_material {"media_id":"m1"}"#),
        (told(|| freepublish::delete("a1", 0)), r#"POST /cgi-bin/freepublish/delete {"article_id":"a1","index":0}"#),
    ] {
        assert_eq!(sent, expected);
    }
}

#[test]
fn a_menu_has_buttons_and_no_more_fields_than_they_need() {
    let buttons = [
        Button::click("一", "k1"),
        Button::heading("二", [Button::view("三", "https://a.example/"), Button::mini_program("四", "wx1", "p", "u")]),
    ];
    let expected = concat!(
        r#"POST /cgi-bin/menu/create {"button":[{"key":"k1","name":"一","type":"click"},"#,
        r#"{"name":"二","sub_button":[{"name":"三","type":"view","url":"https://a.example/"},"#,
        r#"{"appid":"wx1","name":"四","pagepath":"p","type":"miniprogram","url":"u"}]}]}"#,
    );
    assert_eq!(told(|| menu::create(&buttons)), expected);
    let asked = answering(json!({"menuid": "208379533"}));
    assert_eq!(menu::add_for_tag(&buttons[..1], 2).as_deref(), Ok("208379533"));
    assert!(only(&asked).contains(r#""matchrule":{"tag_id":"2"}"#));
    answering(json!({"button": [{"type": "click", "name": "一", "key": "k1"}]}));
    assert_eq!(menu::try_match("o1").unwrap(), buttons[..1]);
}

#[test]
fn menus_are_read_as_wechat_tells_them() {
    let menus = json!({"menu": {"button": [], "menuid": 1}});
    for (read, path) in [
        (menu::read as fn() -> Result<Value, Error>, "GET /cgi-bin/menu/get"),
        (menu::current, "GET /cgi-bin/get_current_selfmenu_info"),
    ] {
        let asked = answering(menus.clone());
        assert_eq!((read(), only(&asked).as_str()), (Ok(menus.clone()), path));
    }
}

#[test]
fn a_qr_code_is_for_a_number_or_a_text_and_for_a_while_or_for_good() {
    let answer = || json!({"ticket": "g/+=1", "expire_seconds": 60, "url": "http://weixin.qq.com/q/1"});
    for (make, expected) in [
        (
            (|| qrcode::temporary(123, Duration::from_mins(1))) as fn() -> Result<qrcode::QrCode, Error>,
            r#"{"action_info":{"scene":{"scene_id":123}},"action_name":"QR_SCENE","expire_seconds":60}"#,
        ),
        (
            || qrcode::temporary("shop-1", Duration::from_hours(720)),
            r#"{"action_info":{"scene":{"scene_str":"shop-1"}},"action_name":"QR_STR_SCENE","expire_seconds":2592000}"#,
        ),
        (|| qrcode::permanent(7), r#"{"action_info":{"scene":{"scene_id":7}},"action_name":"QR_LIMIT_SCENE"}"#),
        (
            || qrcode::permanent("shop-1"),
            r#"{"action_info":{"scene":{"scene_str":"shop-1"}},"action_name":"QR_LIMIT_STR_SCENE"}"#,
        ),
    ] {
        let asked = answering(answer());
        let code = make().unwrap();
        assert_eq!(only(&asked), format!("POST /cgi-bin/qrcode/create {expected}"));
        assert_eq!(code.picture_url(), "https://mp.weixin.qq.com/cgi-bin/showqrcode?ticket=g%2F%2B%3D1");
    }
    let code = qrcode::QrCode { ticket: "g/+=1".into(), url: String::new(), expire_seconds: 0 };
    let asked = answering(&b"\xff\xd8"[..]);
    assert_eq!(
        (code.picture().unwrap(), only(&asked)),
        (b"\xff\xd8".to_vec(), "GET /cgi-bin/showqrcode?ticket=g/+=1".into())
    );
}

#[test]
fn files_go_up_as_forms_and_come_down_as_they_are() {
    let file = File::new("a.png", "image/png", b"png".as_slice());
    let asked = answering(json!({"type": "image", "media_id": "m1", "created_at": 1}));
    assert_eq!(media::upload(Kind::Image, &file).as_deref(), Ok("m1"));
    assert_eq!(only(&asked), "POST /cgi-bin/media/upload?type=image media/a.png/3");
    let asked = answering(json!({"type": "thumb", "thumb_media_id": "m2", "created_at": 1}));
    assert_eq!(media::upload(Kind::Thumb, &file).as_deref(), Ok("m2"));
    assert_eq!(only(&asked), "POST /cgi-bin/media/upload?type=thumb media/a.png/3");
    let asked = answering(json!({"media_id": "m3", "url": ""}));
    assert_eq!(media::add_video(&file, "t", "i").unwrap().media_id, "m3");
    assert_eq!(only(&asked), "POST /cgi-bin/material/add_material?type=video media/a.png/3 description/-/32");
    let asked = answering(json!({"media_id": "m4", "url": "http://mmbiz.qpic.cn/4"}));
    let material = media::add(Kind::Image, &file).unwrap();
    assert_eq!((material.media_id.as_str(), material.url.as_str()), ("m4", "http://mmbiz.qpic.cn/4"));
    assert_eq!(only(&asked), "POST /cgi-bin/material/add_material?type=image media/a.png/3");
    let asked = answering(&b"\xff\xd8"[..]);
    assert_eq!(media::material("m4").unwrap().body, b"\xff\xd8");
    assert_eq!(only(&asked), r#"POST /cgi-bin/material/get_material {"media_id":"m4"}"#);
    let asked = answering(json!({"total_count": 1, "item_count": 1, "item": [{"media_id": "m4"}]}));
    assert_eq!(media::list(Kind::Voice, 0, 20).unwrap()["item"][0]["media_id"], "m4");
    assert_eq!(only(&asked), r#"POST /cgi-bin/material/batchget_material {"count":20,"offset":0,"type":"voice"}"#);
    let asked = answering(json!({"url": "http://mmbiz.qpic.cn/1"}));
    assert_eq!(media::upload_article_image(&file).as_deref(), Ok("http://mmbiz.qpic.cn/1"));
    assert_eq!(only(&asked), "POST /cgi-bin/media/uploadimg media/a.png/3");
    let asked = answering(&b"\xff\xd8"[..]);
    let answer = media::download("m1").unwrap();
    assert_eq!((answer.content_type.as_str(), answer.body.as_slice()), ("image/jpeg", b"\xff\xd8".as_slice()));
    assert_eq!(only(&asked), "GET /cgi-bin/media/get?media_id=m1");
}

#[test]
fn users_and_their_tags_are_read() {
    answering(
        json!({"subscribe": 1, "openid": "o1", "subscribe_time": 5, "tagid_list": [2], "qr_scene_str": "shop-1"}),
    );
    let info = user::info("o1").unwrap();
    assert!(info.is_subscribed() && info.tagid_list == [2] && info.qr_scene_str == "shop-1", "{info:?}");
    answering(json!({"user_info_list": [{"subscribe": 0, "openid": "o2"}]}));
    assert!(!user::info_of(&["o2"]).unwrap()[0].is_subscribed());
    let asked = answering(json!({"total": 2, "count": 1, "data": {"openid": ["o2"]}, "next_openid": "o2"}));
    assert_eq!(user::followers("o1").unwrap().openids, ["o2"]);
    assert_eq!(only(&asked), "GET /cgi-bin/user/get?next_openid=o1");
    let asked = answering(json!({"total": 0, "count": 0, "next_openid": ""}));
    assert_eq!(user::followers("").unwrap().openids, [""; 0]);
    assert_eq!(only(&asked), "GET /cgi-bin/user/get");
    let asked = answering(json!({"count": 1, "data": {"openid": ["o3"]}, "next_openid": "o3"}));
    assert_eq!(tags::users(134, "o2").unwrap().openids, ["o3"]);
    assert_eq!(only(&asked), r#"POST /cgi-bin/user/tag/get {"next_openid":"o2","tagid":134}"#);
    answering(json!({"tags": [{"id": 2, "name": "星标组", "count": 0}]}));
    assert_eq!(tags::list().unwrap()[0].name, "星标组");
    answering(json!({"tag": {"id": 134, "name": "vip"}}));
    assert_eq!(tags::create("vip").unwrap().id, 134);
    answering(json!({"tagid_list": [134, 2]}));
    assert_eq!(tags::of_user("o1").unwrap(), [134, 2]);
}

#[test]
fn drafts_are_written_and_published() {
    let article = draft::Article { title: "标题".into(), thumb_media_id: "m1".into(), ..draft::Article::default() };
    let asked = answering(json!({"media_id": "d1"}));
    assert_eq!(draft::add(std::slice::from_ref(&article)).as_deref(), Ok("d1"));
    assert!(only(&asked).starts_with(r#"POST /cgi-bin/draft/add {"articles":[{"author":"","#), "{}", only(&asked));
    answering(json!({"news_item": [{"title": "标题", "thumb_media_id": "m1", "url": "http://mp.weixin.qq.com/s/1"}]}));
    assert_eq!(draft::read("d1").unwrap()[0].url, "http://mp.weixin.qq.com/s/1");
    let asked = answering(json!({"total_count": 1, "item_count": 1, "item": [{"media_id": "d1", "content": {}}]}));
    assert_eq!(draft::list(0, 20, false).unwrap().item[0].media_id, "d1");
    assert_eq!(only(&asked), r#"POST /cgi-bin/draft/batchget {"count":20,"no_content":1,"offset":0}"#);
    let asked = answering(json!({"errcode": 0, "errmsg": "ok"}));
    assert_eq!(draft::update("d1", 1, &article), Ok(()));
    let sent = only(&asked);
    assert!(
        sent.starts_with(r#"POST /cgi-bin/draft/update {"articles":{"#)
            && sent.contains(r#""index":1,"media_id":"d1"}"#),
        "{sent}"
    );
    let asked = answering(json!({"total_count": 3}));
    assert_eq!((draft::count(), only(&asked).as_str()), (Ok(3), "GET /cgi-bin/draft/count"));
    let asked = answering(json!({"news_item": [{"title": "标题"}]}));
    assert_eq!(freepublish::read("a1").unwrap()[0].title, "标题");
    assert_eq!(only(&asked), r#"POST /cgi-bin/freepublish/getarticle {"article_id":"a1"}"#);
    let published = json!({"article_id": "a1", "content": {"news_item": [{"title": "标题"}]}, "update_time": 7});
    let asked = answering(json!({"total_count": 1, "item_count": 1, "item": [published]}));
    let page = freepublish::list(20, 10, true).unwrap();
    assert_eq!((page.total_count, page.item[0].update_time, page.item[0].content.news_item.len()), (1, 7, 1));
    assert_eq!(only(&asked), r#"POST /cgi-bin/freepublish/batchget {"count":10,"no_content":0,"offset":20}"#);
    for id in [json!("100"), json!(100)] {
        answering(json!({"publish_id": id, "msg_data_id": 1}));
        assert_eq!(freepublish::submit("d1").as_deref(), Ok("100"));
    }
    answering(json!({"publish_id": "100", "publish_status": 0, "article_id": "a1"}));
    assert_eq!(freepublish::state("100").unwrap().article_id, "a1");
}

#[test]
fn statistics_short_keys_codes_and_verdicts() {
    let asked = answering(json!({"list": [{"ref_date": "2026-01-01", "new_user": 3}]}));
    let list: Vec<Value> = datacube::read(datacube::Report::UserSummary, "2026-01-01", "2026-01-01").unwrap();
    assert_eq!(list[0]["new_user"], 3);
    assert!(only(&asked).starts_with("POST /datacube/getusersummary {"));
    let asked = answering(json!({"errcode": 0, "errmsg": "ok", "short_key": "v0kxGZfFMaBzl3c"}));
    assert_eq!(shorten::generate("loooong", Duration::from_mins(1)).as_deref(), Ok("v0kxGZfFMaBzl3c"));
    assert_eq!(only(&asked), r#"POST /cgi-bin/shorten/gen {"expire_seconds":60,"long_data":"loooong"}"#);
    let asked = answering(&b"\xff\xd8"[..]);
    assert_eq!(wxacode::unlimited("a=1", Some("pages/a"), &wxacode::Look::default()).unwrap(), b"\xff\xd8");
    assert!(only(&asked).contains(r#""page":"pages/a","scene":"a=1","width":430"#), "{}", only(&asked));
    let look = wxacode::Look { width: 280, is_hyaline: true, ..wxacode::Look::default() };
    let asked = answering(&b"\xff\xd8"[..]);
    assert_eq!(wxacode::limited("pages/a?b=1", &look).unwrap(), b"\xff\xd8");
    let sent = only(&asked);
    assert!(
        sent.starts_with("POST /wxa/getwxacode {") && sent.contains(r#""path":"pages/a?b=1","width":280"#),
        "{sent}"
    );
    let asked = answering(&b"\xff\xd8"[..]);
    assert_eq!(wxacode::qrcode("pages/a", 430).unwrap(), b"\xff\xd8");
    assert_eq!(only(&asked), r#"POST /cgi-bin/wxaapp/createwxaqrcode {"path":"pages/a","width":430}"#);
    let asked = answering(json!({"errcode": 0, "trace_id": "t1"}));
    let (place, kind) = (security::Place::Forum, security::MediaType::Image);
    assert_eq!(security::check_media("o1", place, kind, "https://a.example/a.png").as_deref(), Ok("t1"));
    assert!(only(&asked).contains(r#""media_type":2,"media_url":"https://a.example/a.png","openid":"o1","scene":3"#));
    let asked = answering(json!({"errcode": 0, "result": {"suggest": "risky", "label": 20001}}));
    assert!(!security::check_text("o1", security::Place::Comment, "text").unwrap().passes());
    assert!(only(&asked).contains(r#""scene":2"#));
    let file = File::new("a.png", "image/png", b"png".as_slice());
    let host = TestHost::new().grant_wechat_apis(&["/wxa"]);
    host.on_wechat(|_| Err(WechatError { errcode: 87014, errmsg: "risky content".into() }.into()));
    assert_eq!(security::check_image(&file), Ok(false));
    host.on_wechat(|_| Err(WechatError { errcode: -1, errmsg: "system error".into() }.into()));
    assert_eq!(security::check_image(&file).unwrap_err().errcode(), Some(-1));
}
