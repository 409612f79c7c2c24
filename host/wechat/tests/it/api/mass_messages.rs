//! Mass messages.

use serde_json::json as value;
use weft_wechat::api::message::custom_send::{Media, Text};
use weft_wechat::api::message::mass::preview::{MassPreview, PreviewTo};
use weft_wechat::api::message::mass::send::MassSend;
use weft_wechat::api::message::mass::sendall::{Filter, MassSendall};
use weft_wechat::api::message::mass::speed_get::{MassSpeed, MassSpeedGet};
use weft_wechat::api::message::mass::{Images, MassContent, TakenMassMessage};
use weft_wechat::api::read_answer;

use super::json;

fn text() -> MassContent {
    MassContent::Text { text: Text { content: "大家好".to_owned() } }
}

fn pictures() -> MassContent {
    let media_ids = vec!["M1".to_owned(), "M2".to_owned()];
    MassContent::Image { images: Images { media_ids, recommend: "春天".to_owned(), ..Images::default() } }
}

#[test]
fn who_gets_it_stands_beside_what_they_get() {
    let (text, pictures) = (text(), pictures());
    let filter = Filter { is_to_all: false, tag_id: Some(2) };
    let all = MassSendall { filter, content: &text, send_ignore_reprint: 0, clientmsgid: "c" };
    assert_eq!(
        json(&all),
        value!({"filter": {"is_to_all": false, "tag_id": 2}, "msgtype": "text", "text": {"content": "大家好"},
            "send_ignore_reprint": 0, "clientmsgid": "c"})
    );
    let to_all = MassSendall { filter: Filter { is_to_all: true, tag_id: None }, ..all };
    assert_eq!(json(&to_all)["filter"], value!({"is_to_all": true}));
    let touser = ["oA".to_owned(), "oB".to_owned()];
    let some = json(&MassSend { touser: &touser, content: &pictures, send_ignore_reprint: 1, clientmsgid: "c" });
    assert_eq!((&some["touser"], &some["msgtype"]), (&value!(["oA", "oB"]), &value!("image")));
    assert_eq!(some["images"]["media_ids"], value!(["M1", "M2"]));
}

#[test]
fn a_preview_goes_to_one_and_shows_one_picture() {
    let articles = MassContent::MpNews { mpnews: Media { media_id: "D".to_owned() } };
    let preview = MassPreview { to: PreviewTo::Openid("oA"), content: &articles };
    assert_eq!(json(&preview), value!({"touser": "oA", "msgtype": "mpnews", "mpnews": {"media_id": "D"}}));
    let pictures = pictures();
    let preview = MassPreview { to: PreviewTo::WechatName("anna"), content: &pictures };
    assert_eq!(json(&preview), value!({"towxname": "anna", "msgtype": "image", "image": {"media_id": "M1"}}));
}

#[test]
fn ids_and_speeds_are_read() {
    let taken: TakenMassMessage =
        read_answer(br#"{"errcode":0,"errmsg":"ok","msg_id":34182,"msg_data_id":206227730}"#).unwrap();
    assert_eq!((taken.msg_id, taken.msg_data_id), (Some(34182), Some(206_227_730)));
    let speed: MassSpeed = read_answer(br#"{"speed":3,"realspeed":15}"#).unwrap();
    assert_eq!((speed.speed, speed.realspeed), (3, 15));
    assert_eq!(json(&MassSpeedGet), value!({}));
}
