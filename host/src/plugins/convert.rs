//! Between the protocol's types and the WIT's, which mirror each other.

use weft_wechat::{
    message::{self as wechat, Content, Event},
    reply::{self as wechat_reply, Reply},
};

use super::{
    bindings::{
        exported::observers,
        imported::{message as wit, reply as wit_reply, types},
    },
    calls::Observation,
};

/// A message as plugins see it.
pub(super) fn message(message: &wechat::Message) -> wit::Message {
    wit::Message {
        sender: message.sender.clone(),
        receiver: message.receiver.clone(),
        created_at: message.created_at,
        id: message.id,
        content: content(&message.content),
    }
}

/// A plugin's reply as the protocol has it.
pub(super) fn reply(reply: wit_reply::Reply) -> Reply {
    match reply {
        wit_reply::Reply::Text(text) => Reply::Text(text),
        wit_reply::Reply::Image(media_id) => Reply::Image(media_id),
        wit_reply::Reply::Voice(media_id) => Reply::Voice(media_id),
        wit_reply::Reply::Video(video) => Reply::Video(wechat_reply::Video {
            media_id: video.media_id,
            title: video.title,
            description: video.description,
        }),
        wit_reply::Reply::Music(music) => Reply::Music(wechat_reply::Music {
            title: music.title,
            description: music.description,
            music_url: music.music_url,
            hq_music_url: music.hq_music_url,
            thumb_media_id: music.thumb_media_id,
        }),
        wit_reply::Reply::News(articles) => Reply::News(articles.into_iter().map(article).collect()),
        wit_reply::Reply::TransferCustomerService(account) => Reply::TransferCustomerService(account),
    }
}

fn article(article: wit_reply::Article) -> wechat_reply::Article {
    wechat_reply::Article {
        title: article.title,
        description: article.description,
        pic_url: article.pic_url,
        url: article.url,
    }
}

/// What plugins hear of a message.
pub(super) fn observation(observation: Observation<'_>) -> observers::Observation {
    match observation {
        Observation::Received(of) => observers::Observation::Received(message(of)),
        Observation::Handled(of, answer) => observers::Observation::Handled(observers::Handled {
            message: message(of),
            reply: answer.map(observed_reply),
        }),
        Observation::Failed(of, reason) => {
            observers::Observation::Failed(observers::Failed { message: message(of), reason: reason.to_owned() })
        }
    }
}

/// The way back from [`reply`].
fn observed_reply(reply: &Reply) -> wit_reply::Reply {
    match reply {
        Reply::Text(text) => wit_reply::Reply::Text(text.clone()),
        Reply::Image(media_id) => wit_reply::Reply::Image(media_id.clone()),
        Reply::Voice(media_id) => wit_reply::Reply::Voice(media_id.clone()),
        Reply::Video(video) => wit_reply::Reply::Video(wit_reply::Video {
            media_id: video.media_id.clone(),
            title: video.title.clone(),
            description: video.description.clone(),
        }),
        Reply::Music(music) => wit_reply::Reply::Music(wit_reply::Music {
            title: music.title.clone(),
            description: music.description.clone(),
            music_url: music.music_url.clone(),
            hq_music_url: music.hq_music_url.clone(),
            thumb_media_id: music.thumb_media_id.clone(),
        }),
        Reply::News(articles) => wit_reply::Reply::News(
            articles
                .iter()
                .map(|article| wit_reply::Article {
                    title: article.title.clone(),
                    description: article.description.clone(),
                    pic_url: article.pic_url.clone(),
                    url: article.url.clone(),
                })
                .collect(),
        ),
        Reply::TransferCustomerService(account) => wit_reply::Reply::TransferCustomerService(account.clone()),
    }
}

/// A guest's error in words for the log.
pub(super) fn error(error: &types::Error) -> String {
    match error {
        types::Error::Denied(text) => format!("denied: {text}"),
        types::Error::Invalid(text) => format!("invalid: {text}"),
        types::Error::NotFound(text) => format!("not found: {text}"),
        types::Error::Conflict(text) => format!("conflict: {text}"),
        types::Error::Limited(text) => format!("limited: {text}"),
        types::Error::TimedOut(text) => format!("timed out: {text}"),
        types::Error::Unavailable(text) => format!("unavailable: {text}"),
        types::Error::Wechat(error) => format!("WeChat answered {}: {}", error.errcode, error.errmsg),
        types::Error::Other(text) => text.clone(),
    }
}

