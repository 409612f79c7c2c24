//! One sample for each event.

use weft_wechat::message::{
    AccountVerification, ArticleUrl, CheckedArticle, Click, Content, CopyrightCheck, Event, KfSession, KfSwitchSession,
    LocationSelect, MassSendJobFinish, Message, OtherEvent, Pictures, Position, PublishJobFinish, Scan, Scancode,
    Subscribe, SubscribeMsgSent, Subscription, TemplateSendJobFinish, UserAuthorization, View, ViewMiniProgram,
};

use crate::{event, event_xml};

#[test]
fn a_subscription_by_qr_code_has_its_scene() {
    let elements = "<EventKey>qrscene_shop_42</EventKey><Ticket>TICKET</Ticket>";
    let expected =
        Subscribe { key: "qrscene_shop_42".into(), scene: Some("shop_42".into()), ticket: Some("TICKET".into()) };
    assert_eq!(event("subscribe", elements), Event::Subscribe(expected));
}

#[test]
fn a_subscription_without_qr_code_has_no_scene() {
    let plain = |key: &str| Subscribe { key: key.into(), scene: None, ticket: None };
    assert_eq!(event("subscribe", ""), Event::Subscribe(plain("")));
    let elements = "<EventKey><![CDATA[]]></EventKey><Ticket><![CDATA[]]></Ticket>";
    assert_eq!(event("subscribe", elements), Event::Subscribe(plain("")));
    let elements = "<EventKey>last_trade_no_4008</EventKey>";
    let expected = Event::Subscribe(plain("last_trade_no_4008"));
    assert_eq!(event("subscribe", elements), expected);
}

#[test]
fn a_key_is_told_of_every_event_that_has_one() {
    let key = |name: &str, elements: &str| event(name, elements).key().map(str::to_owned);
    for name in [
        "subscribe",
        "SCAN",
        "CLICK",
        "VIEW",
        "view_miniprogram",
        "scancode_push",
        "scancode_waitmsg",
        "pic_sysphoto",
        "pic_photo_or_album",
        "pic_weixin",
        "location_select",
        "brand_new",
    ] {
        assert_eq!(key(name, "<EventKey>qrscene_k</EventKey>").as_deref(), Some("qrscene_k"), "{name}");
        assert_eq!(key(name, "<EventKey></EventKey>"), None, "{name}");
    }
    assert_eq!(key("unsubscribe", "<EventKey>k</EventKey>"), None);
}

#[test]
fn events_of_menus_and_scans_have_their_key() {
    let key = "<EventKey>K</EventKey>";
    let both = "<EventKey>K</EventKey><MenuId>9</MenuId>";
    let scan = Scan { scene: "K".into(), ticket: "T".into() };
    assert_eq!(event("SCAN", "<EventKey>K</EventKey><Ticket>T</Ticket>"), Event::Scan(scan));
    assert_eq!(event("CLICK", key), Event::Click(Click { key: "K".into() }));
    let view = View { url: "K".into(), menu_id: None };
    assert_eq!(event("VIEW", key), Event::View(view));
    let view = ViewMiniProgram { path: "K".into(), menu_id: Some("9".into()) };
    assert_eq!(event("view_miniprogram", both), Event::ViewMiniProgram(view));
}

#[test]
fn an_unsubscription_needs_nothing() {
    assert_eq!(event("unsubscribe", "<EventKey/>"), Event::Unsubscribe);
}

#[test]
fn a_position_has_its_precision() {
    let elements = "<Latitude>23.137466</Latitude><Longitude>113.352425</Longitude>\
                    <Precision>119.385040</Precision>";
    let expected = Position { latitude: 23.137_466, longitude: 113.352_425, precision: 119.385_04 };
    assert_eq!(event("LOCATION", elements), Event::Location(expected));
}

#[test]
fn scanned_codes_have_type_and_result() {
    let elements = "<EventKey>k</EventKey><ScanCodeInfo><ScanType>qrcode</ScanType>\
                    <ScanResult><![CDATA[https://a.example/?x=1]]></ScanResult></ScanCodeInfo>";
    let expected =
        Scancode { key: "k".into(), scan_type: "qrcode".into(), scan_result: "https://a.example/?x=1".into() };
    assert_eq!(event("scancode_push", elements), Event::ScancodePush(expected.clone()));
    assert_eq!(event("scancode_waitmsg", elements), Event::ScancodeWaitmsg(expected));
    let absent = Scancode { key: String::new(), scan_type: String::new(), scan_result: String::new() };
    assert_eq!(event("scancode_push", ""), Event::ScancodePush(absent));
}

