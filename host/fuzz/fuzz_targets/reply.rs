//! Replies: what is written reads back as the same, whoever it goes to.
#![no_main]

#[path = "../../wechat/tests/it/sent.rs"]
mod sent;

use libfuzzer_sys::{arbitrary, arbitrary::Arbitrary, fuzz_target};
use sent::{Sent, carried, read, shown};
use weft_wechat::message::{Click, Content, Event, Text};
use weft_wechat::reply::{Article, Music, Reply, Video};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    to: &'a str,
    from: &'a str,
    created_at: u64,
    /// Makes texts that are too long out of few bytes.
    repeat: u8,
    reply: Kind<'a>,
}

#[derive(Debug, Arbitrary)]
enum Kind<'a> {
    Text(&'a str),
    Image(&'a str),
    Voice(&'a str),
    Video([&'a str; 3]),
    Music([&'a str; 5]),
    News(Vec<[&'a str; 4]>),
    TransferCustomerService(Option<&'a str>),
}

fuzz_target!(|input: Input<'_>| {
    let long = |text: &str| text.repeat(usize::from(input.repeat) + 1);
    let mut reply = match input.reply {
        Kind::Text(text) => Reply::Text(long(text)),
        Kind::Image(media_id) => Reply::Image(media_id.into()),
        Kind::Voice(media_id) => Reply::Voice(media_id.into()),
        Kind::Video([media_id, title, description]) => {
            Reply::Video(Video { media_id: media_id.into(), title: long(title), description: long(description) })
        }
        Kind::Music([title, description, music_url, hq_music_url, thumb_media_id]) => Reply::Music(Music {
            title: long(title),
            description: long(description),
            music_url: music_url.into(),
            hq_music_url: hq_music_url.into(),
            thumb_media_id: thumb_media_id.into(),
        }),
        Kind::News(articles) => Reply::News(
            articles
                .into_iter()
                .map(|[title, description, pic_url, url]| Article {
                    title: long(title),
                    description: long(description),
                    pic_url: pic_url.into(),
                    url: url.into(),
                })
                .collect(),
        ),
        Kind::TransferCustomerService(account) => Reply::TransferCustomerService(account.map(Into::into)),
    };

    let text = Content::Text(Text { content: String::new(), menu_id: None });
    let click = Content::Event(Event::Click(Click { key: String::new() }));
    let good = reply.check(&click).is_ok();
    assert_eq!(good, reply.check(&text).is_ok());
    let xml = reply.to_xml(input.to, input.from, input.created_at);
    let expected =
        Sent { to: carried(input.to), from: carried(input.from), created_at: input.created_at, reply: shown(&reply) };
    let written = read(&xml);
    assert_eq!(written.as_ref(), Some(&expected));
    // What was written once is written the same again.
    assert_eq!(expected.reply.to_xml(&expected.to, &expected.from, expected.created_at), xml);

    reply.fit(&text);
    assert!(!good || reply.check(&text).is_ok());
    assert!(!matches!(&reply, Reply::News(articles) if articles.len() > 1));
});
