//! `POST /apps/{app}/handlers/test`: a message in, the decision and the replies out, and nothing sent.

use axum::{Json, extract::State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use weft_wechat::message::Message;

use super::PERMISSION;
use crate::{
    http::{
        AppState,
        admin::auth::Caller,
        error::{Body, Path, Problem},
        responses::{Invalid, NotFound},
    },
    model::{
        App, FieldError, Handler, PluginTarget, ReplyContent, ReplyFields, ReplyStrategy, ReplyTemplate, Rule,
        RuleFields,
    },
    rules::{Explained, Match, Plan},
};

/// A message to try, and when it comes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct Trial {
    message: TrialMessage,
    /// RFC 3339; the current time without.
    #[schema(value_type = Option<String>)]
    now: Option<Timestamp>,
}

/// A message: its type and what rules look at, or the XML or JSON that WeChat would send.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TrialMessage {
    /// `MsgType`: text, image, …, event.
    #[serde(rename = "type")]
    msg_type: Option<String>,
    /// What a text says.
    content: Option<String>,
    /// The name of an event, such as subscribe.
    event: Option<String>,
    /// The `EventKey` of an event.
    key: Option<String>,
    /// Who sends it.
    openid: Option<String>,
    /// The whole message, as WeChat would send it, instead of all the others.
    xml: Option<String>,
}

/// What would become of a message.
#[derive(Serialize, ToSchema)]
pub(in crate::http::admin) struct TrialView {
    /// The handler that answers and the rule that matched; null when there is none.
    matched: Option<MatchView>,
    /// Every handler in the order in which they are tried, and why it answers or does not.
    handlers: Vec<ExplainedView>,
    /// What would be sent. With the strategy `random_one` it is one of these. A custom reply, a forward and the articles
    /// of a material are shown as they are written down: nobody is asked for them.
    replies: Vec<SentView>,
    /// The plugin that answers because no handler does.
    #[schema(value_type = Option<String>)]
    falls_to: Option<PluginTarget>,
    /// What would go wrong or not be shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Serialize, ToSchema)]
struct MatchView {
    handler: HandlerName,
    rule: RuleView,
    strategy: ReplyStrategy,
}

#[derive(Serialize, ToSchema)]
struct HandlerName {
    id: String,
    name: String,
}

#[derive(Serialize, ToSchema)]
struct RuleView {
    /// Where the rule stands in its handler.
    index: usize,
    #[serde(flatten)]
    #[schema(value_type = Option<RuleFields>)]
    rule: Option<Rule>,
}

#[derive(Serialize, ToSchema)]
struct ExplainedView {
    id: String,
    name: String,
    /// matched, `no_rule_matched`, disabled, `not_yet`, over or `not_tried`.
    outcome: &'static str,
    /// In words.
    why: String,
}

#[derive(Serialize, ToSchema)]
struct SentView {
    /// passive: as the answer to WeChat's request. `customer_service`: as a message of its own.
    via: &'static str,
    #[serde(flatten)]
    #[schema(value_type = ReplyFields)]
    reply: ReplyTemplate,
}

/// Tries a message: says which rule of which handler matches, why the others do not, and what would be answered.
///
/// Custom rules are asked, and see the message as if it had come. Custom replies are not: the answer names the plugin's
/// handler that would be. Nothing is sent, forwarded or kept in the message log, and no user is noted.
#[utoipa::path(post, operation_id = "test_handlers", path = "/apps/{app}/handlers/test", tag = "handlers", params(("app" = String, Path)), request_body = Trial,
    responses((status = 200, description = "Done", body = TrialView), NotFound, Invalid))]
