//! Plugins that mean harm: the server stays up, others are answered as before, and the operator sees which and why.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use weft::simulator::{Sender, http_client};
use weft_wechat::account::EncodingMode;

use super::send;
use crate::support::{HandMade, TestApp, guests, process::Process, sender_to};

/// What becomes of an adversary.
enum Expected {
    /// Its message gets no answer, and the operator reads this, under this code.
    Fails(&'static str, &'static str),
    /// Its message is answered with something that says this.
    Answers(&'static str),
    /// Its message is answered, or ends by a limit: that depends on how fast the machine is.
    Contained,
    /// Its file is refused with this code, and a text that says this.
    Refused(&'static str, &'static str),
}

use Expected::{Answers, Contained, Fails, Refused};

const CPU: Expected = Fails("cpu_exhausted", "250 ms of CPU time");
const CRASH: Expected = Fails("crashed", "");

/// What the guest `misbehave` does when it is told to.
const TOLD: &[(&str, Expected)] = &[
    ("loop", CPU),
    ("hostcall-loop", CPU),
    ("clock-polling", CPU),
    ("zero-sleeps", CPU),
    ("sleep", Fails("timed_out", "call_timeout_ms")),
    ("memory", Fails("crashed", "memory allocation")),
    ("pollables", Fails("crashed", "it holds 256 streams and pollables, and a call may hold no more")),
    ("recursion", CRASH),
    ("panic", Fails("crashed", "order 42 missing")),
    ("panic-in-drop", Fails("crashed", "dropped badly")),
    ("abort", CRASH),
    ("exit", Fails("crashed", "exit(1)")),
    ("exit-well", Fails("crashed", "exit(0)")),
    ("error", Fails("failed", "gave up")),
    ("long-error", Fails("crashed", "fuel")),
    ("empty-reply", Answers("")),
    ("huge-reply", Fails("crashed", "fuel")),
    ("huge-list", Fails("crashed", "fuel")),
    ("big-reply", Answers("xxx")),
    ("stdout-flood", Contained),
    ("stderr-flood", Contained),
    ("log-flood", Contained),
    ("huge-log", Fails("crashed", "fuel")),
    ("kv-flood", Contained),
    ("kv-big", Answers("kept")),
    ("kv-huge", Fails("crashed", "fuel")),
    ("kv-long-key", Answers("512 bytes")),
    ("http", Answers("http_hosts: https://example.com")),
    ("http-long-method", Answers("the method is none of")),
    ("http-loopback", Answers("http_hosts: http://127.0.0.1")),
    ("http-metadata", Answers("http_hosts: http://169.254.169.254")),
    ("wechat-token", Answers("denied")),
    ("other-user", Answers("`users`")),
    ("env", Answers("0 variables, 0 arguments")),
    ("state", Answers("1")),
    ("cdata", Answers("]]>")),
];

/// Plugins that no compiler makes.
const HAND_MADE: &[(&str, HandMade, Expected)] = &[
    ("loop-in-handler", HandMade { handle: "(loop $l br $l) unreachable", ..HandMade::PLAIN }, CPU),
    ("loop-in-realloc", HandMade { realloc: "(loop $l br $l) unreachable", ..HandMade::PLAIN }, CPU),
    ("loop-in-post-return", HandMade { post_return: "(loop $l br $l)", ..HandMade::PLAIN }, CPU),
    ("loop-at-start", HandMade { start: "(loop $l br $l)", ..HandMade::PLAIN }, Refused("instantiate_failed", "")),
    (
        "trap-at-start",
        HandMade { start: "unreachable", ..HandMade::PLAIN },
        Refused("instantiate_failed", "unreachable"),
    ),
    ("realloc-out-of-range", HandMade { realloc: "i32.const -16", ..HandMade::PLAIN }, CRASH),
    ("realloc-unaligned", HandMade { realloc: "i32.const 65537", ..HandMade::PLAIN }, CRASH),
    ("answer-out-of-range", HandMade { handle: "i32.const -8", ..HandMade::PLAIN }, CRASH),
    ("answer-unaligned", HandMade { handle: "i32.const 4097", ..HandMade::PLAIN }, CRASH),
    (
        "bad-discriminant",
        HandMade { handle: "(i32.store8 (i32.const 4096) (i32.const 7)) i32.const 4096", ..HandMade::PLAIN },
        CRASH,
    ),
    ("text-not-utf8", HandMade { handle: TEXT_NOT_UTF8, ..HandMade::PLAIN }, CRASH),
    ("text-out-of-range", HandMade { handle: TEXT_OUT_OF_RANGE, ..HandMade::PLAIN }, CRASH),
    ("text-of-two-gigabytes", HandMade { handle: TEXT_OF_TWO_GIGABYTES, ..HandMade::PLAIN }, CRASH),
    ("list-of-millions", HandMade { handle: LIST_OF_MILLIONS, ..HandMade::PLAIN }, CRASH),
    ("list-of-one-place", HandMade { handle: LIST_OF_ONE_PLACE, pages: 900, ..HandMade::PLAIN }, CRASH),
    (
        "recursion",
        HandMade {
            handle: "(call $down) i32.const 4096",
            more: "(func $down (call $down) (call $down))",
            ..HandMade::PLAIN
        },
        Fails("crashed", "stack"),
    ),
    (
        "grows-memory",
        HandMade {
            handle: "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 64)) (i32.const -1)))) unreachable",
            ..HandMade::PLAIN
        },
        CRASH,
    ),
    (
        "grows-tables",
        HandMade {
            handle: "(loop $l (br_if $l (i32.ne (table.grow (ref.null func) (i32.const 1000)) (i32.const -1)))) unreachable",
            more: "(table 1 funcref)",
            ..HandMade::PLAIN
        },
        CRASH,
    ),
    ("divides-by-zero", HandMade { handle: "(i32.div_u (i32.const 1) (i32.const 0))", ..HandMade::PLAIN }, CRASH),
    (
        "calls-nothing",
        HandMade {
            handle: "(call_indirect (param) (i32.const 0)) i32.const 4096",
            more: "(table 1 funcref)",
            ..HandMade::PLAIN
        },
        CRASH,
    ),
    ("four-gigabytes-at-first", HandMade { pages: 65_536, ..HandMade::PLAIN }, Refused("", "memory")),
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

/// A server in a process of its own, with an app for the adversaries and one for somebody else.
struct Place {
    process: Process,
    token: String,
    plugins: PathBuf,
    _folder: TempDir,
    bad: Sender,
    good: Arc<Sender>,
}

impl Place {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (data, plugins) = (folder.path().join("data"), folder.path().join("plugins"));
        std::fs::create_dir_all(&plugins).unwrap();
        let app = TestApp::start_with(|config| config.data_dir.clone_from(&data)).await;
        app.account("bad", EncodingMode::Plain, "adversary").await;
        app.account("good", EncodingMode::Plain, "greeter").await;
        let grants = json!({"kv": true, "http_hosts": ["https://adversary.invalid"]});
        let (status, _) = app.api(reqwest::Method::PUT, "/apps/bad/plugins/adversary", Some(grants)).await;
        assert_eq!(status, 200);
        let token = app.token.clone();
        app.stop().await;
        std::fs::write(plugins.join("greeter.wasm"), guests::greeter().await).unwrap();
        let settings = [
            ("WEFT_PLUGINS__CPU_MS", "250"),
            ("WEFT_PLUGINS__CALL_TIMEOUT_MS", "4000"),
            ("WEFT_PLUGINS__BREAKER_FAILURES", "1000000"),
        ];
        let process = Process::serve_with(&data, &plugins, &settings);
        let bad = sender_to(&process.base, "bad", EncodingMode::Plain);
        let good = Arc::new(sender_to(&process.base, "good", EncodingMode::Plain));
        Self { process, token, plugins, _folder: folder, bad, good }
    }

    async fn read(&self, path: &str) -> (u16, Value) {
        let request = http_client().unwrap().get(format!("{}{path}", self.process.base)).bearer_auth(&self.token);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
    }

    async fn plugin(&self) -> Value {
        self.read("/api/v1/plugins/adversary").await.1
    }

    /// Puts another file in the place of the adversary's, and waits until it runs or is refused.
    async fn drop(&self, bytes: &[u8]) {
        let beside = self.plugins.join(".new");
        std::fs::write(&beside, bytes).unwrap();
        let before = self.plugin().await;
        std::fs::rename(&beside, self.plugins.join("adversary.wasm")).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
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

    /// Sends a message to the adversary, and looks at what becomes of it.
    async fn suffers(&self, name: &str, text: &str, expected: &Expected) {
        let code = if let Fails(code, _) = expected { code } else { "" };
        let before = self.failures(code).await;
        let exchange = send(&self.bad, text).await;
        assert_eq!(exchange.status, 200, "{name}: {exchange:?}");
        assert!(exchange.took < Duration::from_secs(5), "{name}: WeChat has given up after {:?}", exchange.took);
        match expected {
            Answers("") | Fails(..) => assert_eq!(exchange.text(), None, "{name}"),
            Answers(said) => {
                let answer = exchange.text().unwrap_or_default();
                assert!(answer.contains(said), "{name}: {answer:?} {}", self.plugin().await["calls"]["last_error"]);
            }
            Contained => {}
            Refused(..) => panic!("{name} runs"),
        }
        if let Fails(code, why) = expected {
            let error = self.plugin().await["calls"]["last_error"].as_str().unwrap_or_default().to_owned();
            assert_eq!(self.failures(code).await, before + 1, "{name}: {code}, but: {error}");
            assert!(error.contains(why), "{name}: {error}");
        }
    }

    /// A file that never runs.
    async fn refuses(&self, name: &str, bytes: &[u8], code: &str, why: &str) {
        self.drop(bytes).await;
        let error = &self.plugin().await["error"];
        let detail = error["detail"].as_str().unwrap_or_default();
        assert!(code.is_empty() || error["code"] == code, "{name}: {error}");
        assert!(detail.contains(why), "{name}: {error}");
    }

    /// Somebody else's messages, one after another, until `done`; how long each took.
    fn others(&self, done: &Arc<AtomicBool>) -> (Arc<Mutex<Vec<Duration>>>, tokio::task::JoinHandle<()>) {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let (good, done, noted) = (Arc::clone(&self.good), Arc::clone(done), Arc::clone(&taken));
        let sending = tokio::spawn(async move {
            while !done.load(Ordering::Relaxed) {
                let exchange = send(&good, "hi").await;
                assert!(exchange.text().is_some_and(|text| text.contains("Hello")), "{exchange:?}");
                noted.lock().unwrap().push(exchange.took);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        (taken, sending)
    }
}

/// What the debug build and a machine with other work may add.
const ALLOWANCE: Duration = Duration::from_millis(150);
/// How much memory the adversaries may cost at a time, all together, in KiB.
const MEMORY: u64 = 400 << 10;
/// How many bytes one line of the operator's log may have, whatever it tells of an adversary.
const LOG_LINE: usize = 16 << 10;

fn median(taken: &mut [Duration]) -> Duration {
    taken.sort();
    taken[taken.len() / 2]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_plugin_does_the_server_stays_up_and_others_do_not_notice() {
    let place = Place::open().await;
    for _ in 0..50 {
        assert!(send(&place.good, "hi").await.text().is_some());
    }
    let mut alone = Vec::new();
    for _ in 0..100 {
        alone.push(send(&place.good, "hi").await.took);
    }
    let alone = median(&mut alone);
    let memory = place.process.peak_memory();

    let done = Arc::new(AtomicBool::new(false));
    let (taken, sending) = place.others(&done);
    let mut slow = Vec::new();
    let mut cases = 0;
    let mut after = |name: &str| {
        cases += 1;
        let mut taken = std::mem::take(&mut *taken.lock().unwrap());
        if !taken.is_empty() {
            let median = median(&mut taken);
            if median > alone.mul_f64(1.2) + ALLOWANCE {
                slow.push(format!("{name}: {median:?} instead of {alone:?}"));
            }
        }
    };
    place.drop(guests::misbehave().await).await;
    for (text, expected) in TOLD {
        place.suffers(text, text, expected).await;
        after(text);
    }
    for (name, plugin, expected) in HAND_MADE {
        if let Refused(code, why) = expected {
            place.refuses(name, &plugin.bytes(), code, why).await;
        } else {
            place.drop(&plugin.bytes()).await;
            place.suffers(name, "hi", expected).await;
        }
        after(name);
    }
    done.store(true, Ordering::Relaxed);
    sending.await.unwrap();
    assert!(cases > 50, "{cases}");
    assert!(slow.is_empty(), "{slow:?}");
    assert_eq!(place.read("/healthz").await.0, 200);
    let grown = place.process.peak_memory() - memory;
    assert!(grown < MEMORY, "{grown} KiB more than before");
    let longest = place.process.longest_line();
    assert!((1000..LOG_LINE).contains(&longest), "a line of the log has {longest} bytes");
    place.drop(guests::misbehave().await).await;
    place.suffers("behaves", "ok", &Answers("ok")).await;
}

/// Reads all of a memory that it makes large, stops where anything is left of somebody else, and leaves a mark there.
const CANARY: HandMade = HandMade {
    handle: "(local $at i32) (drop (memory.grow (i32.const 48))) (local.set $at (i32.const 131072)) \
         (loop $look (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then unreachable)) \
         (i64.store (local.get $at) (i64.const 0x79726e6163796e61)) \
         (local.set $at (i32.add (local.get $at) (i32.const 8))) \
         (br_if $look (i32.lt_u (local.get $at) (i32.const 4194304)))) i32.const 4096",
    ..HandMade::PLAIN
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_one_call_is_there_in_the_next() {
    let app = TestApp::start().await;
    app.drop_plugin("canary", &CANARY.bytes()).await;
    let accounts = [
        Arc::new(app.account("one", EncodingMode::Plain, "canary").await),
        Arc::new(app.account("two", EncodingMode::Safe, "canary").await),
    ];
    for round in 0..20 {
        let calls = (0..20).map(|n| {
            let account = Arc::clone(&accounts[n % 2]);
            tokio::spawn(async move {
                let message = weft::simulator::Incoming::text(&format!("oUser{}", n % 5), &format!("{round} {n}"));
                account.send(&message).await.unwrap()
            })
        });
        for call in futures::future::join_all(calls).await {
            assert_eq!(call.unwrap().body, "");
        }
    }
    let calls = &app.api(reqwest::Method::GET, "/plugins/canary", None).await.1["calls"];
    assert_eq!((&calls["total"], &calls["failed"]), (&json!(400), &json!(0)), "{calls}");
}
