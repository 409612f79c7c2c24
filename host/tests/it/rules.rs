//! Which handler a message is for.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use futures::{FutureExt, future::BoxFuture};
use weft::{
    model::{Condition, Handler, PluginTarget, ReplyContent, ReplyStrategy, ReplyTemplate, Rule},
    rules::{Answer, Ask, Outcome, Plan, RuleSet, forwarded},
    simulator::Incoming,
};
use weft_wechat::{
    message::Message,
    reply::{Reply, ReplyParseError},
};

use crate::support::NoPlugins;

const NOW: u64 = 1_700_000_000;

fn message(incoming: &Incoming) -> Message {
    Message::parse(&incoming.xml("gh_1", NOW, 1)).unwrap()
}

fn text(content: &str) -> Message {
    message(&Incoming::text("oU", content))
}

fn event(name: &str, key: &str) -> Message {
    message(&Incoming::event("oU", name, &format!("<EventKey>{key}</EventKey>")))
}

fn handler(name: &str, rules: Vec<Condition>) -> Handler {
    let rules = rules.into_iter().map(Rule::from).collect();
    Handler { id: name.to_owned(), rules, ..Handler::new("shop", name) }
}

/// Plugins that answer by the names of their rules, and note who was asked.
#[derive(Default)]
struct ByName(Mutex<Vec<String>>);

