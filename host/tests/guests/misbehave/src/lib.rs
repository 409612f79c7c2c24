//! A guest that loops, hoards, traps or floods: the text of the message says which.

#[expect(clippy::same_length_and_capacity, reason = "generated code")]
mod wasi;

use std::{
    hint::black_box,
    io::{Write, stderr, stdout},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use serde::Deserialize;
use weft_plugin::{Article, Context, Error, Message, Reply, http, kv, log, message_handler, users, wechat};

/// Counts the calls of an instance, which is one.
static CALLS: AtomicU32 = AtomicU32::new(0);

/// Does what the text says; repeats what it does not know.
#[message_handler]
fn misbehave(message: Message, context: Context) -> Result<Reply, Error> {
    let reply = match message.text().unwrap_or_default() {
        "ok" => "ok".to_owned(),
        "loop" => busy_loop(),
        "hostcall-loop" => hostcall_loop(context),
        "sleep" => {
            std::thread::sleep(Duration::from_mins(1));
            "slept".to_owned()
        }
        "memory" => memory(),
        "pollables" => pollables(),
        "recursion" => recursion(0).to_string(),
        "panic" => panic!("plugin bug: order {} missing", 42),
        "exit" => std::process::exit(1),
        "stdout-flood" => stdout_flood()?,
        "log-flood" => log_flood(),
        other if other.starts_with("print") => print(other),
        "huge-reply" => "x".repeat(20 << 20),
        "state" => (CALLS.fetch_add(1, Ordering::Relaxed) + 1).to_string(),
        "env" => format!("{} variables, {} arguments", std::env::vars_os().count(), std::env::args_os().count()),
        "long-error" => return Err("one line\nand another\n".repeat(100_000).into()),
        "error" => return Err("the plugin gave up".into()),
        "context" => described(context),
        "config" => configured(context.config()?),
        "kv-count" => count()?.to_string(),
        "kv-flood" => kv_flood(),
        "kv-big" => told(kv::set("big", vec![b'x'; 5 << 10]).map(|_| "kept")),
        "kv-keys" => kv_keys(),
        "http" => told(http::Request::get("https://example.com/").send().map(|_| "sent")),
        "http-big" => {
            told(http::Request::post("https://example.com/").body(vec![b'x'; 2 << 10]).send().map(|_| "sent"))
        }
        "clock-polling" => loop {
            black_box(Instant::now());
        },
        "zero-sleeps" => loop {
            std::thread::sleep(Duration::ZERO);
            black_box(());
        },
        "panic-in-drop" => {
            let _dropped = PanicsWhenDropped;
            String::new()
        }
        "abort" => std::process::abort(),
        "exit-well" => std::process::exit(0),
        "huge-list" => return Ok(Reply::News(vec![nothing(); 400_000])),
        "many-articles" => return Ok(Reply::News(vec![Article { title: "x".to_owned(), ..nothing() }; 5000])),
        "stderr-flood" => stderr_flood()?,
        "huge-log" => {
            log::info!("{}", "x".repeat(20 << 20));
            "logged".to_owned()
        }
        "kv-huge" => told(kv::set("huge", vec![b'x'; 20 << 20]).map(|_| "kept")),
        "kv-long-key" => told(kv::set(&"k".repeat(600), "x").map(|_| "kept")),
        "http-long-method" => http_long_method(),
        "http-loopback" => told(http::Request::get("http://127.0.0.1:1/").send().map(|_| "sent")),
        "http-metadata" => told(http::Request::get("http://169.254.169.254/").send().map(|_| "sent")),
        "wechat-token" => told(wechat::Request::get("/cgi-bin/token").send().map(|_| "called")),
        "other-user" => told(users::find("oSomebodyElse").map(|_| "found")),
        "empty-reply" => String::new(),
        "big-reply" => "x".repeat(8 << 10),
        "long-reply" => "x".repeat(100 << 10),
        "cdata" => "a ]]> b \0 c < d".to_owned(),
        other if other.starts_with("kv-count, sleep ") => {
            let number = count()?;
            let seconds = other.rsplit(' ').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0);
            std::thread::sleep(Duration::from_secs(seconds));
            number.to_string()
        }
        other if other.starts_with("http ") => http_get(other),
        other if other.starts_with("nap ") => nap(other),
        other if other.starts_with("hold ") => hold(other),
        other => match other.strip_prefix("sleep ").and_then(|seconds| seconds.parse().ok()) {
            Some(seconds) => {
                std::thread::sleep(Duration::from_secs(seconds));
                format!("slept {seconds} s")
            }
            None => other.to_owned(),
        },
    };
    Ok(reply.into())
}

/// `http http://127.0.0.1:8080/`: asks that server.
fn http_get(text: &str) -> String {
    let url = text.strip_prefix("http ").unwrap_or_default();
    told(http::Request::get(url).send().map(|_| "sent"))
}

fn http_long_method() -> String {
    let method = "X\n".repeat(400 << 10);
    told(http::Request::new(&method, "https://adversary.invalid/").send().map(|_| "sent"))
}

/// What the operator may set.
#[derive(Deserialize)]
struct Settings {
    greeting: String,
}

/// The greeting. One that is a key signs what is asked for, as keys do.
fn configured(Settings { greeting }: Settings) -> String {
    if !greeting.starts_with("key=") {
        return greeting;
    }
    let signature = greeting.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    told(kv::get(&format!("signed/{signature}")).map(|_| "asked"))
}

