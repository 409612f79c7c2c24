//! Whatever a reply says reads back as it was written.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use weft_wechat::reply::{Article, MAX_TEXT, Music, Reply, Video};

use crate::properties::text;
use crate::sent::{Sent, carried, read, shown};

fn article() -> impl Strategy<Value = Article> {
    (text(), text(), text(), text()).prop_map(|(title, description, pic_url, url)| Article {
        title,
        description,
        pic_url,
        url,
    })
}

fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        text().prop_map(Reply::Text),
        text().prop_map(Reply::Image),
        text().prop_map(Reply::Voice),
        (text(), text(), text())
            .prop_map(|(media_id, title, description)| { Reply::Video(Video { media_id, title, description }) }),
        (text(), text(), text(), text(), text()).prop_map(
            |(title, description, music_url, hq_music_url, thumb_media_id)| {
                Reply::Music(Music { title, description, music_url, hq_music_url, thumb_media_id })
            }
        ),
        vec(article(), 0..10).prop_map(Reply::News),
        option::of(text()).prop_map(Reply::TransferCustomerService),
    ]
}

proptest! {
    #[test]
    fn any_reply_reads_back_for_any_user(reply in reply(), to in text(), from in text(), created_at in any::<u64>()) {
        let xml = reply.to_xml(&to, &from, created_at);
        let expected = Sent { to: carried(&to), from: carried(&from), created_at, reply: shown(&reply) };
        prop_assert_eq!(expected.reply.to_xml(&expected.to, &expected.from, created_at), &*xml);
        prop_assert_eq!(read(&xml), Some(expected));
    }

    #[test]
    fn texts_are_cut_in_bytes_and_never_inside_a_character(text in text(), before in 0..3_usize) {
        let long = "x".repeat(before) + &text + &"好".repeat(MAX_TEXT);
        let Some(Sent { reply: Reply::Text(cut), .. }) = read(&Reply::Text(long.clone()).to_xml("oU", "gh_1", 1)) else {
            panic!("a text reads back as a text");
        };
        prop_assert!(carried(&long).starts_with(&cut));
        prop_assert!((MAX_TEXT - 3..=MAX_TEXT).contains(&cut.len()), "{}", cut.len());
    }
}
