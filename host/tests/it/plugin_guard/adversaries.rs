//! Plugins that mean harm: the server stays up, its memory stays within bounds, others are answered as before, and the
//! operator sees which and why. What is shown beside its subject stands in `elsewhere`.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use weft::simulator::Sender;
use weft_wechat::account::EncodingMode;

use super::{GROWS_MEMORY, GROWS_TABLES, send};
use crate::support::{Folders, HandMade, PATIENCE, client, guests, process::Process, sender_to, until};

/// What becomes of an adversary, and what the operator reads of it.
enum Expected {
    /// Its message gets no answer; its receipt has this code, and says this.
    Fails(&'static str, &'static str),
    /// Its message is answered with something that says this, and its receipt says that.
    Answers(&'static str, &'static str),
    /// Its message is answered, or ends by a limit: that depends on how fast the machine is. Its receipt says one of these.
    Contained(&'static [&'static str]),
    /// Its file is refused with this code, and a text that says one of these: which limit comes first depends on how fast
    /// the machine is.
    Refused(&'static str, &'static [&'static str]),
}

use Expected::{Answers, Contained, Fails, Refused};

const CPU: Expected = Fails("cpu_exhausted", CPU_TIME);
const CPU_TIME: &str = "250 ms of CPU time";
/// It wants to hand more to the host than it may.
const TOO_MUCH: Expected = Fails("crashed", "(plugins.host_call_kib)");
const OUT_OF_BOUNDS: Expected = Fails("crashed", "out of bounds of memory");
const STACK: Expected = Fails("crashed", "stack exhausted (plugins.stack_kib)");
/// What any call's receipt says that went well.
const OK: &str = "\"ok\"";
const PRINTED: &str = "more than 16 KiB were printed in one call (plugins.output_kib): the rest is dropped";

/// What the guest `misbehave` does when it is told to.
const TOLD: &[(&str, Expected)] = &[
    ("loop", CPU),
    ("hostcall-loop", CPU),
    ("clock-polling", CPU),
    ("zero-sleeps", CPU),
    ("sleep", Fails("timed_out", "call_timeout_ms")),
    ("memory", Contained(&["memory beyond plugins.memory_mib was refused", CPU_TIME])),
    ("pollables", Fails("crashed", "it holds 256 streams and pollables, and a call may hold no more")),
    ("recursion", STACK),
    ("panic", Fails("crashed", "order 42 missing")),
    ("panic-in-drop", Fails("crashed", "dropped badly")),
    ("abort", Fails("crashed", "unreachable")),
    ("exit", Fails("crashed", "exit(1)")),
    ("exit-well", Fails("crashed", "exit(0)")),
    ("error", Fails("failed", "gave up")),
    ("long-error", TOO_MUCH),
    ("empty-reply", Fails("bad_reply", "the text is empty")),
    ("huge-reply", TOO_MUCH),
    ("huge-list", TOO_MUCH),
    ("big-reply", Answers("xxx", "the text has 8192 bytes, of which WeChat takes 2048: the rest is cut off")),
    ("long-reply", Fails("bad_reply", "it has 102400 bytes and may have 65536 (plugins.reply_kib)")),
    ("stdout-flood", Contained(&[PRINTED])),
    ("stderr-flood", Contained(&[PRINTED])),
    ("log-flood", Contained(&["more than 64 lines in one call: the rest is dropped"])),
    ("huge-log", TOO_MUCH),
    ("kv-flood", Contained(&["may use the database 256 times", CPU_TIME, "(plugins.call_timeout_ms)"])),
    ("kv-big", Answers("kept", OK)),
    ("kv-huge", TOO_MUCH),
    ("kv-long-key", Answers("512 bytes", "512 bytes")),
    ("http", Answers("`http_hosts: https://example.com`", "has not granted `http_hosts: https://example.com`")),
    ("http-long-method", Answers("the method is none of", "the method is none of")),
    ("http-loopback", Answers("`http_hosts: http://127.0.0.1:1`", "has not granted `http_hosts: http://127.0.0.1:1`")),
    (
        "http-metadata",
        Answers("`http_hosts: http://169.254.169.254`", "has not granted `http_hosts: http://169.254.169.254`"),
    ),
    ("wechat-token", Answers("denied", "\"denied\"")),
    ("other-user", Answers("`users`", "has not granted `users`")),
    ("env", Answers("0 variables, 0 arguments", OK)),
    ("state", Answers("1", OK)),
    ("cdata", Answers("]]>", OK)),
];

/// What the log says of those of them whose calls go well, as a warning: nobody would look for their receipts.
const WARNED: &[&str] = &[
    "the text has 8192 bytes",
    PRINTED,
    "more than 64 lines in one call",
    "has not granted `http_hosts: https://example.com`",
    "the method is none of",
    "has not granted `http_hosts: http://127.0.0.1:1`",
    "has not granted `http_hosts: http://169.254.169.254`",
    "has not granted `users`",
];

/// Plugins that no compiler makes.
const HAND_MADE: &[(&str, HandMade, Expected)] = &[
    ("loop-in-handler", HandMade { handle: "(loop $l br $l) unreachable", ..HandMade::PLAIN }, CPU),
    ("loop-in-realloc", HandMade { realloc: "(loop $l br $l) unreachable", ..HandMade::PLAIN }, CPU),
    ("loop-in-post-return", HandMade { post_return: "(loop $l br $l)", ..HandMade::PLAIN }, CPU),
    (
        "loop-at-start",
        HandMade { start: "(loop $l br $l)", ..HandMade::PLAIN },
        Refused("instantiate_failed", &[CPU_TIME, "the call did not end within 2000 ms"]),
    ),
    (
        "trap-at-start",
        HandMade { start: "unreachable", ..HandMade::PLAIN },
        Refused("instantiate_failed", &["unreachable"]),
    ),
    (
        "realloc-out-of-range",
        HandMade { realloc: "i32.const -16", ..HandMade::PLAIN },
        Fails("crashed", "realloc return: beyond end of memory"),
    ),
    (
        "realloc-unaligned",
        HandMade { realloc: "i32.const 65537", ..HandMade::PLAIN },
        Fails("crashed", "realloc return: result not aligned"),
    ),
    ("answer-out-of-range", HandMade { handle: "i32.const -8", ..HandMade::PLAIN }, OUT_OF_BOUNDS),
    (
        "answer-unaligned",
        HandMade { handle: "i32.const 4097", ..HandMade::PLAIN },
        Fails("crashed", "return pointer not aligned"),
    ),
    (
        "bad-discriminant",
        HandMade { handle: "(i32.store8 (i32.const 4096) (i32.const 7)) i32.const 4096", ..HandMade::PLAIN },
        Fails("crashed", "discriminant"),
    ),
    ("text-not-utf8", HandMade { handle: TEXT_NOT_UTF8, ..HandMade::PLAIN }, Fails("crashed", "utf-8")),
    ("text-out-of-range", HandMade { handle: TEXT_OUT_OF_RANGE, ..HandMade::PLAIN }, OUT_OF_BOUNDS),
    ("text-of-two-gigabytes", HandMade { handle: TEXT_OF_TWO_GIGABYTES, ..HandMade::PLAIN }, OUT_OF_BOUNDS),
    ("list-of-millions", HandMade { handle: LIST_OF_MILLIONS, ..HandMade::PLAIN }, OUT_OF_BOUNDS),
    ("list-of-one-place", HandMade { handle: LIST_OF_ONE_PLACE, pages: 900, ..HandMade::PLAIN }, TOO_MUCH),
    (
        "recursion",
        HandMade {
            handle: "(call $down) i32.const 4096",
            more: "(func $down (call $down) (call $down))",
            ..HandMade::PLAIN
        },
        STACK,
    ),
    // 64 MiB, and 20,000 elements.
    ("grows-memory", GROWS_MEMORY, Answers("1024", "\"memory_bytes\":67108864")),
    ("grows-tables", GROWS_TABLES, Answers("19001", OK)),
    (
        "divides-by-zero",
        HandMade { handle: "(i32.div_u (i32.const 1) (i32.const 0))", ..HandMade::PLAIN },
        Fails("crashed", "integer divide by zero"),
    ),
    (
        "calls-nothing",
        HandMade {
            handle: "(call_indirect (param) (i32.const 0)) i32.const 4096",
            more: "(table 1 funcref)",
            ..HandMade::PLAIN
        },
        Fails("crashed", "uninitialized element"),
    ),
    ("four-gigabytes-at-first", HandMade { pages: 65_536, ..HandMade::PLAIN }, Refused("", &["memory"])),
];

const TEXT_NOT_UTF8: &str = "(i32.store8 (i32.const 4104) (i32.const 1)) (i32.store (i32.const 4112) (i32.const 4200)) \
     (i32.store (i32.const 4116) (i32.const 2)) (i32.store16 (i32.const 4200) (i32.const 0xfeff)) i32.const 4096";
const TEXT_OUT_OF_RANGE: &str = "(i32.store8 (i32.const 4104) (i32.const 1)) (i32.store (i32.const 4112) (i32.const -100)) \
     (i32.store (i32.const 4116) (i32.const 90)) i32.const 4096";
const TEXT_OF_TWO_GIGABYTES: &str = "(i32.store8 (i32.const 4104) (i32.const 1)) \
     (i32.store (i32.const 4116) (i32.const 0x7fffffff)) i32.const 4096";
const LIST_OF_MILLIONS: &str = "(i32.store8 (i32.const 4104) (i32.const 1)) (i32.store8 (i32.const 4108) (i32.const 5)) \
     (i32.store (i32.const 4116) (i32.const 10000000)) i32.const 4096";
/// Every article of the list is the same nothing, as far as the memory goes.
const LIST_OF_ONE_PLACE: &str = "(i32.store8 (i32.const 4104) (i32.const 1)) (i32.store8 (i32.const 4108) (i32.const 5)) \
     (i32.store (i32.const 4112) (i32.const 131072)) (i32.store (i32.const 4116) (i32.const 1800000)) i32.const 4096";

/// A server in a process of its own, with apps for the adversaries and one for somebody else.
pub(super) struct Place {
    pub(super) process: Process,
    token: String,
    folders: Folders,
    bad: Sender,
    pub(super) good: Arc<Sender>,
}

impl Place {
    async fn open() -> Self {
        Self::open_with(&["bad".to_owned()], &[("WEFT_PLUGINS__MEMORY_MIB", "64")]).await
    }

    /// With these apps for the adversaries, of which the first one is `bad`, and more settings from the environment.
    pub(super) async fn open_with(apps: &[String], more: &[(&str, &str)]) -> Self {
        let folders = Folders::new();
        let app = folders.server().await;
        app.account("good", EncodingMode::Plain, "greeter").await;
        // What is shown of others does not depend on how fast the machine is.
        let limits = json!({"limits": {"call_timeout_ms": 14_000, "cpu_ms": 1000}});
        assert_eq!(app.api(reqwest::Method::PUT, "/apps/good/plugins/greeter", Some(limits)).await.0, 200);
        let grants = json!({"kv": true, "http_hosts": ["https://adversary.invalid"]});
        for bad in apps {
            app.account(bad, EncodingMode::Plain, "adversary").await;
            let path = format!("/apps/{bad}/plugins/adversary");
            assert_eq!(app.api(reqwest::Method::PUT, &path, Some(grants.clone())).await.0, 200);
        }
        let token = app.token.clone();
        app.stop().await;
        std::fs::write(folders.plugins.join("greeter.wasm"), guests::greeter().await).unwrap();
        let settings = [
            ("WEFT_PLUGINS__CPU_MS", "250"),
            ("WEFT_PLUGINS__CALL_TIMEOUT_MS", "4000"),
            ("WEFT_PLUGINS__BREAKER_FAILURES", "1000000"),
        ];
        let process = folders.process(&[settings.as_slice(), more].concat());
        let bad = sender_to(&process.base, &apps[0], EncodingMode::Plain);
        let good = Arc::new(sender_to(&process.base, "good", EncodingMode::Plain));
        Self { process, token, folders, bad, good }
    }

    async fn read(&self, path: &str) -> (u16, Value) {
        let request = client().get(format!("{}{path}", self.process.base)).bearer_auth(&self.token);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
    }

    async fn plugin(&self) -> Value {
        self.read("/api/v1/plugins/adversary").await.1
    }

    /// Puts another file in the place of the adversary's, and waits until it runs or is refused.
    pub(super) async fn drop(&self, bytes: &[u8]) {
        let beside = self.folders.plugins.join(".new");
        std::fs::write(&beside, bytes).unwrap();
        let before = self.plugin().await;
        std::fs::rename(&beside, self.folders.plugins.join("adversary.wasm")).unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = self.plugin().await;
            if now["digest"] == weft::plugins::digest(bytes).as_str()
                || (now["error"] != before["error"] && !now["error"].is_null())
            {
                return;
            }
            assert!(Instant::now() < deadline, "it is neither taken nor refused: {now}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How often the adversary's calls failed with that code.
    async fn failures(&self, code: &str) -> u64 {
        let entries = self.plugin().await["calls"]["entries"].as_array().cloned().unwrap_or_default();
        entries.iter().filter_map(|entry| entry["errors"][code].as_u64()).sum()
    }

    /// The newest receipt of the adversary.
    async fn newest_receipt(&self) -> Option<String> {
        let (_, page) = self.read("/api/v1/plugins/adversary/receipts?limit=1").await;
        Some(page["items"][0]["id"].as_str()?.to_owned())
    }

    /// Sends a message to the adversary, and looks at what becomes of it, and at what the operator sees of that.
    async fn suffers(&self, name: &str, text: &str, expected: &Expected) {
        let code = if let Fails(code, _) = expected { code } else { "" };
        let (failures, before) = (self.failures(code).await, self.newest_receipt().await);
        let exchange = send(&self.bad, text).await;
        assert_eq!(exchange.status, 200, "{name}: {exchange:?}");
        assert!(exchange.took < Duration::from_secs(5), "{name}: WeChat has given up after {:?}", exchange.took);
        let id = until(&format!("{name} leaves a receipt"), async || {
            self.newest_receipt().await.filter(|newest| Some(newest) != before.as_ref())
        })
        .await;
        let (_, receipt) = self.read(&format!("/api/v1/plugins/adversary/receipts/{id}")).await;
        assert_eq!((&receipt["plugin"], &receipt["app"]["name"]), (&json!("adversary"), &json!("bad")), "{name}");
        let (answer, told) = (exchange.text(), told(&receipt));
        match expected {
            Fails(code, why) => {
                assert_eq!(answer, None, "{name}");
                assert_eq!(receipt["outcome"], *code, "{name}: {told}");
                assert!(told.contains(why), "{name}: {told}");
                assert_eq!(self.failures(code).await, failures + 1, "{name}: {code}");
                let last_error = &self.plugin().await["calls"]["last_error"];
                assert!(last_error.as_str().is_some_and(|error| error.contains(why)), "{name}: {last_error}");
            }
            Answers(said, why) => {
                assert!(answer.as_ref().is_some_and(|answer| answer.contains(said)), "{name}: {answer:?} {told}");
                assert!(told.contains(why), "{name}: {told}");
            }
            Contained(whys) => assert!(whys.iter().any(|why| told.contains(why)), "{name}: {told}"),
            Refused(..) => panic!("{name} runs"),
        }
    }

    /// A file that never runs.
    async fn refuses(&self, name: &str, bytes: &[u8], code: &str, whys: &[&str]) {
        self.drop(bytes).await;
        let error = &self.plugin().await["error"];
        let detail = error["detail"].as_str().unwrap_or_default();
        assert!(code.is_empty() || error["code"] == code, "{name}: {error}");
        let why = whys.iter().find(|why| detail.contains(**why)).unwrap_or_else(|| panic!("{name}: {error}"));
        self.logs(&["ERROR", "adversary.wasm is refused", code, why]).await;
    }

    /// Waits until a line of the log that names the adversary says all of this.
    async fn logs(&self, texts: &[&str]) {
        let texts = [texts, &["plugin=\"adversary\""]].concat();
        until(&format!("{texts:?} is logged"), async || self.process.lines_with(&texts).pop()).await;
    }

    /// Does what costs the server some memory, and no more than it may; the most that it had meanwhile, in KiB. Others are
    /// answered afterwards, too.
    async fn bounded(&self, name: &str, deed: impl Future<Output = ()>) -> u64 {
        self.process.forget_peak_memory();
        let before = self.process.peak_memory();
        deed.await;
        let peak = self.process.peak_memory();
        let grown = peak.saturating_sub(before);
        assert!(grown < MEMORY_OF_ONE, "{name}: {grown} KiB more than before");
        greeted(&self.good).await;
        peak
    }

    /// Somebody else's messages, one after another, until `done`; how many there were.
    fn others(&self, done: &Arc<AtomicBool>) -> tokio::task::JoinHandle<u32> {
        let (good, done) = (Arc::clone(&self.good), Arc::clone(done));
        tokio::spawn(async move {
            let mut answered = 0;
            while !done.load(Ordering::Relaxed) {
                greeted(&good).await;
                answered += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            answered
        })
    }
}

/// Has a message of somebody else answered.
pub(super) async fn greeted(good: &Sender) {
    let exchange = send(good, "hi").await;
    assert!(exchange.text().is_some_and(|text| text.contains("Hello")), "{exchange:?}");
}

/// What a receipt says of a call besides the user's and the guest's own words.
fn told(receipt: &Value) -> String {
    ["outcome", "error", "logs", "host_calls", "used"].map(|field| receipt[field].to_string()).concat()
}

/// How much memory one adversary may cost, in KiB: the 64 MiB that it may have, and as much for what the server does.
const MEMORY_OF_ONE: u64 = (64 + 64) << 10;
/// How much the adversaries may cost at a time, all together.
const MEMORY: u64 = 400 << 10;
/// How many bytes one line of the operator's log may have, whatever it tells of an adversary.
const LOG_LINE: usize = 16 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_plugin_does_the_server_stays_up_and_others_are_answered() {
    let place = Place::open().await;
    for _ in 0..50 {
        greeted(&place.good).await;
    }
    let memory = place.process.peak_memory();

    let done = Arc::new(AtomicBool::new(false));
    let others = place.others(&done);
    place.drop(guests::misbehave().await).await;
    let mut most = place.process.peak_memory();
    for (text, expected) in TOLD {
        most = most.max(place.bounded(text, place.suffers(text, text, expected)).await);
    }
    for warning in WARNED {
        place.logs(&["WARN", warning, "app=\"bad\""]).await;
    }
    for (name, plugin, expected) in HAND_MADE {
        let bytes = plugin.bytes();
        let deed = async {
            if let Refused(code, whys) = expected {
                place.refuses(name, &bytes, code, whys).await;
            } else {
                place.drop(&bytes).await;
                place.suffers(name, "hi", expected).await;
            }
        };
        most = most.max(place.bounded(name, deed).await);
    }
    done.store(true, Ordering::Relaxed);
    assert!(others.await.unwrap() > 100);
    assert_eq!(place.read("/healthz").await.0, 200);
    let grown = most.saturating_sub(memory);
    assert!(grown < MEMORY, "{grown} KiB more than before");
    let longest = place.process.longest_line();
    assert!((1000..LOG_LINE).contains(&longest), "a line of the log has {longest} bytes");
    place.drop(guests::misbehave().await).await;
    place.suffers("behaves", "ok", &Answers("ok", OK)).await;
}