#[test]
fn pictures_may_be_none_one_or_many() {
    let sent = |list: &str, count: usize| {
        format!(
            "<EventKey>6</EventKey><SendPicsInfo><Count>{count}</Count>\
             <PicList>{list}</PicList></SendPicsInfo>"
        )
    };
    let picture = |sum: &str| format!("<item><PicMd5Sum>{sum}</PicMd5Sum></item>");
    let expected = |sums: &[&str]| Pictures {
        key: "6".into(),
        count: sums.len().try_into().unwrap(),
        md5_sums: sums.iter().map(|sum| (*sum).to_owned()).collect(),
    };
    assert_eq!(event("pic_sysphoto", &sent("", 0)), Event::PicSysphoto(expected(&[])));
    assert_eq!(event("pic_photo_or_album", &sent(&picture("AB01"), 1)), Event::PicPhotoOrAlbum(expected(&["ab01"])));
    let two = picture("aa") + &picture("bb");
    assert_eq!(event("pic_weixin", &sent(&two, 2)), Event::PicWeixin(expected(&["aa", "bb"])));
    assert_eq!(event("pic_weixin", "<EventKey>6</EventKey>"), Event::PicWeixin(expected(&[])));
}

#[test]
fn a_selected_location_needs_its_coordinates() {
    let elements = "<EventKey>6</EventKey><SendLocationInfo><Location_X><![CDATA[23]]></Location_X>\
                    <Location_Y><![CDATA[113]]></Location_Y><Scale><![CDATA[15]]></Scale>\
                    <Label><![CDATA[客村 106号]]></Label><Poiname><![CDATA[]]></Poiname></SendLocationInfo>";
    let expected = LocationSelect {
        key: "6".into(),
        latitude: 23.0,
        longitude: 113.0,
        scale: 15,
        label: "客村 106号".into(),
        poi_name: String::new(),
    };
    assert_eq!(event("location_select", elements), Event::LocationSelect(expected));
    assert!(matches!(event("location_select", ""), Event::Other(_)));
}

#[test]
fn a_template_message_says_what_became_of_it() {
    let elements = "<MsgID>200163836</MsgID><Status><![CDATA[failed:user block]]></Status>";
    let expected = TemplateSendJobFinish { msg_id: 200_163_836, status: "failed:user block".into() };
    assert_eq!(event("TEMPLATESENDJOBFINISH", elements), Event::TemplateSendJobFinish(expected));
}

#[test]
fn subscriptions_may_be_none_one_or_many() {
    let entry = |id: &str, scene: &str| {
        format!(
            "<List><TemplateId>{id}</TemplateId>\
             <SubscribeStatusString>accept</SubscribeStatusString>{scene}</List>"
        )
    };
    let subscription =
        |id: &str, popup_scene| Subscription { template_id: id.into(), status: "accept".into(), popup_scene };
    let popup = |list: &str| {
        event("subscribe_msg_popup_event", &format!("<SubscribeMsgPopupEvent>{list}</SubscribeMsgPopupEvent>"))
    };
    assert_eq!(popup(""), Event::SubscribeMsgPopup(vec![]));
    let scene = "<PopupScene>2</PopupScene>";
    assert_eq!(popup(&entry("t1", scene)), Event::SubscribeMsgPopup(vec![subscription("t1", Some(2))]));
    let two = entry("t1", scene) + &entry("t2", "");
    assert_eq!(popup(&two), Event::SubscribeMsgPopup(vec![subscription("t1", Some(2)), subscription("t2", None)]));
    let change = event(
        "subscribe_msg_change_event",
        &format!("<SubscribeMsgChangeEvent>{}</SubscribeMsgChangeEvent>", entry("t3", "")),
    );
    assert_eq!(change, Event::SubscribeMsgChange(vec![subscription("t3", None)]));
}

