//! What the real host would send of a reply: the rest is refused here, too, in its words.

use crate::{error::Error, reply::Reply};

/// How long an address, a media id or the name of an account may be, in bytes. Texts that are too long are cut.
const LONGEST: usize = 2048;

/// How many articles are looked at: there are never more of them.
const MOST_ARTICLES: usize = 8;

/// Whether it can reach a user.
pub(super) fn check(reply: &Reply) -> Result<(), Error> {
    match reply {
        Reply::Text(text) if !is_visible(text) => {
            Err(Error::Invalid("the text is empty: leave the reply out to answer nothing".to_owned()))
        }
        Reply::Text(_) | Reply::TransferCustomerService(None) => Ok(()),
        Reply::Image(media_id) | Reply::Voice(media_id) => needed("media_id", media_id),
        Reply::Video(video) => needed("media_id", &video.media_id),
        Reply::Music(music) => {
            needed("thumb_media_id", &music.thumb_media_id)?;
            bounded("music_url", &music.music_url)?;
            bounded("hq_music_url", &music.hq_music_url)
        }
        Reply::News(articles) if articles.is_empty() => {
            Err(Error::Invalid("there is no article in the news".to_owned()))
        }
        Reply::News(articles) => articles.iter().take(MOST_ARTICLES).try_for_each(|article| {
            bounded("url", &article.url)?;
            bounded("pic_url", &article.pic_url)
        }),
        Reply::TransferCustomerService(Some(account)) => needed("account", account),
    }
}

/// Whether it can be a message of its own.
pub(super) fn check_message(reply: &Reply) -> Result<(), Error> {
    check(reply)?;
    match reply {
        Reply::TransferCustomerService(_) => Err(Error::Invalid(
            "transfer_customer_service is no message: only the answer to WeChat's request can be one".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// Whether the text may be an openid.
pub(super) fn check_openid(openid: &str) -> Result<(), Error> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    let is_openid = (1..=64).contains(&openid.len()) && openid.bytes().all(is_allowed);
    if is_openid { Ok(()) } else { Err(Error::Invalid("this is no openid".to_owned())) }
}

/// Control characters do not get into what WeChat reads.
fn is_visible(text: &str) -> bool {
    text.chars().any(|character| !character.is_whitespace() && !character.is_control())
}

fn needed(name: &str, value: &str) -> Result<(), Error> {
    if is_visible(value) { bounded(name, value) } else { Err(Error::Invalid(format!("{name} is empty"))) }
}

fn bounded(name: &str, value: &str) -> Result<(), Error> {
    if value.len() <= LONGEST {
        return Ok(());
    }
    Err(Error::Invalid(format!("{name} is longer than {LONGEST} bytes")))
}
