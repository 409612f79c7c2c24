//! Mass messages in JSON, as they are read.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use weft_wechat::api::errcode;

use crate::{
    model::{MassMessage, MassOutcome, MassState, MassTarget},
    time,
};

/// A message to many followers at once.
#[derive(Serialize, ToSchema)]
pub(in crate::http::admin) struct MassMessageView {
    id: String,
    clientmsgid: String,
    /// As WeChat got it.
    #[schema(value_type = Object)]
    message: Value,
    to: MassTargetView,
    send_ignore_reprint: bool,
    state: MassState,
    /// WeChat's code, when it said no.
    #[serde(skip_serializing_if = "Option::is_none")]
    errcode: Option<i64>,
    /// What the code means, in both languages.
    #[serde(skip_serializing_if = "Option::is_none")]
    meaning: Option<String>,
    /// Why it was refused, or is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// WeChat's id of it; a text, as it may be large.
    msg_id: Option<String>,
    /// WeChat's id of its figures.
    msg_data_id: Option<String>,
    /// What WeChat said when it was last asked (`…/sync`).
    msg_status: Option<String>,
    /// What WeChat told when it had gone out; null until then.
    outcome: Option<MassOutcome>,
    /// The name of the token that sent it.
    created_by: String,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
    updated_at: String,
}

/// Who gets it: the field that is not null.
#[derive(Serialize, ToSchema)]
pub(in crate::http::admin) struct MassTargetView {
    /// All followers.
    to_all: bool,
    /// Those who have the tag.
    tag_id: Option<u32>,
    /// So many who were named.
    openids: Option<usize>,
}

impl From<MassTarget> for MassTargetView {
    fn from(target: MassTarget) -> Self {
        let view = Self { to_all: false, tag_id: None, openids: None };
        match target {
            MassTarget::ToAll => Self { to_all: true, ..view },
            MassTarget::TagId(id) => Self { tag_id: Some(id), ..view },
            MassTarget::Openids(openids) => Self { openids: Some(openids.len()), ..view },
        }
    }
}

impl From<MassMessage> for MassMessageView {
    fn from(message: MassMessage) -> Self {
        let id = |number: Option<u64>| number.map(|number| number.to_string());
        let meaning = message.errcode.and_then(errcode::meaning);
        Self {
            state: message.known_state(),
            message: serde_json::to_value(&message.content).unwrap_or_default(),
            id: message.id,
            clientmsgid: message.clientmsgid,
            to: message.target.into(),
            send_ignore_reprint: message.send_ignore_reprint,
            errcode: message.errcode,
            meaning: meaning.map(|meaning| meaning.to_string()),
            reason: message.reason,
            msg_id: id(message.msg_id),
            msg_data_id: id(message.msg_data_id),
            msg_status: message.msg_status,
            outcome: message.outcome,
            created_by: message.created_by,
            created_at: time::rfc3339(message.created_at),
            updated_at: time::rfc3339(message.updated_at),
        }
    }
}