pub(in crate::http::admin) async fn test(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Body(trial): Body<Trial>,
) -> Result<Json<TrialView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    caller.notes.recorded(false);
    let account = state.accounts.find(&app).ok_or_else(|| Problem::not_found("app", &app))?;
    let now = trial.now.map_or_else(|| state.clock.now(), |at| u64::try_from(at.as_second()).unwrap_or(0));
    let raw = trial.message.raw(now).map_err(|error| super::super::invalid(vec![error]))?;
    let field = if trial.message.xml.is_some() { "message.xml" } else { "message" };
    let message =
        Message::parse(&raw).map_err(|error| super::super::invalid(vec![FieldError::new(field, error.to_string())]))?;
    let explanation = state.dispatcher.explain(&account, &message, &raw, now).await;
    let matched = explanation.matched;
    let replies = matched.as_ref().map(|matched| sent(&matched.handler)).unwrap_or_default();
    Ok(Json(TrialView {
        warnings: warnings(&account.app, &message, &replies),
        falls_to: if matched.is_none() { account.app.message_handler.clone() } else { None },
        matched: matched.map(MatchView::from),
        handlers: explanation.handlers.into_iter().map(ExplainedView::from).collect(),
        replies,
    }))
}

impl TrialMessage {
    /// The message as it would come from WeChat.
    fn raw(&self, now: u64) -> Result<String, FieldError> {
        if let Some(xml) = &self.xml {
            let others = [&self.msg_type, &self.content, &self.event, &self.key, &self.openid];
            if others.into_iter().any(Option::is_some) {
                return Err(FieldError::new("message.xml", "either this or the other fields"));
            }
            return Ok(xml.clone());
        }
        let Some(msg_type) = &self.msg_type else {
            return Err(FieldError::new("message.type", "needed, unless there is `xml`"));
        };
        if msg_type == "event" && self.event.is_none() {
            return Err(FieldError::new("message.event", "an event needs its name"));
        }
        let body = json!({
            "ToUserName": "gh_test", "FromUserName": self.openid.as_deref().unwrap_or("oTest"), "CreateTime": now,
            "MsgType": msg_type, "Content": self.content, "Event": self.event, "EventKey": self.key,
        });
        Ok(body.to_string())
    }
}

fn sent(handler: &Handler) -> Vec<SentView> {
    let passive = |reply: &ReplyTemplate| SentView { via: "passive", reply: reply.clone() };
    if handler.strategy == ReplyStrategy::RandomOne {
        return handler.replies.iter().map(passive).collect();
    }
    let plan = Plan::of(handler, 0);
    let before = plan.by_customer_service.into_iter();
    let before = before.map(|reply| SentView { via: "customer_service", reply: reply.clone() });
    before.chain(plan.passive.map(passive)).collect()
}

fn warnings(app: &App, message: &Message, replies: &[SentView]) -> Vec<String> {
    let mut warnings = Vec::new();
    if !app.verified && replies.iter().any(|sent| sent.via == "customer_service") {
        warnings.push("an account that WeChat has not verified cannot send customer-service messages".to_owned());
    }
    for (index, sent) in replies.iter().enumerate().filter(|(_, sent)| sent.via == "passive") {
        let ReplyContent::Static(reply) = &sent.reply.content else { continue };
        let mut shown = reply.clone();
        shown.fit(&message.content);
        if let Err(error) = reply.check(&message.content) {
            warnings.push(format!("replies[{index}]: {error}"));
        } else if shown != *reply {
            warnings.push(format!("replies[{index}]: WeChat shows only the first article in answer to this message"));
        }
    }
    warnings
}

impl From<Match> for MatchView {
    fn from(matched: Match) -> Self {
        let handler = &matched.handler;
        Self {
            rule: RuleView { index: matched.rule, rule: handler.rules.get(matched.rule).cloned() },
            strategy: handler.strategy,
            handler: HandlerName { id: handler.id.clone(), name: handler.name.clone() },
        }
    }
}

impl From<Explained> for ExplainedView {
    fn from(explained: Explained) -> Self {
        Self {
            id: explained.handler.id.clone(),
            name: explained.handler.name.clone(),
            outcome: explained.outcome.as_str(),
            why: explained.why,
        }
    }
}
