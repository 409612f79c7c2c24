//! The rules of an app, arranged so that a message finds the first that matches without trying them all.

use std::collections::{BTreeMap, HashMap};

use aho_corasick::AhoCorasick;
use regex::{RegexSet, RegexSetBuilder};
use weft_wechat::message::{Content, Event, Message};

use crate::model::{Condition, Handler, PluginTarget, regex};

/// The largest automaton for all regular expressions of an app, in bytes. What handlers may take together keeps below.
const REGEXES_BYTES: usize = 256 << 20;

/// Room for what matching learns of an app's regular expressions, in bytes for each of them. It grows into it.
const REGEX_CACHE_BYTES: usize = 16 << 10;
/// As [`REGEX_CACHE_BYTES`], for all of an app together, however few they are.
const REGEX_CACHE_LEAST: usize = 2 << 20;

/// How many rules of plugins are asked about one message at most: the first ones, as each is a call. Those of other names
/// match nothing.
pub(super) const ASKED: usize = 256;

/// How many bytes of a text are looked at: WeChat's have 2048 at most, and how long it takes to look grows with those and
/// with the rules.
const TEXT_BYTES: usize = 4 << 10;

/// A rule, by the place at which it is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RuleAt {
    /// The handler's place.
    pub handler: u32,
    /// The rule's place among those of its handler.
    rank: u32,
    /// Where the rule stands in its handler.
    pub rule: u32,
}

/// Rules by what they look for; each list in the order in which they are tried.
#[derive(Default)]
pub(super) struct Index {
    all: Vec<RuleAt>,
    msg_types: HashMap<String, Vec<RuleAt>>,
    /// By name in lower case.
    events: HashMap<String, Vec<RuleAt>>,
    /// By name in lower case, then by key.
    event_keys: HashMap<String, HashMap<String, Vec<RuleAt>>>,
    equal: HashMap<String, Vec<RuleAt>>,
    contain: Option<Patterns<AhoCorasick>>,
    regexes: Option<Patterns<RegexSet>>,
    /// The rules that only plugins can answer, each with its place in `targets`.
    pub custom: Vec<(RuleAt, usize)>,
    /// What these rules name, each once.
    pub targets: Vec<PluginTarget>,
}

/// Patterns that are looked for all at once.
struct Patterns<T> {
    automaton: T,
    /// By the number of the pattern.
    rules: Vec<Vec<RuleAt>>,
    /// The first of all.
    first: RuleAt,
}