impl ByName {
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Ask for ByName {
    fn ask<'a>(&'a self, target: &'a PluginTarget) -> BoxFuture<'a, Answer> {
        async {
            tokio::task::yield_now().await;
            self.0.lock().unwrap().push(target.to_string());
            match target.entry.as_deref() {
                Some("yes") => Ok(true),
                Some("fails") => Err("it trapped".to_owned()),
                _ => Ok(false),
            }
        }
        .boxed()
    }
}

async fn matched(set: &RuleSet, message: &Message) -> Option<String> {
    set.find(message, NOW, &NoPlugins).await.map(|matched| matched.handler.name.clone())
}

/// Whether a rule matches a message.
async fn matches(condition: &Condition, message: &Message) -> bool {
    matched(&RuleSet::compile(vec![handler("h", vec![condition.clone()])]), message).await.is_some()
}

fn key(event: &str, key: &str) -> Condition {
    Condition::EventKey { event: event.into(), key: key.into() }
}

#[tokio::test]
async fn each_type_of_rule_matches_what_it_says() {
    let contain = |text: &str| Condition::Contain(text.into());
    let equal = |text: &str| Condition::Equal(text.into());
    let regex = |text: &str| Condition::Regex(text.into());
    let msg_type = |text: &str| Condition::MsgType(text.into());
    let on = |text: &str| Condition::Event(text.into());
    let image = message(&Incoming::image("oU", "hello"));
    let voice = message(&Incoming::message("oU", "voice", "<MediaId>m</MediaId><Recognition>hello</Recognition>"));
    let location = message(&Incoming::message("oU", "Location", "<Location_X>north</Location_X>"));
    let subscribe = message(&Incoming::subscribe("oU", None));
    let by_scan = message(&Incoming::subscribe("oU", Some("42")));
    let shouted = event("SUBSCRIBE", "");
    let unknown = event("Some_New_Event", "k");
    for (condition, yes, no) in [
        (
            Condition::All,
            vec![text("a"), text(""), image.clone(), location.clone(), subscribe.clone(), unknown.clone()],
            vec![],
        ),
        (msg_type("text"), vec![text("a"), text("")], vec![image.clone(), subscribe.clone()]),
        (msg_type("event"), vec![subscribe.clone(), unknown.clone()], vec![text("event")]),
        (msg_type("location"), vec![location.clone()], vec![text("location")]),
        (msg_type("voice"), vec![voice.clone()], vec![image.clone()]),
        (
            on("subscribe"),
            vec![subscribe.clone(), by_scan.clone(), shouted.clone()],
            vec![event("unsubscribe", ""), text("subscribe")],
        ),
        (on("Subscribe_Scan"), vec![by_scan.clone()], vec![subscribe.clone(), event("SCAN", "42")]),
        (on("some_new_EVENT"), vec![unknown.clone()], vec![event("some_other_event", "k")]),
        (on("click"), vec![event("CLICK", "k")], vec![event("VIEW", "k"), text("click")]),
        (
            key("CLICK", "k"),
            vec![event("CLICK", "k"), event("click", "k")],
            vec![event("CLICK", "K"), event("CLICK", "kk"), event("VIEW", "k")],
        ),
        (key("scan", "42"), vec![event("SCAN", "42")], vec![event("SCAN", "4"), by_scan.clone()]),
        (
            key("view", "https://a.example/"),
            vec![event("VIEW", "https://a.example/")],
            vec![event("VIEW", "https://a.example")],
        ),
        (key("subscribe", "42"), vec![by_scan.clone()], vec![subscribe.clone(), event("SCAN", "42")]),
        (key("subscribe", "qrscene_42"), vec![by_scan.clone()], vec![subscribe.clone()]),
        (key("subscribe_scan", "42"), vec![by_scan.clone()], vec![subscribe.clone()]),
        (key("scancode_waitmsg", "k"), vec![event("scancode_waitmsg", "k")], vec![event("scancode_push", "k")]),
        (key("some_new_event", "k"), vec![unknown.clone()], vec![event("some_new_event", "j")]),
        (contain("好"), vec![text("好"), text("你好吗")], vec![text("您"), text(""), image.clone(), voice.clone()]),
        (
            contain("hello"),
            vec![text("say hello!")],
            vec![text("HELLO"), image.clone(), voice.clone(), event("hello", "hello")],
        ),
        (
            equal("hello"),
            vec![text("hello")],
            vec![text("hello!"), text("Hello"), text(""), voice.clone(), event("CLICK", "hello")],
        ),
        (regex(r"^\d{4}$"), vec![text("2026")], vec![text("20260"), text("a2026"), text(""), voice.clone()]),
        (regex("ell"), vec![text("hello")], vec![text("help")]),
        (regex("(?i)HELLO"), vec![text("Hello")], vec![text("hell o")]),
        (regex("^a*$"), vec![text(""), text("aa")], vec![text("b"), image.clone(), subscribe.clone()]),
    ] {
        for message in yes {
            assert!(matches(&condition, &message).await, "{condition:?} does not match {message:?}");
        }
        for message in no {
            assert!(!matches(&condition, &message).await, "{condition:?} matches {message:?}");
        }
    }
}

#[tokio::test]
async fn the_heaviest_then_the_newest_handler_with_any_rule_that_matches_answers() {
    let all = || vec![Condition::Equal("no".into()), Condition::All];
    let mut handlers = vec![
        Handler { weight: 1, created_at: 5, ..handler("a", all()) },
        Handler { weight: 1, created_at: 5, ..handler("b", all()) },
        Handler { weight: 1, created_at: 4, ..handler("c", all()) },
        Handler { weight: -1, created_at: 9, ..handler("d", all()) },
    ];
    let mut heavy = Handler { weight: 9, ..handler("x", vec![Condition::Contain("hi".into())]) };
    handlers.push(heavy.clone());
    for expected in ["b", "a", "c", "d"] {
        let set = RuleSet::compile(handlers.clone());
        assert_eq!(matched(&set, &text("ho")).await.as_deref(), Some(expected));
        assert_eq!(matched(&set, &text("oh hi")).await.as_deref(), Some("x"));
        handlers.retain(|handler| handler.name != expected);
    }
    heavy.rules.clear();
    let set = RuleSet::compile(vec![heavy]);
    assert!(set.is_empty());
    assert_eq!(matched(&set, &text("hi")).await, None);
    assert!(RuleSet::default().is_empty());
}

#[tokio::test]
async fn patterns_that_overlap_and_repeat_are_all_found() {
    for (winner, patterns) in [(0, ["b", "abc"]), (0, ["abc", "b"]), (0, ["abcd", "abc"]), (0, ["bc", "abc"])] {
        let handlers = patterns.iter().enumerate().map(|(n, pattern)| Handler {
            weight: -i32::try_from(n).unwrap(),
            ..handler(&n.to_string(), vec![Condition::Contain((*pattern).into())])
        });
        let set = RuleSet::compile(handlers.collect());
        assert_eq!(matched(&set, &text("xabcdx")).await, Some(winner.to_string()), "{patterns:?}");
    }
    let same = || vec![Condition::Contain("a".into()), Condition::Regex("a".into()), Condition::Regex("a".into())];
    let ended = Handler { weight: 1, ends: Some(1), ..handler("ended", same()) };
    let set = RuleSet::compile(vec![ended, handler("open", same())]);
    assert_eq!(matched(&set, &text("a")).await.as_deref(), Some("open"));
}

#[tokio::test]
async fn a_handler_is_tried_from_its_start_until_its_end_and_only_when_it_is_enabled() {
    let every = [
        vec![Condition::All],
        vec![Condition::Contain("a".into())],
        vec![Condition::Equal("a".into())],
        vec![Condition::Regex("a".into())],
        vec![Condition::MsgType("text".into())],
    ];
    for rules in every {
        let window = Handler { starts: Some(10), ends: Some(20), weight: 1, ..handler("window", rules.clone()) };
        let disabled = Handler { enabled: false, weight: 2, ..handler("disabled", rules.clone()) };
        let set = RuleSet::compile(vec![window, disabled, handler("always", rules)]);
        for (now, expected) in [(0, "always"), (9, "always"), (10, "window"), (19, "window"), (20, "always")] {
            let found = set.find(&text("a"), now, &NoPlugins).await.unwrap();
            assert_eq!(found.handler.name, expected, "{now}");
        }
    }
}

#[tokio::test]
async fn a_custom_rule_is_asked_once_and_only_while_nothing_before_it_matched() {
    let custom = |target: &str| Condition::Custom(target.parse().unwrap());
    let handlers = vec![
        Handler { weight: 9, ..handler("first", vec![custom("p/no"), Condition::Equal("first".into())]) },
        Handler { weight: 8, enabled: false, ..handler("off", vec![custom("p/off")]) },
        Handler { weight: 7, ..handler("fails", vec![custom("p/fails"), custom("p/no")]) },
        Handler { weight: 6, ..handler("yes", vec![custom("p/yes")]) },
        Handler { weight: 5, ..handler("late", vec![custom("p/late"), Condition::All]) },
    ];
    let set = RuleSet::compile(handlers);
    let plugins = ByName::default();
    let found = set.find(&text("hi"), NOW, &plugins).await.unwrap();
    assert_eq!((found.handler.name.as_str(), found.rule), ("yes", 0));
    assert_eq!(plugins.asked(), ["p/no", "p/fails", "p/yes"]);
    let found = set.find(&text("first"), NOW, &plugins).await.unwrap();
    assert_eq!((found.handler.name.as_str(), found.rule), ("first", 1));
    assert_eq!(plugins.asked(), [""; 0], "its handler matches without it");
}

#[tokio::test]
async fn of_very_many_rules_of_plugins_the_first_are_asked() {
    let custom = |number: usize| Condition::Custom(format!("p/n{number}").parse().unwrap());
    let one = |number: usize| {
        let weight = -i32::try_from(number).unwrap();
        Handler { weight, ..handler(&number.to_string(), vec![custom(number), custom(0)]) }
    };
    let set = RuleSet::compile((0..400).map(one).collect());
    let plugins = ByName::default();
    assert!(set.find(&text("hi"), NOW, &plugins).await.is_none());
    let asked = plugins.asked();
    assert_eq!((asked.len(), asked[0].as_str(), asked[255].as_str()), (256, "p/n0", "p/n255"));
    let explanation = set.explain(&text("hi"), NOW, &plugins).await;
    assert_eq!(plugins.asked(), asked);
    let why = |number: usize| explanation.handlers[number].why.as_str();
    assert_eq!(why(255), "none of its rules matches · 规则都不匹配");
    assert!(
        why(256).contains("custom p/n256: it is not asked, as 256 rules of plugins come before it"),
        "{}",
        why(256)
    );
}

#[tokio::test]
async fn a_text_is_looked_at_as_far_as_wechats_go() {
    for condition in [Condition::Contain("end".into()), Condition::Regex("end$".into())] {
        assert!(matches(&condition, &text(&format!("{}end", "x".repeat(2048)))).await);
        assert!(!matches(&condition, &text(&format!("{}end", "x".repeat(100_000)))).await);
    }
}

#[tokio::test]
async fn matching_may_wait_for_plugins_on_any_thread() {
    let set = RuleSet::compile(vec![handler("h", vec![Condition::Custom("p/yes".parse().unwrap())])]);
    let matching = tokio::spawn(async move { set.find(&text("hi"), NOW, &ByName::default()).await.is_some() });
    assert!(matching.await.unwrap());
}

#[tokio::test]
async fn an_explanation_says_of_every_handler_why() {
    let all = || vec![Condition::All];
    let unasked = vec![Condition::Equal("x".into()), Condition::Custom("p/fails".parse().unwrap())];
    let mut rules: Vec<Rule> = [Condition::Equal("x".into()), Condition::All].into_iter().map(Rule::from).collect();
    rules[1].weight = 5;
    let handlers = vec![
        Handler { weight: 9, enabled: false, ..handler("disabled", all()) },
        Handler { weight: 8, starts: Some(NOW + 1), ..handler("not yet", all()) },
        Handler { weight: 7, ends: Some(NOW), ..handler("over", all()) },
        Handler { weight: 6, ..handler("bare", vec![]) },
        Handler { weight: 5, ..handler("unasked", unasked) },
        Handler { weight: 4, rules, ..handler("answers", vec![]) },
        Handler { weight: 3, enabled: false, ..handler("disabled too", all()) },
        Handler { weight: 2, ..handler("behind", all()) },
    ];
    let set = RuleSet::compile(handlers);
    let explanation = set.explain(&text("x!"), NOW, &ByName::default()).await;
    let found = explanation.matched.unwrap();
    assert_eq!((found.handler.name.as_str(), found.rule), ("answers", 1));
    let outcomes: Vec<_> =
        explanation.handlers.iter().map(|one| (one.handler.name.as_str(), one.outcome, one.why.as_str())).collect();
    assert_eq!(
        outcomes,
        [
            ("disabled", Outcome::Disabled, "it is switched off · 已停用"),
            ("not yet", Outcome::NotYet, "its time has not come · 还没到生效时间"),
            ("over", Outcome::Over, "its time is over · 已过生效时间"),
            ("bare", Outcome::NoRuleMatched, "it has no rules · 没有规则"),
            (
                "unasked",
                Outcome::NoRuleMatched,
                "none of its rules matches; rules[1], custom p/fails: it trapped · 规则都不匹配"
            ),
            ("answers", Outcome::Matched, "rules[1] of type all matches · rules[1]（all）匹配"),
            ("disabled too", Outcome::Disabled, "it is switched off · 已停用"),
            ("behind", Outcome::NotTried, "one before it answers · 前面已有一条回复"),
        ]
    );
}

/// What one look-up takes, at best: whatever else the machine does only makes it longer.
async fn best_of(set: &RuleSet, message: &Message) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..20 {
        let began = Instant::now();
        for _ in 0..50 {
            assert!(set.find(message, NOW, &NoPlugins).await.is_none());
        }
        best = best.min(began.elapsed());
    }
    best
}