/// What the call is about, as the host tells it.
fn described(context: Context) -> String {
    let app = context.app();
    let raw = String::from_utf8_lossy(&context.raw()).into_owned();
    let text = context.fields().into_iter().find(|field| field.path == "Content").map(|field| field.value);
    let left = context.time_left() > Duration::ZERO;
    format!("{} {} {} {:?} {left} {}", app.name, app.appid, context.delivery_id(), text, raw.starts_with("<xml>"))
}

/// Adds one to a number that outlives the instance, however many do so at once.
fn count() -> Result<u64, Error> {
    loop {
        let before = kv::get("count")?;
        let number =
            before.as_ref().and_then(kv::Entry::text).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0) + 1;
        match kv::compare_and_set("count", before.map(|entry| entry.version), number.to_string()) {
            Ok(_) => return Ok(number),
            Err(Error::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
}

/// How many writes went through, and what ended them.
fn kv_flood() -> String {
    let mut written = 0;
    loop {
        match kv::set("flood", "x") {
            Ok(_) => written += 1,
            Err(error) => return format!("{written} written, then {error}"),
        }
    }
}

/// How many keys there can be, and what ended them.
fn kv_keys() -> String {
    let mut keys = 0;
    loop {
        match kv::set(&format!("key-{keys}"), "x") {
            Ok(_) => keys += 1,
            Err(error) => return format!("{keys} keys, then {error}"),
        }
    }
}

/// What came of asking the host.
fn told(answer: Result<&str, Error>) -> String {
    answer.map_or_else(|error| error.to_string(), str::to_owned)
}

fn busy_loop() -> String {
    let mut turn = 0_u64;
    loop {
        turn = black_box(turn).wrapping_add(1);
    }
}

fn hostcall_loop(context: Context) -> String {
    loop {
        log::debug!("{} has {:?} left", context.app().name, context.time_left());
    }
}

/// Every page is written to, so that it counts wherever memory is counted.
fn memory() -> String {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1_u8; 1 << 20]));
    }
}

/// `nap 100`: sleeps for so many milliseconds.
fn nap(text: &str) -> String {
    let milliseconds = text.rsplit(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0);
    std::thread::sleep(Duration::from_millis(milliseconds));
    format!("napped {milliseconds} ms")
}

/// `hold 20 MiB for 100 ms`: has so much memory for so long.
fn hold(text: &str) -> String {
    let mut numbers = text.split(' ').skip(1).step_by(3);
    let mebibytes = numbers.next().and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
    let milliseconds = numbers.next().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let held = black_box(vec![1_u8; mebibytes << 20]);
    std::thread::sleep(Duration::from_millis(milliseconds));
    format!("held {} MiB", black_box(held).len() >> 20)
}

/// What the host has to keep as long as it is held.
fn pollables() -> String {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(wasi::subscribe_duration(u64::MAX)));
    }
}

#[expect(unconditional_recursion, reason = "that is the point")]
fn recursion(depth: u64) -> u64 {
    black_box(recursion(black_box(depth) + 1)) + depth
}

/// Ends by itself: a host that drops what is too much is as good as one that traps.
fn stdout_flood() -> Result<String, Error> {
    let line = [b'x'; 1023];
    for _ in 0..16 << 10 {
        stdout().write_all(&line)?;
        stdout().write_all(b"\n")?;
    }
    Ok("flooded standard output".to_owned())
}

/// As much again, in one line.
fn stderr_flood() -> Result<String, Error> {
    let text = [b'x'; 4096];
    for _ in 0..4 << 10 {
        stderr().write_all(&text)?;
    }
    Ok("flooded standard error".to_owned())
}

/// `print`: four lines of a KiB. After `print, then …` comes something else.
fn print(text: &str) -> String {
    let lines = |count: usize| (0..count).for_each(|_| println!("{}", "x".repeat(1023)));
    match text {
        "print, then panic" => {
            lines(20);
            panic!("plugin bug: after much was printed")
        }
        "print, then log" => {
            lines(4);
            log::info!("first");
            log::info!("second");
            "logged".to_owned()
        }
        "print, then loop" => {
            println!("step 3");
            busy_loop()
        }
        "print, then reply" => {
            println!("step 3");
            "x".repeat(20 << 20)
        }
        _ => {
            match text.strip_prefix("print: ") {
                Some(line) => println!("{line}"),
                None => lines(4),
            }
            "printed".to_owned()
        }
    }
}

fn nothing() -> Article {
    Article { title: String::new(), description: String::new(), pic_url: String::new(), url: String::new() }
}

/// Ends badly when all seems to have gone well.
struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("dropped badly");
    }
}

fn log_flood() -> String {
    let text = "x".repeat(1 << 10);
    for line in 0..16 << 10 {
        log::info!(line = line; "{text}");
    }
    "flooded the log".to_owned()
}

#[cfg(test)]
mod tests {
    use weft_plugin::testing::text;

    use super::*;

    #[test]
    fn it_can_behave() {
        for (text_of_message, reply) in
            [("ok", "ok"), ("anything else", "anything else"), ("cdata", "a ]]> b \0 c < d")]
        {
            assert_eq!(misbehave(text("o1", text_of_message), Context::test()), Ok(Reply::text(reply)));
        }
        assert_eq!(misbehave(text("o1", "error"), Context::test()), Err(Error::from("the plugin gave up")));
    }

    #[test]
    #[should_panic(expected = "plugin bug: order 42 missing")]
    fn it_panics_when_told_to() {
        let _ = misbehave(text("o1", "panic"), Context::test());
    }
}
