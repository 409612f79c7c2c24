//! Events: what happened around an account.

use super::Field;

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A user follows the account; `scene` is set when they came by a QR code.
    Subscribe(Subscribe),
    /// A user left the account. No reply reaches them.
    Unsubscribe,
    /// A follower scanned a QR code of the account.
    Scan(Scan),
    /// Where the user is, on accounts that collect it.
    Location(Position),
    /// A menu button of type click.
    Click(Click),
    /// A menu button that opens a page. WeChat shows no reply to it.
    View(View),
    /// A menu button that opens a mini program.
    ViewMiniProgram(ViewMiniProgram),
    /// A menu button that scans a code.
    ScancodePush(Scancode),
    /// As `ScancodePush`, and the user waits for a reply.
    ScancodeWaitmsg(Scancode),
    /// A menu button that takes a photo.
    PicSysphoto(Pictures),
    /// A menu button that takes a photo or picks one.
    PicPhotoOrAlbum(Pictures),
    /// A menu button that picks photos from WeChat's album.
    PicWeixin(Pictures),
    /// A menu button that picks a place.
    LocationSelect(LocationSelect),
    /// A template message was delivered, or was not.
    TemplateSendJobFinish(TemplateSendJobFinish),
    /// The user answered a request for subscription messages.
    SubscribeMsgPopup(Vec<Subscription>),
    /// The user changed a subscription in the settings.
    SubscribeMsgChange(Vec<Subscription>),
    /// Subscription messages were delivered, or were not.
    SubscribeMsgSent(Vec<SubscribeMsgSent>),
    /// A mass message was sent.
    MassSendJobFinish(MassSendJobFinish),
    /// Articles were published, or were not.
    PublishJobFinish(PublishJobFinish),
    /// Customer service began to talk with the user.
    KfCreateSession(KfSession),
    /// Customer service ended the talk.
    KfCloseSession(KfSession),
    /// Customer service handed the talk over.
    KfSwitchSession(KfSwitchSession),
    /// A user changed the profile that they had shared.
    UserInfoModified(UserAuthorization),
    /// A user took an authorization back.
    UserAuthorizationRevoke(UserAuthorization),
    /// A user closed their account. Delete what is theirs.
    UserAuthorizationCancellation(UserAuthorization),
    /// `qualification_verify_*`, `naming_verify_*`, `annual_renew` and `verify_expired`.
    AccountVerification(AccountVerification),
    /// An event that has no case of its own.
    Other(OtherEvent),
}

impl Event {
    /// The name as WeChat documents it, whatever case it was sent in; as it was sent when the
    /// event has no case of its own.
    pub fn name(&self) -> &str {
        match self {
            Self::Subscribe(_) => "subscribe",
            Self::Unsubscribe => "unsubscribe",
            Self::Scan(_) => "SCAN",
            Self::Location(_) => "LOCATION",
            Self::Click(_) => "CLICK",
            Self::View(_) => "VIEW",
            Self::ViewMiniProgram(_) => "view_miniprogram",
            Self::ScancodePush(_) => "scancode_push",
            Self::ScancodeWaitmsg(_) => "scancode_waitmsg",
            Self::PicSysphoto(_) => "pic_sysphoto",
            Self::PicPhotoOrAlbum(_) => "pic_photo_or_album",
            Self::PicWeixin(_) => "pic_weixin",
            Self::LocationSelect(_) => "location_select",
            Self::TemplateSendJobFinish(_) => "TEMPLATESENDJOBFINISH",
            Self::SubscribeMsgPopup(_) => "subscribe_msg_popup_event",
            Self::SubscribeMsgChange(_) => "subscribe_msg_change_event",
            Self::SubscribeMsgSent(_) => "subscribe_msg_sent_event",
            Self::MassSendJobFinish(_) => "MASSSENDJOBFINISH",
            Self::PublishJobFinish(_) => "PUBLISHJOBFINISH",
            Self::KfCreateSession(_) => "kf_create_session",
            Self::KfCloseSession(_) => "kf_close_session",
            Self::KfSwitchSession(_) => "kf_switch_session",
            Self::UserInfoModified(_) => "user_info_modified",
            Self::UserAuthorizationRevoke(_) => "user_authorization_revoke",
            Self::UserAuthorizationCancellation(_) => "user_authorization_cancellation",
            Self::AccountVerification(verification) => &verification.name,
            Self::Other(other) => &other.name,
        }
    }

