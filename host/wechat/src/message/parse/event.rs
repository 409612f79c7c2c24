//! From a document to an event. Parts that repeat may be absent, single or many.

use crate::document::{Document, Element, NotANumber};
use crate::message::event::{
    AccountVerification, ArticleUrl, CheckedArticle, Click, CopyrightCheck, Event, KfSession, KfSwitchSession,
    LocationSelect, MassSendJobFinish, OtherEvent, Pictures, Position, PublishJobFinish, Scan, Scancode, Subscribe,
    SubscribeMsgSent, Subscription, TemplateSendJobFinish, UserAuthorization, View, ViewMiniProgram,
};

/// Names compare without regard to case: WeChat's own samples differ in it.
pub(super) fn event(document: &Document<'_>) -> Event {
    let root = document.root();
    let name = root.child("Event").map_or("", Element::value);
    match typed(name.to_ascii_lowercase(), root) {
        Ok(Some(event)) => event,
        Ok(None) | Err(NotANumber) => Event::Other(OtherEvent {
            name: name.to_owned(),
            key: root.optional("EventKey"),
            fields: document.fields(),
        }),
    }
}

fn typed(name: String, root: Element<'_>) -> Result<Option<Event>, NotANumber> {
    let key = || root.text("EventKey");
    Ok(Some(match name.as_str() {
        "subscribe" => Event::Subscribe(subscribe(root)),
        "unsubscribe" => Event::Unsubscribe,
        "scan" => Event::Scan(Scan { scene: key(), ticket: root.text("Ticket") }),
        "location" => Event::Location(Position {
            latitude: root.fraction("Latitude")?,
            longitude: root.fraction("Longitude")?,
            precision: root.fraction("Precision")?,
        }),
        "click" => Event::Click(Click { key: key() }),
        "view" => Event::View(View { url: key(), menu_id: root.optional("MenuId") }),
        "view_miniprogram" => Event::ViewMiniProgram(ViewMiniProgram { path: key(), menu_id: root.optional("MenuId") }),
        "scancode_push" => Event::ScancodePush(scancode(root)),
        "scancode_waitmsg" => Event::ScancodeWaitmsg(scancode(root)),
        "pic_sysphoto" => Event::PicSysphoto(pictures(root)?),
        "pic_photo_or_album" => Event::PicPhotoOrAlbum(pictures(root)?),
        "pic_weixin" => Event::PicWeixin(pictures(root)?),
        "location_select" => Event::LocationSelect(location_select(root)?),
        "templatesendjobfinish" => Event::TemplateSendJobFinish(TemplateSendJobFinish {
            msg_id: root.integer("MsgID")?,
            status: root.text("Status"),
        }),
        "subscribe_msg_popup_event" => Event::SubscribeMsgPopup(subscriptions(root, "SubscribeMsgPopupEvent")?),
        "subscribe_msg_change_event" => Event::SubscribeMsgChange(subscriptions(root, "SubscribeMsgChangeEvent")?),
        "subscribe_msg_sent_event" => Event::SubscribeMsgSent(subscribe_msg_sent(root)?),
        "masssendjobfinish" => Event::MassSendJobFinish(mass_send_job_finish(root)?),
        "publishjobfinish" => Event::PublishJobFinish(publish_job_finish(root)?),
        "kf_create_session" => Event::KfCreateSession(kf_session(root)),
        "kf_close_session" => Event::KfCloseSession(kf_session(root)),
        "kf_switch_session" => Event::KfSwitchSession(KfSwitchSession {
            from_account: root.text("FromKfAccount"),
            to_account: root.text("ToKfAccount"),
        }),
        "user_info_modified" => Event::UserInfoModified(user_authorization(root)),
        "user_authorization_revoke" => Event::UserAuthorizationRevoke(user_authorization(root)),
        "user_authorization_cancellation" => Event::UserAuthorizationCancellation(user_authorization(root)),
        "qualification_verify_success"
        | "qualification_verify_fail"
        | "naming_verify_success"
        | "naming_verify_fail"
        | "annual_renew"
        | "verify_expired" => Event::AccountVerification(AccountVerification {
            expired_time: root.optional_integer("ExpiredTime")?,
            fail_time: root.optional_integer("FailTime")?,
            fail_reason: root.optional("FailReason"),
            name,
        }),
        _ => return Ok(None),
    }))
}

fn subscribe(root: Element<'_>) -> Subscribe {
    let key = root.text("EventKey");
    Subscribe { scene: key.strip_prefix("qrscene_").map(str::to_owned), ticket: root.optional("Ticket"), key }
}

fn scancode(root: Element<'_>) -> Scancode {
    let info = root.child("ScanCodeInfo");
    let text = |name| info.map(|info| info.text(name)).unwrap_or_default();
    Scancode { key: root.text("EventKey"), scan_type: text("ScanType"), scan_result: text("ScanResult") }
}