fn content(content: &Content) -> wit::Content {
    match content {
        Content::Text(text) => {
            wit::Content::Text(wit::Text { content: text.content.clone(), menu_id: text.menu_id.clone() })
        }
        Content::Image(image) => {
            wit::Content::Image(wit::Image { pic_url: image.pic_url.clone(), media_id: image.media_id.clone() })
        }
        Content::Voice(voice) => wit::Content::Voice(wit::Voice {
            media_id: voice.media_id.clone(),
            format: voice.format.clone(),
            recognition: voice.recognition.clone(),
        }),
        Content::Video(content) => wit::Content::Video(video(content)),
        Content::ShortVideo(content) => wit::Content::ShortVideo(video(content)),
        Content::Location(location) => wit::Content::Location(wit::Location {
            latitude: location.latitude,
            longitude: location.longitude,
            scale: location.scale,
            label: location.label.clone(),
        }),
        Content::Link(link) => wit::Content::Link(wit::Link {
            title: link.title.clone(),
            description: link.description.clone(),
            url: link.url.clone(),
        }),
        Content::File(file) => wit::Content::File(wit::File {
            title: file.title.clone(),
            description: file.description.clone(),
            key: file.key.clone(),
            md5: file.md5.clone(),
            size: file.size,
        }),
        Content::MiniProgramPage(page) => wit::Content::MiniProgramPage(wit::MiniProgramPage {
            title: page.title.clone(),
            appid: page.appid.clone(),
            path: page.path.clone(),
            thumb_url: page.thumb_url.clone(),
            thumb_media_id: page.thumb_media_id.clone(),
        }),
        Content::Event(content) => wit::Content::Event(event(content)),
        Content::Other(other) => {
            wit::Content::Other(wit::Other { kind: other.kind.clone(), fields: fields(&other.fields) })
        }
    }
}

fn video(video: &wechat::Video) -> wit::Video {
    wit::Video { media_id: video.media_id.clone(), thumb_media_id: video.thumb_media_id.clone() }
}

fn fields(fields: &[wechat::Field]) -> Vec<types::Field> {
    fields.iter().map(|field| types::Field { path: field.path.clone(), value: field.value.clone() }).collect()
}