    /// `EventKey` as it was sent: of a menu button, a page, a QR code, …. `None` where it is empty or events of that
    /// name have none.
    pub fn key(&self) -> Option<&str> {
        let key = match self {
            Self::Subscribe(subscribe) => &subscribe.key,
            Self::Scan(scan) => &scan.scene,
            Self::Click(click) => &click.key,
            Self::View(view) => &view.url,
            Self::ViewMiniProgram(view) => &view.path,
            Self::ScancodePush(scan) | Self::ScancodeWaitmsg(scan) => &scan.key,
            Self::PicSysphoto(pictures) | Self::PicPhotoOrAlbum(pictures) | Self::PicWeixin(pictures) => &pictures.key,
            Self::LocationSelect(place) => &place.key,
            Self::Other(other) => other.key.as_ref()?,
            _ => return None,
        };
        (!key.is_empty()).then_some(key.as_str())
    }
}

/// A user follows the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// `EventKey` as it was sent, with its prefix, such as `qrscene_42`. Empty without one.
    pub key: String,
    /// What stood behind `qrscene_`.
    pub scene: Option<String>,
    /// `Ticket` of the QR code.
    pub ticket: Option<String>,
}

/// A follower scanned a QR code of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// `EventKey`: the scene of the QR code.
    pub scene: String,
    /// `Ticket` of the QR code.
    pub ticket: String,
}

/// Where a user is.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    /// `Latitude`, in degrees.
    pub latitude: f64,
    /// `Longitude`, in degrees.
    pub longitude: f64,
    /// `Precision`, in metres.
    pub precision: f64,
}

/// A menu button of type click.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Click {
    /// `EventKey`: the button's key.
    pub key: String,
}

/// A menu button that opens a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// `EventKey`: the page's address.
    pub url: String,
    /// `MenuId`, of a conditional menu.
    pub menu_id: Option<String>,
}

/// A menu button that opens a mini program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewMiniProgram {
    /// `EventKey`: the page's path.
    pub path: String,
    /// `MenuId`, of a conditional menu.
    pub menu_id: Option<String>,
}

/// A code that the user scanned by a menu button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scancode {
    /// `EventKey`: the button's key.
    pub key: String,
    /// `ScanCodeInfo/ScanType`: qrcode or barcode.
    pub scan_type: String,
    /// `ScanCodeInfo/ScanResult`: what the code says.
    pub scan_result: String,
}

/// Pictures that the user picked by a menu button. They follow as messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pictures {
    /// `EventKey`: the button's key.
    pub key: String,
    /// `SendPicsInfo/Count`; where it is absent, how many sums there are.
    pub count: u32,
    /// The MD5 of each picture, in lower-case hexadecimal.
    pub md5_sums: Vec<String>,
}

/// A place that the user picked by a menu button.
#[derive(Debug, Clone, PartialEq)]
pub struct LocationSelect {
    /// `EventKey`: the button's key.
    pub key: String,
    /// `SendLocationInfo/Location_X`, in degrees.
    pub latitude: f64,
    /// `SendLocationInfo/Location_Y`, in degrees.
    pub longitude: f64,
    /// `SendLocationInfo/Scale`: the map's zoom.
    pub scale: i32,
    /// `SendLocationInfo/Label`.
    pub label: String,
    /// `SendLocationInfo/Poiname`.
    pub poi_name: String,
}

/// What became of a template message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateSendJobFinish {
    /// `MsgID`: the msgid that sending answered.
    pub msg_id: u64,
    /// `success`, or a text that begins with `failed`.
    pub status: String,
}