#[test]
fn sent_subscription_messages_have_their_error() {
    let elements = "<SubscribeMsgSentEvent><List><TemplateId>t1</TemplateId>\
                    <MsgID>1700827132819554304</MsgID><ErrorCode>-20</ErrorCode>\
                    <ErrorStatus>refused</ErrorStatus></List></SubscribeMsgSentEvent>";
    let expected = SubscribeMsgSent {
        template_id: "t1".into(),
        msg_id: "1700827132819554304".into(),
        error_code: -20,
        error_status: "refused".into(),
    };
    assert_eq!(event("subscribe_msg_sent_event", elements), Event::SubscribeMsgSent(vec![expected]));
}

#[test]
fn a_mass_message_has_its_counts_under_either_name_of_its_id() {
    let elements = "<MsgID>1000001625</MsgID><Status>send success</Status><TotalCount>10</TotalCount>\
                    <FilterCount>8</FilterCount><SentCount>7</SentCount><ErrorCount>1</ErrorCount>\
                    <CopyrightCheckResult><Count>1</Count><ResultList><item><ArticleIdx>9</ArticleIdx>\
                    <UserDeclareState>0</UserDeclareState><AuditState>2</AuditState>\
                    <OriginalArticleUrl>https://b.example/</OriginalArticleUrl><CanReprint>1</CanReprint></item>\
                    </ResultList><CheckState>2</CheckState></CopyrightCheckResult>\
                    <ArticleUrlResult><Count>1</Count><ResultList><item><ArticleIdx>1</ArticleIdx>\
                    <ArticleUrl>https://a.example/1</ArticleUrl></item></ResultList></ArticleUrlResult>";
    let expected = Event::MassSendJobFinish(MassSendJobFinish {
        msg_id: 1_000_001_625,
        status: "send success".into(),
        total_count: 10,
        filter_count: 8,
        sent_count: 7,
        error_count: 1,
        articles: vec![ArticleUrl { index: 1, url: "https://a.example/1".into() }],
        copyright: Some(CopyrightCheck {
            state: 2,
            articles: vec![CheckedArticle {
                index: 9,
                declared: 0,
                audited: 2,
                original_url: "https://b.example/".into(),
                can_reprint: true,
            }],
        }),
    });
    assert_eq!(event("MASSSENDJOBFINISH", elements), expected);
    let elements = elements.replace("MsgID", "MsgId");
    assert_eq!(event("MASSSENDJOBFINISH", &elements), expected);
    let body = event_xml("MASSSENDJOBFINISH", &elements);
    assert_eq!(Message::parse(&body).unwrap().id, None);
}

#[test]
fn a_publication_has_its_articles_and_failures() {
    let published = "<PublishEventInfo><publish_id>2247503051</publish_id><publish_status>0</publish_status>\
                     <article_id>A</article_id><article_detail><count>1</count>\
                     <item><idx>1</idx><article_url>https://a.example/1</article_url></item>\
                     </article_detail></PublishEventInfo>";
    let expected = PublishJobFinish {
        publish_id: "2247503051".into(),
        status: 0,
        article_id: Some("A".into()),
        articles: vec![ArticleUrl { index: 1, url: "https://a.example/1".into() }],
        failed_indexes: vec![],
    };
    assert_eq!(event("PUBLISHJOBFINISH", published), Event::PublishJobFinish(expected));
    let failed = "<PublishEventInfo><publish_id>2</publish_id><publish_status>2</publish_status>\
                  <fail_idx>1</fail_idx><fail_idx>2</fail_idx></PublishEventInfo>";
    let expected = PublishJobFinish {
        publish_id: "2".into(),
        status: 2,
        article_id: None,
        articles: vec![],
        failed_indexes: vec![1, 2],
    };
    assert_eq!(event("PUBLISHJOBFINISH", failed), Event::PublishJobFinish(expected));
}

