//! What people read in the message log: a message or a reply in one line, without words of any language.

use weft_wechat::{
    message::{Content, Event},
    reply::Reply,
};

/// Fields that say nothing of a message's content.
const OF_EVERY_MESSAGE: &[&str] = &["ToUserName", "FromUserName", "CreateTime", "MsgType", "MsgId"];

/// The text of a message, or what it is instead.
pub(super) fn of_message(content: &Content) -> String {
    match content {
        Content::Text(text) => text.content.clone(),
        Content::Image(image) => image.media_id.clone(),
        Content::Voice(voice) => match &voice.recognition {
            Some(speech) if !speech.is_empty() => speech.clone(),
            _ => voice.media_id.clone(),
        },
        Content::Video(video) | Content::ShortVideo(video) => video.media_id.clone(),
        Content::Location(place) => joined(&[&place.label, &format!("({}, {})", place.latitude, place.longitude)]),
        Content::Link(link) => joined(&[&link.title, &link.url]),
        Content::File(file) => joined(&[&file.title, &file.description]),
        Content::MiniProgramPage(page) => joined(&[&page.title, &page.appid, &page.path]),
        Content::Event(event) => of_event(event),
        Content::Other(other) => {
            let own = other.fields.iter().filter(|field| !OF_EVERY_MESSAGE.contains(&field.path.as_str()));
            joined(&own.map(|field| field.value.as_str()).collect::<Vec<_>>())
        }
    }
}

/// What an event brings beside its key.
fn of_event(event: &Event) -> String {
    match event {
        Event::Location(place) => format!("({}, {})", place.latitude, place.longitude),
        Event::ScancodePush(scan) | Event::ScancodeWaitmsg(scan) => scan.scan_result.clone(),
        Event::LocationSelect(place) => {
            joined(&[&place.label, &place.poi_name, &format!("({}, {})", place.latitude, place.longitude)])
        }
        Event::TemplateSendJobFinish(job) => joined(&[&job.msg_id.to_string(), &job.status]),
        Event::SubscribeMsgPopup(answers) | Event::SubscribeMsgChange(answers) => {
            let answers = answers.iter().flat_map(|answer| [answer.template_id.as_str(), answer.status.as_str()]);
            joined(&answers.collect::<Vec<_>>())
        }
        Event::SubscribeMsgSent(messages) => {
            let messages = messages.iter().flat_map(|sent| [sent.template_id.as_str(), sent.error_status.as_str()]);
            joined(&messages.collect::<Vec<_>>())
        }
        Event::MassSendJobFinish(job) => joined(&[&job.msg_id.to_string(), &job.status]),
        Event::PublishJobFinish(job) => joined(&[&job.publish_id, &job.status.to_string()]),
        Event::KfCreateSession(session) | Event::KfCloseSession(session) => session.account.clone(),
        Event::KfSwitchSession(session) => joined(&[&session.from_account, &session.to_account]),
        Event::AccountVerification(step) => step.fail_reason.clone().unwrap_or_default(),
        _ => String::new(),
    }
}

/// The type of a reply, and what it says.
pub(super) fn of_reply(reply: &Reply) -> (&'static str, String) {
    let content = match reply {
        Reply::Text(text) => text.clone(),
        Reply::Image(media_id) | Reply::Voice(media_id) => media_id.clone(),
        Reply::Video(video) => joined(&[&video.title, &video.media_id]),
        Reply::Music(music) => joined(&[&music.title, &music.music_url]),
        Reply::News(articles) => {
            let articles = articles.iter().flat_map(|article| [article.title.as_str(), article.url.as_str()]);
            joined(&articles.collect::<Vec<_>>())
        }
        Reply::TransferCustomerService(account) => account.clone().unwrap_or_default(),
    };
    (reply.msg_type(), content)
}

fn joined(parts: &[&str]) -> String {
    let parts: Vec<_> = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use weft_wechat::{
        message::Message,
        reply::{Article, Video},
    };

    use super::*;

    fn summary(fields: &str) -> (String, Option<String>) {
        let xml = format!(
            "<xml><ToUserName>gh_1</ToUserName><FromUserName>o1</FromUserName><CreateTime>1</CreateTime>{fields}</xml>"
        );
        let content = Message::parse(&xml).unwrap().content;
        let key = if let Content::Event(event) = &content { event.key() } else { None };
        (of_message(&content), key.map(str::to_owned))
    }

    #[test]
    fn a_message_is_told_in_one_line() {
        for (fields, line) in [
            ("<MsgType>text</MsgType><Content>你好\n=1+1</Content>", "你好\n=1+1"),
            ("<MsgType>image</MsgType><PicUrl>http://p</PicUrl><MediaId>m1</MediaId>", "m1"),
            ("<MsgType>voice</MsgType><MediaId>m1</MediaId><Format>amr</Format>", "m1"),
            (
                "<MsgType>voice</MsgType><MediaId>m1</MediaId><Format>amr</Format><Recognition>多少钱</Recognition>",
                "多少钱",
            ),
            (
                "<MsgType>location</MsgType><Location_X>23.5</Location_X><Location_Y>113</Location_Y><Scale>20</Scale><Label>广州</Label>",
                "广州 (23.5, 113)",
            ),
            ("<MsgType>link</MsgType><Title>题</Title><Description>d</Description><Url>http://u</Url>", "题 http://u"),
            ("<MsgType>hologram</MsgType><Depth>3</Depth>", "3"),
        ] {
            assert_eq!(summary(fields), (line.to_owned(), None), "{fields}");
        }
    }

    #[test]
    fn an_event_is_told_with_its_key() {
        for (fields, key, line) in [
            ("<Event>subscribe</Event><EventKey></EventKey>", None, ""),
            ("<Event>subscribe</Event><EventKey>qrscene_7</EventKey><Ticket>T</Ticket>", Some("qrscene_7"), ""),
            ("<Event>SCAN</Event><EventKey>7</EventKey><Ticket>T</Ticket>", Some("7"), ""),
            ("<Event>CLICK</Event><EventKey>MENU_1</EventKey>", Some("MENU_1"), ""),
            ("<Event>VIEW</Event><EventKey>http://u</EventKey>", Some("http://u"), ""),
            ("<Event>brand_new</Event><EventKey>k</EventKey>", Some("k"), ""),
            ("<Event>TEMPLATESENDJOBFINISH</Event><MsgID>5</MsgID><Status>success</Status>", None, "5 success"),
        ] {
            let told = summary(&format!("<MsgType>event</MsgType>{fields}"));
            assert_eq!(told, (line.to_owned(), key.map(str::to_owned)), "{fields}");
        }
    }

    #[test]
    fn a_reply_is_told_with_its_type() {
        let article = |title: &str| Article {
            title: title.to_owned(),
            description: String::new(),
            pic_url: String::new(),
            url: format!("http://{title}"),
        };
        let video = Video { media_id: "m1".to_owned(), title: String::new(), description: String::new() };
        for (reply, told) in [
            (Reply::Text("好".to_owned()), ("text", "好")),
            (Reply::Video(video), ("video", "m1")),
            (Reply::News(vec![article("a"), article("b")]), ("news", "a http://a b http://b")),
            (Reply::TransferCustomerService(None), ("transfer_customer_service", "")),
        ] {
            assert_eq!(of_reply(&reply), (told.0, told.1.to_owned()));
        }
    }
}
