//! The nouns of the database, with the rules that their fields obey. Nothing here does I/O.

mod ability;
mod app;
mod app_plugin;
mod app_settings;
mod article;
mod audit_log;
mod bill_date;
mod call_count;
mod credential;
mod flat;
mod grants;
mod handler;
mod http_host;
mod job;
mod mass_message;
mod material;
mod media_file;
mod menu;
mod menu_button;
mod merchant;
mod message_log;
mod message_summary;
mod order;
mod plugin_canary;
mod plugin_state;
mod plugin_target;
mod plugin_version;
mod publication;
mod reconciliation;
mod refund;
mod reply_template;
mod rule;
mod send;
mod subscription;
mod tag;
mod template;
mod template_message;
mod token;
mod user;
mod webhook_key;
mod words;

use std::{borrow::Cow, fmt};

pub use ability::Inability;
pub use app::{App, AppType};
pub use app_plugin::{APP_PLUGINS, AppPlugin};
pub use app_settings::{AccessTokenSource, AppSettings, LateReply, UnknownLateReply};
pub use article::{ArticleKind, ArticleSet, check_draft};
pub use audit_log::{AuditEntry, AuditQuery, AuditRecord};
pub use bill_date::{BillDate, InvalidDate};
pub use call_count::{CallKind, CallOutcome, CallPause, UnknownCallOutcome};
pub use credential::{Credential, CredentialKind};
pub use grants::Grants;
pub use handler::{Availability, Handler, HandlerSource, ReplyStrategy, check_together, read_replies, read_rules};
pub use http_host::{HttpHost, MalformedHttpHost, is_off_limits};
pub use job::{Job, JobError, JobState, NewJob, UnknownJobState};
pub use mass_message::{
    MassArticle, MassCheckedArticle, MassCopyright, MassDraft, MassFields, MassMessage, MassOutcome, MassState,
    MassTarget, UnknownMassState, is_clientmsgid,
};
pub use material::{Material, MaterialChange, MaterialFilter, MaterialType};
pub use media_file::{FileKind, Keeping, check_media};
pub use menu::{ConditionalMenu, MatchRule, Menu};
pub use menu_button::{Button, ButtonType};
pub use merchant::{Merchant, PayVersion, UnknownPayVersion, UnusableMerchant};
pub use message_log::{Direction, LoggedHandler, LoggedMessage, MessageLogEntry, Outcome, Via};
pub use order::{
    Alarm, DEFAULT_TIME_LIMIT, EventTarget, Observation, ObservationSource, Order, OrderState, OrderStep, OrderTerms,
    OrderView, Transition, UnknownEventTarget, UnknownOrderState, transition,
};
pub use plugin_canary::{
    CANARY_OPENIDS, CanaryCounts, CanaryRule, CanaryState, CanaryVerdict, PluginCanary, UnknownCanaryState,
};
pub use plugin_state::PluginState;
pub use plugin_target::{MalformedPluginTarget, PluginTarget, is_plugin_name};
pub use plugin_version::{PluginDecision, PluginSource, PluginVersion, UnknownPluginSource};
pub use publication::{Publication, PublicationOutcome, PublicationState};
pub use reconciliation::{Difference, DifferenceKind, Figures, Found, Reconciliation, Resolution, UnknownDifference};
pub use refund::{Refund, RefundState, RefundStep, RefundView, UnknownRefundState, left_to_refund};
pub use reply_template::{ArticleFields, ReplyContent, ReplyFields, ReplyTemplate, ReplyType};
pub use rule::{Condition, Pattern, Rule, RuleFields, RuleType, regex};
pub use send::{MessageSend, Recipient, Recipients, SendOutcome, UnknownSendOutcome};
pub use subscription::Subscription;
pub use tag::{Tag, check_tag_name, is_system_tag};
pub use template::{Template, TemplateChange, TemplateKind, UnknownTemplateKind};
pub use template_message::{
    MessageCall, MessageFields, MiniProgramFields, OneTimeFields, Target, TemplateMessage, ValueFields, check_one_time,
};
pub use token::{ApiToken, PERMISSIONS, check_new_token};
pub use user::{Profile, User, UserChange, UserFilter, UserNote, is_openid};
pub use webhook_key::webhook_key;
pub use weft_wechat::account::EncodingMode;
pub use weft_wechat::api::Ability;

use crate::bilingual::{all, of};

/// A field that breaks its rule, and what would be right. Never holds the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name as it is written in JSON; inside lists its path, such as `rules[2].pattern`.
    pub field: Cow<'static, str>,
    /// What would be right, in lower case without full stop.
    pub message: String,
}

impl FieldError {
    /// `field` breaks its rule: `message` says the rule.
    pub fn new(field: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&of(&self.field, &self.message))
    }
}

/// All of them as one text.
pub fn in_words(errors: &[FieldError]) -> String {
    all(&errors.iter().map(ToString::to_string).collect::<Vec<_>>())
}