#[test]
fn customer_service_sessions_name_their_accounts() {
    let session =
        |close_type: Option<&str>| KfSession { account: "a@gh".into(), close_type: close_type.map(str::to_owned) };
    assert_eq!(event("kf_create_session", "<KfAccount>a@gh</KfAccount>"), Event::KfCreateSession(session(None)));
    assert_eq!(
        event("kf_close_session", "<KfAccount>a@gh</KfAccount><CloseType>KF</CloseType>"),
        Event::KfCloseSession(session(Some("KF")))
    );
    let switched = KfSwitchSession { from_account: "a@gh".into(), to_account: "b@gh".into() };
    assert_eq!(
        event("kf_switch_session", "<FromKfAccount>a@gh</FromKfAccount><ToKfAccount>b@gh</ToKfAccount>"),
        Event::KfSwitchSession(switched)
    );
}

#[test]
fn changes_of_authorization_name_user_and_app() {
    let elements = "<OpenID>oU</OpenID><AppID>wx1</AppID><RevokeInfo>1,2</RevokeInfo>";
    let expected = UserAuthorization { openid: "oU".into(), appid: "wx1".into(), revoke_info: "1,2".into() };
    assert_eq!(event("user_info_modified", elements), Event::UserInfoModified(expected.clone()));
    assert_eq!(event("user_authorization_revoke", elements), Event::UserAuthorizationRevoke(expected.clone()));
    assert_eq!(event("user_authorization_cancellation", elements), Event::UserAuthorizationCancellation(expected));
}

#[test]
fn verifications_of_the_account_share_one_case() {
    for name in ["qualification_verify_success", "naming_verify_success", "annual_renew", "verify_expired"] {
        let expected = AccountVerification {
            name: name.into(),
            expired_time: Some(1_442_401_156),
            fail_time: None,
            fail_reason: None,
        };
        let elements = "<ExpiredTime>1442401156</ExpiredTime>";
        assert_eq!(event(name, elements), Event::AccountVerification(expected));
    }
    for name in ["qualification_verify_fail", "naming_verify_fail"] {
        let expected = AccountVerification {
            name: name.into(),
            expired_time: None,
            fail_time: Some(1_442_401_122),
            fail_reason: Some("by time".into()),
        };
        let elements = "<FailTime>1442401122</FailTime><FailReason>by time</FailReason>";
        assert_eq!(event(name, elements), Event::AccountVerification(expected));
    }
}

#[test]
fn an_unknown_event_keeps_name_key_and_every_field() {
    let elements = "<EventKey>k</EventKey><CardId>c</CardId>";
    let Event::Other(OtherEvent { name, key, fields }) = event("user_get_Card", elements) else {
        panic!("a card event has no case of its own");
    };
    assert_eq!(name, "user_get_Card");
    assert_eq!(key.as_deref(), Some("k"));
    assert!(fields.iter().any(|field| field.path == "CardId" && field.value == "c"));
    assert_eq!(event("user_get_Card", elements).name(), "user_get_Card");
}

#[test]
fn an_event_with_a_number_that_is_none_becomes_other() {
    for (name, elements) in [
        ("LOCATION", "<Latitude>x</Latitude>"),
        ("TEMPLATESENDJOBFINISH", "<Status>success</Status>"),
        ("MASSSENDJOBFINISH", "<MsgID>1</MsgID>"),
        ("PUBLISHJOBFINISH", ""),
        ("annual_renew", "<ExpiredTime>soon</ExpiredTime>"),
        ("pic_weixin", "<SendPicsInfo><Count>many</Count></SendPicsInfo>"),
        ("subscribe_msg_sent_event", "<SubscribeMsgSentEvent><List/></SubscribeMsgSentEvent>"),
    ] {
        let event = event(name, elements);
        assert!(matches!(event, Event::Other(_)), "{name}: {event:?}");
        assert_eq!(event.name(), name);
    }
}

#[test]
fn names_of_events_compare_without_regard_to_case() {
    for sent in ["CLICK", "click", "Click"] {
        let message = Message::parse(&event_xml(sent, "<EventKey>k</EventKey>")).unwrap();
        assert_eq!(message.event_name(), Some("CLICK"));
        assert_eq!(message.msg_type(), "event");
        assert!(matches!(message.content, Content::Event(Event::Click(_))));
    }
    assert_eq!(event("Naming_Verify_Fail", "").name(), "naming_verify_fail");
}

#[test]
fn an_event_has_no_id() {
    let body = event_xml("CLICK", "<MsgId>5</MsgId>");
    assert_eq!(Message::parse(&body).unwrap().id, None);
}
