//! An account as WeChat keeps it, and how it says no.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};
use weft_wechat::api::current_autoreply_info::AutoreplyInfo;

use super::{
    drafts::Drafts,
    mass_messages::MassMessages,
    materials::{Keeping, Material},
    media::Upload,
    menus::Menus,
    messages::{Action, Allowance},
    quota::Quotas,
    shorten::Shortened,
    tags::Tags,
    template_messages::TemplateMessages,
    templates::Templates,
    tickets::Tickets,
    tokens::Tokens,
    users::Users,
};

/// An account.
pub(super) struct Account {
    pub(super) secret: String,
    pub(super) tokens: Tokens,
    pub(super) users: Users,
    pub(super) tags: Tags,
    pub(super) blacklist: BTreeSet<String>,
    pub(super) tickets: Tickets,
    pub(super) quotas: Quotas,
    /// May send customer-service messages.
    pub(super) customer_service: bool,
    /// Only to users who did something lately.
    pub(super) windows: bool,
    pub(super) allowances: HashMap<(String, Action), Allowance>,
    /// Customer-service messages.
    pub(super) sent: Vec<Value>,
    /// Temporary media, by id.
    pub(super) media: HashMap<String, Upload>,
    /// Pictures in the texts of articles, by the end of their address.
    pub(super) pictures: HashMap<String, Upload>,
    /// Oldest first.
    pub(super) materials: Vec<Material>,
    /// How many of them there may be.
    pub(super) keeping: Keeping,
    pub(super) drafts: Drafts,
    pub(super) autoreply: AutoreplyInfo,
    pub(super) menus: Menus,
    pub(super) templates: Templates,
    pub(super) template_messages: TemplateMessages,
    pub(super) mass_messages: MassMessages,
    /// Scene and ticket.
    pub(super) qrcodes: Vec<(Value, String)>,
    pub(super) short_keys: HashMap<String, Shortened>,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            secret: String::new(),
            tokens: Tokens::default(),
            users: Users::default(),
            tags: Tags::default(),
            blacklist: BTreeSet::new(),
            tickets: Tickets::default(),
            quotas: Quotas::default(),
            customer_service: true,
            windows: false,
            allowances: HashMap::new(),
            sent: Vec::new(),
            media: HashMap::new(),
            pictures: HashMap::new(),
            materials: Vec::new(),
            keeping: Keeping::default(),
            drafts: Drafts::default(),
            autoreply: AutoreplyInfo::default(),
            menus: Menus::default(),
            templates: Templates::default(),
            template_messages: TemplateMessages::default(),
            mass_messages: MassMessages::default(),
            qrcodes: Vec::new(),
            short_keys: HashMap::new(),
        }
    }
}

/// What WeChat answers.
pub(super) enum Reply {
    Json(Value),
    File { content_type: String, filename: String, bytes: bytes::Bytes },
}

/// WeChat says no.
#[derive(Debug, Clone, Copy)]
pub(super) struct No(pub(super) i64, pub(super) &'static str);

pub(super) type Answered = Result<Reply, No>;

impl No {
    /// As WeChat writes it, with an id for its support.
    pub(super) fn json(self) -> Value {
        let rid = format!("{:08x}-{:08x}-{:08x}", rand::random::<u32>(), rand::random::<u32>(), rand::random::<u32>());
        json!({"errcode": self.0, "errmsg": format!("{} rid: {rid}", self.1)})
    }
}

pub(super) const INVALID_OPENID: No = No(40003, "invalid openid");
pub(super) const INVALID_MEDIA_ID: No = No(40007, "invalid media_id");
pub(super) const INVALID_PARAMETER: No = No(40035, "invalid parameter");

/// WeChat did it.
pub(super) fn done() -> Reply {
    Reply::Json(json!({"errcode": 0, "errmsg": "ok"}))
}

/// Something in an answer; what cannot be written as JSON is null.
pub(super) fn to_json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// An id as WeChat gives them out.
pub(super) fn new_id() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}