impl Index {
    /// Takes up the rules of handlers that stand in the order in which they are tried; those switched off are not
    /// tried.
    pub(super) fn new<'a>(handlers: impl Iterator<Item = &'a Handler>) -> Self {
        let mut index = Self::default();
        let (mut contain, mut regexes) = (BTreeMap::new(), BTreeMap::new());
        let mut targets = HashMap::new();
        for (place, handler) in (0..).zip(handlers) {
            if !handler.enabled {
                continue;
            }
            for (rank, position) in (0..).zip(tried(handler)) {
                let Some(rule) = handler.rules.get(position) else { continue };
                let at = RuleAt { handler: place, rank, rule: u32::try_from(position).unwrap_or(u32::MAX) };
                match &rule.condition {
                    Condition::Contain(pattern) => contain.entry(pattern.as_str()).or_insert_with(Vec::new).push(at),
                    Condition::Regex(pattern) => regexes.entry(pattern.as_str()).or_insert_with(Vec::new).push(at),
                    Condition::Custom(target) if targets.len() < ASKED || targets.contains_key(target) => {
                        let new = targets.len();
                        let place = *targets.entry(target).or_insert(new);
                        if place == new {
                            index.targets.push(target.clone());
                        }
                        index.custom.push((at, place));
                    }
                    condition => index.add(condition, at),
                }
            }
        }
        index.contain = Patterns::compile(contain, |patterns| {
            AhoCorasick::new(patterns)
                .inspect_err(|error| tracing::error!(%error, "rules of type contain are off"))
                .ok()
        });
        index.regexes = Patterns::compile(regexes.clone(), regex_set).or_else(|| {
            // They were compiled when they were stored: one that does not compile now was written by hand.
            regexes.retain(|pattern, _| regex(pattern).is_ok());
            Patterns::compile(regexes, regex_set)
        });
        index
    }

    fn add(&mut self, condition: &Condition, at: RuleAt) {
        match condition {
            Condition::All => self.all.push(at),
            Condition::MsgType(msg_type) => self.msg_types.entry(msg_type.clone()).or_default().push(at),
            Condition::Event(event) => self.events.entry(event.to_ascii_lowercase()).or_default().push(at),
            Condition::EventKey { event, key } => {
                let keys = self.event_keys.entry(event.to_ascii_lowercase()).or_default();
                keys.entry(key.clone()).or_default().push(at);
            }
            Condition::Equal(text) => self.equal.entry(text.clone()).or_default().push(at),
            // These are compiled together, or left out.
            Condition::Contain(_) | Condition::Regex(_) | Condition::Custom(_) => {}
        }
    }

    /// The first rule that matches, custom ones apart, of handlers that are `open`.
    pub(super) fn first(&self, message: &Message, open: impl Fn(u32) -> bool) -> Option<RuleAt> {
        let mut best = Best { rule: None, open };
        best.offer(&self.all);
        match &message.content {
            // A type compares without regard to case; those that are typed have their name as it is documented.
            Content::Other(other) => best.offer_some(self.msg_types.get(&other.kind.to_ascii_lowercase())),
            content => best.offer_some(self.msg_types.get(content.msg_type())),
        }
        match &message.content {
            Content::Event(event) => self.first_of_event(event, &mut best),
            Content::Text(text) => self.first_of_text(&text.content, &mut best),
            _ => {}
        }
        best.rule
    }

    fn first_of_event(&self, event: &Event, best: &mut Best<impl Fn(u32) -> bool>) {
        let name = event.name().to_ascii_lowercase();
        // Subscribing by a QR code has a name of its own in some systems.
        let by_scan = matches!(event, Event::Subscribe(subscribe) if subscribe.scene.is_some());
        for name in [name.as_str()].into_iter().chain(by_scan.then_some("subscribe_scan")) {
            best.offer_some(self.events.get(name));
            if let Some(keys) = self.event_keys.get(name) {
                for key in keys_of(event).into_iter().flatten() {
                    best.offer_some(keys.get(key));
                }
            }
        }
    }

    fn first_of_text(&self, text: &str, best: &mut Best<impl Fn(u32) -> bool>) {
        best.offer_some(self.equal.get(text));
        let text = text.get(..text.floor_char_boundary(TEXT_BYTES)).unwrap_or_default();
        if let Some(contain) = &self.contain
            && best.may_be_beaten_by(contain.first)
        {
            for found in contain.automaton.find_overlapping_iter(text) {
                best.offer_some(contain.rules.get(found.pattern().as_usize()));
                if !best.may_be_beaten_by(contain.first) {
                    break;
                }
            }
        }
        if let Some(regexes) = &self.regexes
            && best.may_be_beaten_by(regexes.first)
        {
            for found in &regexes.automaton.matches(text) {
                best.offer_some(regexes.rules.get(found));
            }
        }
    }
}

impl<T> Patterns<T> {
    fn compile(rules: BTreeMap<&str, Vec<RuleAt>>, compile: impl FnOnce(&[&str]) -> Option<T>) -> Option<Self> {
        let first = rules.values().flatten().min().copied()?;
        let (patterns, rules): (Vec<_>, Vec<_>) = rules.into_iter().unzip();
        Some(Self { automaton: compile(&patterns)?, rules, first })
    }
}

/// The first rule found so far.
struct Best<F> {
    rule: Option<RuleAt>,
    open: F,
}

impl<F: Fn(u32) -> bool> Best<F> {
    fn offer(&mut self, rules: &[RuleAt]) {
        let better = rules.iter().copied().take_while(|rule| self.rule.is_none_or(|best| *rule < best));
        if let Some(rule) = better.into_iter().find(|rule| (self.open)(rule.handler)) {
            self.rule = Some(rule);
        }
    }

    fn offer_some(&mut self, rules: Option<&Vec<RuleAt>>) {
        self.offer(rules.map_or(&[], Vec::as_slice));
    }

    fn may_be_beaten_by(&self, rule: RuleAt) -> bool {
        self.rule.is_none_or(|best| rule < best)
    }
}

fn regex_set(patterns: &[&str]) -> Option<RegexSet> {
    // Without room for its states the engine falls back to one that takes a thousand times as long.
    let cache = (patterns.len() * REGEX_CACHE_BYTES).max(REGEX_CACHE_LEAST);
    let set = RegexSetBuilder::new(patterns).size_limit(REGEXES_BYTES).dfa_size_limit(cache).build();
    set.inspect_err(|error| tracing::error!(%error, "not all rules of type regex can be used")).ok()
}

/// The places of a handler's rules in the order in which they are tried.
fn tried(handler: &Handler) -> Vec<usize> {
    let mut places: Vec<usize> = (0..handler.rules.len()).collect();
    places.sort_by_key(|place| handler.rules.get(*place).map(|rule| std::cmp::Reverse(rule.weight)));
    places
}

/// The keys that an event answers to. Of a QR code that led to subscribing that is the scene too.
fn keys_of(event: &Event) -> [Option<&str>; 2] {
    let scene = if let Event::Subscribe(subscribe) = event { subscribe.scene.as_deref() } else { None };
    [event.key(), scene]
}
