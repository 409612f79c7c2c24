//! WeChat's answer, taken apart into one draft of a handler for each auto-reply.

use std::collections::HashMap;

use weft_wechat::api::current_autoreply_info::{AutoreplyContent, AutoreplyInfo, Keyword, KeywordAutoreply};

use super::Skipped;
use crate::model::{App, Condition, Handler, HandlerSource, ReplyStrategy, Rule};

/// As WeChat's console calls them.
const DEFAULT_NAME: &str = "收到消息回复";
const FOLLOW_NAME: &str = "被关注回复";
const KEYWORD_NAME: &str = "关键词回复";
/// The longest name of a handler, in characters.
const NAME_LENGTH: usize = 60;
/// The most rules and replies of a handler.
const RULES: usize = 100;
const REPLIES: usize = 20;

/// A handler without its replies.
pub(super) struct Draft {
    /// Which auto-reply it is, the same at each sync.
    pub(super) origin: String,
    pub(super) handler: Handler,
    /// What is to be answered, with the place in WeChat's answer.
    pub(super) contents: Vec<(String, AutoreplyContent)>,
}

/// All auto-replies, the oldest first; what cannot be taken over goes to `skipped`. WeChat's lists are in reverse.
pub(super) fn read(app: &App, info: AutoreplyInfo, now: u64, skipped: &mut Vec<Skipped>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    if let Some(content) = info.message_default_autoreply_info.filter(is_set) {
        let mut handler = handler(app, DEFAULT_NAME, Condition::All);
        // Tried after everything else.
        (handler.enabled, handler.weight) = (info.is_autoreply_open, i32::MIN);
        let contents = vec![("message_default_autoreply_info".to_owned(), content)];
        drafts.push(Draft { origin: "default".to_owned(), handler, contents });
    }
    let mut seen: HashMap<String, usize> = HashMap::new();
    for rule in info.keyword_autoreply_info.unwrap_or_default().list.into_iter().rev() {
        let mut draft = keyword(app, rule, now, skipped);
        // The time and the name may be the same twice; the order among them is all that is left then.
        let number = seen.entry(draft.origin.clone()).or_default();
        *number += 1;
        if *number > 1 {
            draft.origin = format!("{}/{number}", draft.origin);
        }
        if !draft.handler.rules.is_empty() {
            drafts.push(draft);
        }
    }
    if let Some(content) = info.add_friend_autoreply_info.filter(is_set) {
        let mut handler = handler(app, FOLLOW_NAME, Condition::Event("subscribe".to_owned()));
        handler.enabled = info.is_add_friend_reply_open;
        let contents = vec![("add_friend_autoreply_info".to_owned(), content)];
        drafts.push(Draft { origin: "follow".to_owned(), handler, contents });
    }
    drafts
}

/// Where nothing was ever set, WeChat leaves all fields empty.
fn is_set(content: &AutoreplyContent) -> bool {
    !content.r#type.is_empty()
}

fn handler(app: &App, name: &str, condition: Condition) -> Handler {
    Handler { source: HandlerSource::Mp, rules: vec![Rule::from(condition)], ..Handler::new(&app.name, name) }
}

fn keyword(app: &App, rule: KeywordAutoreply, now: u64, skipped: &mut Vec<Skipped>) -> Draft {
    let name: String = rule.rule_name.chars().filter(|c| !c.is_control()).take(NAME_LENGTH).collect();
    let name = Some(name.trim()).filter(|name| !name.is_empty()).unwrap_or(KEYWORD_NAME).to_owned();
    let mut skip = |part: String, reason: String| skipped.push(Skipped { handler: name.clone(), part, reason });
    let mut rules = Vec::new();
    for (index, keyword) in rule.keyword_list_info.into_iter().enumerate().rev() {
        let condition = condition(app, keyword);
        match condition {
            Ok(_) if rules.len() == RULES => {
                skip(format!("keyword_list_info[{index}]"), format!("a handler has at most {RULES} rules"));
            }
            Ok(condition) => rules.push(Rule::from(condition)),
            Err(reason) => skip(format!("keyword_list_info[{index}]"), reason),
        }
    }
    if rules.is_empty() {
        skip("keyword_list_info".to_owned(), "without a keyword it matches nothing: it is left out".to_owned());
    }
    let mut contents = Vec::new();
    for (index, content) in rule.reply_list_info.into_iter().enumerate().rev() {
        let part = format!("reply_list_info[{index}]");
        if contents.len() == REPLIES {
            skip(part, format!("a handler has at most {REPLIES} replies"));
        } else {
            contents.push((part, content));
        }
    }
    let strategy = if rule.reply_mode == "random_one" { ReplyStrategy::RandomOne } else { ReplyStrategy::ReplyAll };
    Draft {
        origin: format!("keyword/{}/{name}", rule.create_time),
        handler: Handler {
            source: HandlerSource::Mp,
            strategy,
            rules,
            created_at: rule.create_time.min(now),
            ..Handler::new(&app.name, name)
        },
        contents,
    }
}

fn condition(app: &App, keyword: Keyword) -> Result<Condition, String> {
    if !matches!(keyword.r#type.as_str(), "text" | "") {
        return Err("only keywords that are text can be looked for".to_owned());
    }
    let condition = match keyword.match_mode.as_str() {
        "contain" => Condition::Contain(keyword.content),
        "equal" => Condition::Equal(keyword.content),
        _ => return Err("match_mode is neither contain nor equal".to_owned()),
    };
    match handler(app, KEYWORD_NAME, condition.clone()).check().pop() {
        Some(error) => Err(error.message),
        None => Ok(condition),
    }
}