/// A user's answer about one template of subscription messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// `TemplateId`.
    pub template_id: String,
    /// `SubscribeStatusString`: accept, reject, or what WeChat adds to these.
    pub status: String,
    /// 0 in a mini program, 1 on an H5 page, 2 in an article. Popup events alone have it.
    pub popup_scene: Option<u32>,
}

/// What became of a subscription message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeMsgSent {
    /// `TemplateId`.
    pub template_id: String,
    /// `MsgID`.
    pub msg_id: String,
    /// 0 is success.
    pub error_code: i64,
    /// `ErrorStatus`.
    pub error_status: String,
}

/// What became of a mass message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MassSendJobFinish {
    /// `MsgID`, which some deliveries call `MsgId`.
    pub msg_id: u64,
    /// `send success`, `send fail` or `err(…)`.
    pub status: String,
    /// How many followers it was for.
    pub total_count: u64,
    /// How many of them were left after filtering.
    pub filter_count: u64,
    /// How many it reached.
    pub sent_count: u64,
    /// How many it failed to reach.
    pub error_count: u64,
    /// `ArticleUrlResult`.
    pub articles: Vec<ArticleUrl>,
    /// `CopyrightCheckResult`; none when nothing was checked.
    pub copyright: Option<CopyrightCheck>,
}

/// What WeChat found about who wrote the articles of a mass message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopyrightCheck {
    /// `CheckState`: 1 was not taken for a reprint, 2 is a reprint that may be sent, 3 one that may not.
    pub state: u32,
    /// Each article.
    pub articles: Vec<CheckedArticle>,
}

/// What WeChat found about who wrote an article.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckedArticle {
    /// `ArticleIdx`, from 1.
    pub index: u32,
    /// `UserDeclareState`: what the account said. 0 nothing, 1 own work, 2 a reprint.
    pub declared: u32,
    /// `AuditState`: what WeChat found. 0 nothing, 1 own work, 2 a reprint.
    pub audited: u32,
    /// `OriginalArticleUrl`: what WeChat takes for the original; may be empty.
    pub original_url: String,
    /// `CanReprint`: whether it may be sent as a reprint.
    pub can_reprint: bool,
}

/// Where an article was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArticleUrl {
    /// The article's place in the message, as WeChat counts it.
    pub index: u32,
    /// Its address.
    pub url: String,
}

/// What became of a publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishJobFinish {
    /// `publish_id`.
    pub publish_id: String,
    /// 0 published, 1 publishing, 2 originality failed, 3 failed, 4 audit rejected, 5 deleted by
    /// the author, 6 banned.
    pub status: u32,
    /// `article_id`.
    pub article_id: Option<String>,
    /// `article_detail`.
    pub articles: Vec<ArticleUrl>,
    /// `fail_idx`: the articles that failed.
    pub failed_indexes: Vec<u32>,
}

/// A customer-service session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KfSession {
    /// `KfAccount`.
    pub account: String,
    /// `CloseType`, of a session that ended.
    pub close_type: Option<String>,
}

/// A customer-service session that was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KfSwitchSession {
    /// `FromKfAccount`.
    pub from_account: String,
    /// `ToKfAccount`.
    pub to_account: String,
}

/// A user changed what they share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAuthorization {
    /// `OpenID`.
    pub openid: String,
    /// `AppID`.
    pub appid: String,
    /// `RevokeInfo`.
    pub revoke_info: String,
}

/// A step in the verification of the account itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountVerification {
    /// The event's name, such as `naming_verify_fail`.
    pub name: String,
    /// `ExpiredTime`, in seconds since 1970.
    pub expired_time: Option<u64>,
    /// `FailTime`, in seconds since 1970.
    pub fail_time: Option<u64>,
    /// `FailReason`.
    pub fail_reason: Option<String>,
}

/// An event that has no case of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherEvent {
    /// `Event` as it was sent.
    pub name: String,
    /// `EventKey`.
    pub key: Option<String>,
    /// Every field of the event.
    pub fields: Vec<Field>,
}