#[tokio::test]
async fn a_thousand_handlers_take_little_longer_than_ten() {
    let handlers = |count: usize| {
        let one = |n: usize| {
            let rules = vec![
                Condition::Contain(format!("关键词{n}")),
                Condition::Equal(format!("命令{n}")),
                Condition::Regex(format!(r"^订单{n}号\d+$").into()),
                key("CLICK", &format!("button{n}")),
            ];
            handler(&n.to_string(), rules)
        };
        RuleSet::compile((0..count).map(one).collect())
    };
    let (few, many) = (handlers(10), handlers(1000));
    for message in [text("请问你们今天几点开门？地址在哪里？"), event("CLICK", "other")] {
        let (few, many) = (best_of(&few, &message).await, best_of(&many, &message).await);
        assert!(many < few * 20, "{many:?} for a thousand, {few:?} for ten");
    }
}

fn reply(text: &str, weight: i32) -> ReplyTemplate {
    ReplyTemplate { weight, content: ReplyContent::Static(Reply::Text(text.to_owned())) }
}

#[test]
fn replies_are_sent_as_the_strategy_says() {
    let mut handler = handler("h", vec![]);
    let texts = |plan: &Plan<'_>| {
        let text = |reply: &&ReplyTemplate| match &reply.content {
            ReplyContent::Static(Reply::Text(text)) => text.clone(),
            other => panic!("{other:?}"),
        };
        (plan.by_customer_service.iter().map(text).collect::<Vec<_>>().join(" "), plan.passive.as_ref().map(text))
    };
    let some = |before: &str, answer: &str| (before.to_owned(), Some(answer.to_owned()));
    for strategy in [ReplyStrategy::ReplyAll, ReplyStrategy::RandomOne, ReplyStrategy::None] {
        handler.strategy = strategy;
        assert_eq!(texts(&Plan::of(&handler, 7)), (String::new(), None), "without replies");
    }
    handler.replies = vec![reply("b", 0), reply("c", 0), reply("a", 9), reply("d", -1)];
    assert_eq!(texts(&Plan::of(&handler, 0)), (String::new(), None));
    handler.strategy = ReplyStrategy::ReplyAll;
    assert_eq!(texts(&Plan::of(&handler, 0)), some("a b c", "d"));
    handler.strategy = ReplyStrategy::RandomOne;
    for (random, expected) in [(0, "a"), (1, "b"), (2, "c"), (3, "d"), (4, "a"), (u32::MAX, "d")] {
        assert_eq!(texts(&Plan::of(&handler, random)), some("", expected));
    }
}

#[test]
fn another_server_may_answer_with_a_reply_or_with_nothing() {
    assert_eq!(forwarded(""), Ok(None));
    assert_eq!(forwarded(" success\n"), Ok(None));
    let answer = Reply::Text("hi".into());
    assert_eq!(forwarded(&answer.to_xml("oU", "gh_1", NOW)), Ok(Some(answer)));
    assert!(matches!(forwarded("hi"), Err(ReplyParseError::Body(_))));
}