fn pictures(root: Element<'_>) -> Result<Pictures, NotANumber> {
    let md5_sums: Vec<String> = root
        .all(&["SendPicsInfo", "PicList", "item", "PicMd5Sum"])
        .into_iter()
        .map(|sum| sum.value().to_ascii_lowercase())
        .collect();
    let count = match root.child("SendPicsInfo") {
        Some(info) => info.optional_integer("Count")?,
        None => None,
    };
    Ok(Pictures {
        key: root.text("EventKey"),
        count: count.unwrap_or_else(|| u32::try_from(md5_sums.len()).unwrap_or(u32::MAX)),
        md5_sums,
    })
}

fn location_select(root: Element<'_>) -> Result<LocationSelect, NotANumber> {
    let info = root.child("SendLocationInfo").ok_or(NotANumber)?;
    Ok(LocationSelect {
        key: root.text("EventKey"),
        latitude: info.fraction("Location_X")?,
        longitude: info.fraction("Location_Y")?,
        scale: info.integer("Scale")?,
        label: info.text("Label"),
        poi_name: info.text("Poiname"),
    })
}

/// The entries of a subscription event. XML wraps them in an element of the event's own; JSON may
/// have them at the top.
fn entries<'d>(root: Element<'d>, wrapper: &str) -> impl Iterator<Item = Element<'d>> {
    let inside = root.all(&[wrapper, "List"]);
    inside.into_iter().chain(root.all(&["List"]))
}

fn subscriptions(root: Element<'_>, wrapper: &str) -> Result<Vec<Subscription>, NotANumber> {
    entries(root, wrapper)
        .map(|entry| {
            Ok(Subscription {
                template_id: entry.text("TemplateId"),
                status: entry.text("SubscribeStatusString"),
                popup_scene: entry.optional_integer("PopupScene")?,
            })
        })
        .collect()
}

fn subscribe_msg_sent(root: Element<'_>) -> Result<Vec<SubscribeMsgSent>, NotANumber> {
    entries(root, "SubscribeMsgSentEvent")
        .map(|entry| {
            Ok(SubscribeMsgSent {
                template_id: entry.text("TemplateId"),
                msg_id: entry.text("MsgID"),
                error_code: entry.integer("ErrorCode")?,
                error_status: entry.text("ErrorStatus"),
            })
        })
        .collect()
}

fn mass_send_job_finish(root: Element<'_>) -> Result<MassSendJobFinish, NotANumber> {
    Ok(MassSendJobFinish {
        msg_id: root.integer("MsgID").or_else(|_| root.integer("MsgId"))?,
        status: root.text("Status"),
        total_count: root.integer("TotalCount")?,
        filter_count: root.integer("FilterCount")?,
        sent_count: root.integer("SentCount")?,
        error_count: root.integer("ErrorCount")?,
        articles: root
            .all(&["ArticleUrlResult", "ResultList", "item"])
            .into_iter()
            .map(|item| article(item, "ArticleIdx", "ArticleUrl"))
            .collect::<Result<_, _>>()?,
        copyright: root.child("CopyrightCheckResult").map(copyright_check).transpose()?,
    })
}

fn copyright_check(result: Element<'_>) -> Result<CopyrightCheck, NotANumber> {
    let number = |item: Element<'_>, name| Ok(item.optional_integer(name)?.unwrap_or_default());
    let checked = |item: Element<'_>| -> Result<_, NotANumber> {
        Ok(CheckedArticle {
            index: number(item, "ArticleIdx")?,
            declared: number(item, "UserDeclareState")?,
            audited: number(item, "AuditState")?,
            original_url: item.text("OriginalArticleUrl"),
            can_reprint: number(item, "CanReprint")? == 1,
        })
    };
    Ok(CopyrightCheck {
        state: number(result, "CheckState")?,
        articles: result.all(&["ResultList", "item"]).into_iter().map(checked).collect::<Result<_, _>>()?,
    })
}

fn publish_job_finish(root: Element<'_>) -> Result<PublishJobFinish, NotANumber> {
    let info = root.child("PublishEventInfo").ok_or(NotANumber)?;
    Ok(PublishJobFinish {
        publish_id: info.text("publish_id"),
        status: info.integer("publish_status")?,
        article_id: info.optional("article_id"),
        articles: info
            .all(&["article_detail", "item"])
            .into_iter()
            .map(|item| article(item, "idx", "article_url"))
            .collect::<Result<_, _>>()?,
        failed_indexes: info
            .all(&["fail_idx"])
            .into_iter()
            .map(|index| index.value().trim().parse().map_err(|_| NotANumber))
            .collect::<Result<_, _>>()?,
    })
}

fn article(item: Element<'_>, index: &str, url: &str) -> Result<ArticleUrl, NotANumber> {
    Ok(ArticleUrl { index: item.integer(index)?, url: item.text(url) })
}

fn kf_session(root: Element<'_>) -> KfSession {
    KfSession { account: root.text("KfAccount"), close_type: root.optional("CloseType") }
}

fn user_authorization(root: Element<'_>) -> UserAuthorization {
    UserAuthorization { openid: root.text("OpenID"), appid: root.text("AppID"), revoke_info: root.text("RevokeInfo") }
}