fn event(event: &Event) -> wit::Event {
    match event {
        Event::Subscribe(e) => wit::Event::Subscribe(wit::Subscribe {
            key: e.key.clone(),
            scene: e.scene.clone(),
            ticket: e.ticket.clone(),
        }),
        Event::Unsubscribe => wit::Event::Unsubscribe,
        Event::Scan(e) => wit::Event::Scan(wit::Scan { scene: e.scene.clone(), ticket: e.ticket.clone() }),
        Event::Location(e) => {
            wit::Event::Location(wit::Position { latitude: e.latitude, longitude: e.longitude, precision: e.precision })
        }
        Event::Click(e) => wit::Event::Click(wit::Click { key: e.key.clone() }),
        Event::View(e) => wit::Event::View(wit::View { url: e.url.clone(), menu_id: e.menu_id.clone() }),
        Event::ViewMiniProgram(e) => {
            wit::Event::ViewMiniProgram(wit::ViewMiniProgram { path: e.path.clone(), menu_id: e.menu_id.clone() })
        }
        Event::ScancodePush(e) => wit::Event::ScancodePush(scancode(e)),
        Event::ScancodeWaitmsg(e) => wit::Event::ScancodeWaitmsg(scancode(e)),
        Event::PicSysphoto(e) => wit::Event::PicSysphoto(pictures(e)),
        Event::PicPhotoOrAlbum(e) => wit::Event::PicPhotoOrAlbum(pictures(e)),
        Event::PicWeixin(e) => wit::Event::PicWeixin(pictures(e)),
        Event::LocationSelect(e) => wit::Event::LocationSelect(wit::LocationSelect {
            key: e.key.clone(),
            latitude: e.latitude,
            longitude: e.longitude,
            scale: e.scale,
            label: e.label.clone(),
            poi_name: e.poi_name.clone(),
        }),
        Event::TemplateSendJobFinish(e) => {
            wit::Event::TemplateSendJobFinish(wit::TemplateSendJobFinish { msg_id: e.msg_id, status: e.status.clone() })
        }
        Event::SubscribeMsgPopup(list) => wit::Event::SubscribeMsgPopup(list.iter().map(subscription).collect()),
        Event::SubscribeMsgChange(list) => wit::Event::SubscribeMsgChange(list.iter().map(subscription).collect()),
        Event::SubscribeMsgSent(list) => wit::Event::SubscribeMsgSent(
            list.iter()
                .map(|sent| wit::SubscribeMsgSent {
                    template_id: sent.template_id.clone(),
                    msg_id: sent.msg_id.clone(),
                    error_code: sent.error_code,
                    error_status: sent.error_status.clone(),
                })
                .collect(),
        ),
        Event::MassSendJobFinish(e) => wit::Event::MassSendJobFinish(wit::MassSendJobFinish {
            msg_id: e.msg_id,
            status: e.status.clone(),
            total_count: e.total_count,
            filter_count: e.filter_count,
            sent_count: e.sent_count,
            error_count: e.error_count,
            articles: article_urls(&e.articles),
        }),
        Event::PublishJobFinish(e) => wit::Event::PublishJobFinish(wit::PublishJobFinish {
            publish_id: e.publish_id.clone(),
            status: e.status,
            article_id: e.article_id.clone(),
            articles: article_urls(&e.articles),
            failed_indexes: e.failed_indexes.clone(),
        }),
        Event::KfCreateSession(e) => wit::Event::KfCreateSession(kf_session(e)),
        Event::KfCloseSession(e) => wit::Event::KfCloseSession(kf_session(e)),
        Event::KfSwitchSession(e) => wit::Event::KfSwitchSession(wit::KfSwitchSession {
            from_account: e.from_account.clone(),
            to_account: e.to_account.clone(),
        }),
        Event::UserInfoModified(e) => wit::Event::UserInfoModified(user_authorization(e)),
        Event::UserAuthorizationRevoke(e) => wit::Event::UserAuthorizationRevoke(user_authorization(e)),
        Event::UserAuthorizationCancellation(e) => wit::Event::UserAuthorizationCancellation(user_authorization(e)),
        Event::AccountVerification(e) => wit::Event::AccountVerification(wit::AccountVerification {
            name: e.name.clone(),
            expired_time: e.expired_time,
            fail_time: e.fail_time,
            fail_reason: e.fail_reason.clone(),
        }),
        Event::Other(e) => {
            wit::Event::Other(wit::OtherEvent { name: e.name.clone(), key: e.key.clone(), fields: fields(&e.fields) })
        }
    }
}

fn scancode(scancode: &wechat::Scancode) -> wit::Scancode {
    wit::Scancode {
        key: scancode.key.clone(),
        scan_type: scancode.scan_type.clone(),
        scan_result: scancode.scan_result.clone(),
    }
}

fn pictures(pictures: &wechat::Pictures) -> wit::Pictures {
    wit::Pictures { key: pictures.key.clone(), count: pictures.count, md5_sums: pictures.md5_sums.clone() }
}

fn subscription(subscription: &wechat::Subscription) -> wit::Subscription {
    wit::Subscription {
        template_id: subscription.template_id.clone(),
        status: subscription.status.clone(),
        popup_scene: subscription.popup_scene,
    }
}

fn article_urls(articles: &[wechat::ArticleUrl]) -> Vec<wit::ArticleUrl> {
    articles.iter().map(|article| wit::ArticleUrl { index: article.index, url: article.url.clone() }).collect()
}

fn kf_session(session: &wechat::KfSession) -> wit::KfSession {
    wit::KfSession { account: session.account.clone(), close_type: session.close_type.clone() }
}

fn user_authorization(authorization: &wechat::UserAuthorization) -> wit::UserAuthorization {
    wit::UserAuthorization {
        openid: authorization.openid.clone(),
        appid: authorization.appid.clone(),
        revoke_info: authorization.revoke_info.clone(),
    }
}
