//! Limits: for all plugins, for one, and for one in an app.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};
use wasm_encoder::{
    ComponentSection, InstanceSection, Module, ModuleArg, ModuleSection, RefType, TableSection, TableType,
};
use weft::{
    plugin_limits::LIMITS,
    simulator::Sender,
    storage::{KvQuota, KvWrite},
};
use weft_wechat::account::EncodingMode;

use super::{GROWS_MEMORY, GROWS_TABLES, ask, last_error, limit, plugin};
use crate::support::{HandMade, TestApp, database::on_postgres, guests, until};

/// A server with the guest, and two apps that it answers for.
async fn server() -> (TestApp, Sender, Sender) {
    let app = TestApp::start_with(|config| {
        config.plugins.limits.cpu_ms = 400;
        config.plugins.limits.breaker_failures = 1_000_000;
    })
    .await;
    app.drop_plugin("guest", guests::misbehave().await).await;
    let shop = app.account("shop", EncodingMode::Plain, "guest").await;
    let blog = app.account("blog", EncodingMode::Plain, "guest").await;
    (app, shop, blog)
}

async fn set(app: &TestApp, of_app: &str, settings: Value) -> Value {
    let (status, answer) = app.api(Method::PUT, &format!("/apps/{of_app}/plugins/guest"), Some(settings)).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_is_set_for_all_plugins_for_one_and_for_one_in_an_app() {
    let (app, shop, blog) = server().await;
    let of_plugin = plugin(&app, "guest").await;
    assert_eq!((&of_plugin["limits"], &of_plugin["effective_limits"]["cpu_ms"]), (&json!({}), &json!(400)));

    limit(&app, json!({"cpu_ms": 100})).await;
    let of_app = set(&app, "shop", json!({"limits": {"cpu_ms": 50, "log_lines": 7}})).await;
    assert_eq!(of_app["limits"], json!({"cpu_ms": 50, "log_lines": 7}));
    assert_eq!(
        (&of_app["effective_limits"]["cpu_ms"], &of_app["effective_limits"]["kv_keys"]),
        (&json!(50), &json!(100_000))
    );
    let of_plugin = plugin(&app, "guest").await;
    assert_eq!(
        (&of_plugin["limits"], &of_plugin["effective_limits"]["cpu_ms"]),
        (&json!({"cpu_ms": 100}), &json!(100))
    );
    for (account, why) in [(&shop, " 50 ms of CPU"), (&blog, " 100 ms of CPU")] {
        assert_eq!(ask(account, "loop").await, None);
        assert!(last_error(&app).await.contains(why), "{}", last_error(&app).await);
    }

    limit(&app, json!({})).await;
    assert_eq!(app.api(Method::DELETE, "/apps/shop/plugins/guest", None).await.0, 204);
    assert_eq!(ask(&shop, "loop").await, None);
    assert!(last_error(&app).await.contains(" 400 ms of CPU"), "what is taken away does not hold any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_out_of_range_is_refused_by_its_name_and_changes_nothing() {
    let (app, ..) = server().await;
    for limit in LIMITS {
        for value in [limit.most + 1, limit.least.wrapping_sub(1)] {
            let limits = json!({"limits": {(limit.name): value}});
            for (method, path) in [(Method::PATCH, "/plugins/guest"), (Method::PUT, "/apps/shop/plugins/guest")] {
                let (status, problem) = app.api(method, path, Some(limits.clone())).await;
                assert_eq!(status, 422, "{limits} {problem}");
                assert_eq!(problem["errors"][0]["field"], format!("limits.{}", limit.name), "{problem}");
                let detail = problem["errors"][0]["detail"].as_str().unwrap();
                assert!(
                    detail.contains(&format!("from {} to ", limit.least)) && detail.contains(limit.ceiling_key),
                    "{detail}"
                );
            }
        }
    }
    for wrong in [json!({"cpu": 1}), json!({"cpu_ms": "1"}), json!({"cpu_ms": 1.5}), json!("all")] {
        let (status, problem) = app.api(Method::PATCH, "/plugins/guest", Some(json!({"limits": wrong}))).await;
        assert_eq!(status, 422, "{problem}");
        assert!(problem["errors"][0]["field"].as_str().unwrap().starts_with("limits"), "{problem}");
    }
    assert_eq!(plugin(&app, "guest").await["limits"], json!({}));
    assert_eq!(app.api(Method::PATCH, "/plugins/nobody", Some(json!({"limits": {}}))).await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ceilings_are_the_operators_and_never_below_what_holds_for_all() {
    let app = TestApp::start_with(|config| {
        config.plugins.ceilings.0.cpu_ms = 300;
        config.plugins.ceilings.0.log_lines = 1;
    })
    .await;
    app.drop_plugin("guest", guests::misbehave().await).await;
    let limits = json!({"limits": {"cpu_ms": 1001, "log_lines": 65}});
    let (status, problem) = app.api(Method::PATCH, "/plugins/guest", Some(limits)).await;
    let details: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| error["detail"].clone()).collect();
    assert_eq!(status, 422);
    let expected = [
        "from 1 to 1000 (plugins.ceilings.cpu_ms) · 1 到 1000（plugins.ceilings.cpu_ms）",
        "from 0 to 64 (plugins.ceilings.log_lines) · 0 到 64（plugins.ceilings.log_lines）",
    ];
    assert_eq!(details, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_manages_one_app_may_lower_its_limits_and_not_raise_them() {
    let (app, ..) = server().await;
    let token = app.token_for(&["shop|manage"]).await;
    let path = "/apps/shop/plugins/guest";
    for (cpu_ms, status) in [(399, 200), (400, 200), (401, 403)] {
        let (answered, answer) =
            app.api_as(&token, Method::PUT, path, Some(json!({"limits": {"cpu_ms": cpu_ms}}))).await;
        assert_eq!(answered, status, "{cpu_ms} {answer}");
    }
    assert_eq!(app.api(Method::GET, path, None).await.1["limits"]["cpu_ms"], 400);
    set(&app, "shop", json!({"limits": {"cpu_ms": 401}})).await;
    let limits = json!({"limits": {"cpu_ms": 1}});
    assert_eq!(app.api_as(&token, Method::PATCH, "/plugins/guest", Some(limits)).await.0, 403);
}

/// Limits that are exceeded where their subject is tested: the file, and the test that names them.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("rule_timeout_ms", "inbox/plugin_rules.rs", TIME_OF_RULES),
    ("observer_timeout_ms", "plugin_calls.rs", "an_observer_that_takes_longer_than_it_may_is_ended"),
    ("hook_timeout_ms", "orders/hooks.rs", TIME_OF_HOOKS),
    ("page_timeout_ms", "pages/failures.rs", "a_page_takes_limits_of_its_own"),
    ("page_request_kib", "pages/requests.rs", "what_is_sent_has_bounds"),
    ("page_kib", "pages/failures.rs", "an_answer_that_is_none_is_not_sent"),
    ("open_orders", "plugin_outside/orders.rs", OPEN_ORDERS),
    ("http_timeout_ms", "plugin_outside/http.rs", TIME_OF_REQUESTS),
    ("wechat_timeout_ms", "plugin_outside/wechat.rs", TIME_OF_WECHAT),
    ("response_kib", "plugin_outside/http.rs", "requests_and_answers_have_a_size"),
    ("wechat_response_kib", "plugin_outside/wechat.rs", "an_answer_has_the_size_that_the_app_allows"),
    ("log_lines", "plugin_guard/limits.rs", LOG_LINES),
    ("log_lines_per_second", "plugin_guard/fairness.rs", "one_app_may_log_less_of_a_plugin_than_others"),
    ("max_concurrency", "plugin_guard/fairness.rs", "an_app_may_have_a_bound_of_its_own_in_a_plugin"),
    ("max_queue", "plugin_guard/fairness.rs", "fewer_calls_of_one_app_may_wait_than_of_others"),
    ("breaker_failures", "plugin_guard/breaker.rs", "a_limit_may_keep_it_from_opening"),
    ("max_file_mib", "admission/files.rs", "a_plugin_may_have_a_larger_file_than_others"),
    ("table_elements", "plugin_guard/limits.rs", "memory_and_tables_grow_to_their_limit_and_no_further"),
    ("log_line_bytes", "plugin_guard/limits.rs", PRINTED),
    ("output_kib", "plugin_guard/limits.rs", PRINTED),
];

const TIME_OF_RULES: &str = "a_rule_has_the_time_that_is_set_for_its_plugin_or_for_that_in_one_app";
const TIME_OF_HOOKS: &str = "a_hook_has_the_time_that_is_set_for_its_plugin_or_for_that_in_its_app";
const TIME_OF_REQUESTS: &str = "a_request_may_take_as_long_as_the_operator_says_and_less_where_the_plugin_says_so";
const TIME_OF_WECHAT: &str = "an_answer_that_is_endless_or_late_costs_the_guest_no_more_than_that";
const OPEN_ORDERS: &str = "of_orders_that_wechat_pay_does_not_know_plugins_create_so_many_and_no_more";
const LOG_LINES: &str = "what_is_logged_and_what_is_printed_are_lines_of_one_limit_and_what_is_dropped_is_not_counted";
const PRINTED: &str = "of_what_is_printed_so_much_is_logged_and_of_a_line_so_much";

/// Whether there is such a test in the file, and it names the limit itself.
fn is_tested(limit: &str, file: &str, test: &str) -> bool {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(file)).unwrap();
    let Some((before, rest)) = text.split_once(&format!(" fn {test}() {{\n")) else { return false };
    let attributes = before.rsplit("\n\n").next().unwrap();
    let body = rest.split("\n}\n").next().unwrap();
    let is_of_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let is_named = body.split(|letter: char| !is_of_word(letter)).any(|word| word == limit);
    attributes.contains("#[tokio::test") && is_named
}

/// The limits that are exceeded where they are said to be.
fn tested_elsewhere() -> Vec<&'static str> {
    let tested = ELSEWHERE.iter().filter(|(limit, file, test)| is_tested(limit, file, test));
    tested.map(|(limit, ..)| *limit).collect()
}

/// A limit, its value, what the guest does, and its answer, or why there is none: another than without that limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_limit_ends_what_exceeds_it() {
    let (app, shop, _) = server().await;
    // Almost the one MiB that there may be later.
    let filler = KvWrite { key: "filler", value: &vec![0; (1 << 20) - 4096], ttl_seconds: None };
    let quota = KvQuota { max_value_bytes: 1 << 20, max_keys: 1, max_total_bytes: 1 << 20 };
    app.state.store.plugin_kv().set("shop", "guest", filler, &quota).await.unwrap();
    let mut tested = tested_elsewhere();
    for (limit, value, text, answer, why) in [
        ("call_timeout_ms", 300, "nap 2000", None, "(plugins.call_timeout_ms)"),
        ("cpu_ms", 30, "hostcall-loop", None, " 30 ms of CPU"),
        ("memory_mib", 4, "hold 8 MiB for 0 ms", None, "memory beyond plugins.memory_mib was refused"),
        ("core_instances", 1, "ok", None, "instance count too high at 2 (plugins.core_instances)"),
        ("host_call_kib", 64, "long-reply", None, "(plugins.host_call_kib)"),
        ("reply_kib", 1, "big-reply", None, "it has 8192 bytes and may have 1024"),
        ("database_calls", 3, "kv-flood", Some("3 written, then"), ""),
        ("kv_value_kib", 4, "kv-big", Some("a value has at most 4096 bytes"), ""),
        ("kv_keys", 3, "kv-keys", Some("at most 3 keys"), ""),
        ("kv_total_mib", 1, "kv-big", Some("at most 1048576 bytes may be kept"), ""),
        ("outbound_calls", 0, "http", Some("0 times outside"), ""),
        ("request_kib", 1, "http-big", Some("at most 1024 bytes"), ""),
    ] {
        tested.push(limit);
        let limits = json!({(limit): value});
        set(&app, "shop", json!({"kv": true, "http_hosts": ["https://example.com"], "limits": limits})).await;
        let answered = ask(&shop, text).await;
        if let Some(answer) = answer {
            assert!(answered.as_deref().is_some_and(|text| text.contains(answer)), "{limit} {answered:?}");
        } else {
            assert_eq!(answered, None, "{limit}");
            assert!(last_error(&app).await.contains(why), "{limit} {}", last_error(&app).await);
        }
        set(&app, "shop", json!({})).await;
        assert_eq!(ask(&shop, "ok").await.as_deref(), Some("ok"));
    }
    for limit in LIMITS {
        assert!(tested.contains(&limit.name), "no test exceeds {}", limit.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_and_tables_grow_to_their_limit_and_no_further() {
    let app = TestApp::start().await;
    let shop = app.account("shop", EncodingMode::Plain, "guest").await;
    for (plugin, limits, grown) in [
        (GROWS_MEMORY, json!({}), "1024"),
        (GROWS_MEMORY, json!({"memory_mib": 8}), "128"),
        (GROWS_TABLES, json!({}), "19001"),
        (GROWS_TABLES, json!({"table_elements": 5000}), "4001"),
    ] {
        app.drop_plugin("guest", &plugin.bytes()).await;
        set(&app, "shop", json!({"limits": limits})).await;
        assert_eq!(ask(&shop, "hello").await.as_deref(), Some(grown), "{limits}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_that_was_asked_for_beyond_a_memorys_own_maximum_is_not_counted() {
    // 56 MiB of the 64 that it may have, where its own maximum is less; then as much as there is.
    let asks_in_vain = HandMade {
        handle: "(drop (memory.grow (i32.const 900)))
            (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (call $tell (memory.size))",
        most_pages: Some(600),
        ..HandMade::PLAIN
    };
    let app = TestApp::start().await;
    let shop = app.account("shop", EncodingMode::Plain, "guest").await;
    app.drop_plugin("guest", &asks_in_vain.bytes()).await;
    assert_eq!(ask(&shop, "hello").await.as_deref(), Some("592"), "all of 600 pages, sixteen at a time");
}

/// The component with more core modules beside its own one, and an instance of each: a table of so many elements.
fn with_tables(component: &HandMade, elements: &[u64]) -> Vec<u8> {
    let mut bytes = component.bytes();
    for (module_index, minimum) in (1..).zip(elements) {
        let mut tables = TableSection::new();
        tables.table(TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: *minimum,
            maximum: None,
            shared: false,
        });
        let mut module = Module::new();
        module.section(&tables);
        ModuleSection(&module).append_to_component(&mut bytes);
        let mut instances = InstanceSection::new();
        instances.instantiate(module_index, std::iter::empty::<(&str, ModuleArg)>());
        instances.append_to_component(&mut bytes);
    }
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tables_of_all_core_modules_count_together() {
    let app = TestApp::start().await;
    let shop = app.account("shop", EncodingMode::Plain, "guest").await;
    app.drop_plugin("guest", &with_tables(&GROWS_TABLES, &[8000, 8000])).await;
    // One thousand at a time, of what the others leave.
    for (most, grown) in [(20_000, "3001"), (18_000, "1001")] {
        set(&app, "shop", json!({"limits": {"table_elements": most}})).await;
        assert_eq!(ask(&shop, "hello").await.as_deref(), Some(grown), "of {most}");
    }
    set(&app, "shop", json!({"limits": {"table_elements": 15_000}})).await;
    assert_eq!(ask(&shop, "hello").await, None, "each alone would have room");
    let why = "exceeds table limits (plugins.table_elements)";
    assert!(last_error(&app).await.contains(why), "{}", last_error(&app).await);

    let (status, problem) = app.upload("guest", with_tables(&GROWS_TABLES, &[8000, 8000, 8000])).await;
    let detail = problem["detail"].as_str().unwrap();
    assert!(status == 422 && detail.contains(why), "{problem}");
}

/// What each line says that was logged for `shop`, oldest first.
async fn logged(app: &TestApp) -> Vec<String> {
    app.logged("apps/shop").await.iter().map(|line| line["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_what_is_printed_so_much_is_logged_and_of_a_line_so_much() {
    let (app, shop, _) = server().await;
    let mut before = 0;
    for (limits, lengths, cut) in [
        (json!({}), vec![1023_usize; 4], None),
        (
            json!({"output_kib": 2}),
            vec![1023; 2],
            Some("more than 2 KiB were printed in one call (plugins.output_kib)"),
        ),
        (json!({"output_kib": 0}), vec![], Some("more than 0 KiB were printed in one call (plugins.output_kib)")),
        (json!({"log_line_bytes": 100}), vec![100; 4], None),
        (json!({"log_lines": 3}), vec![1023; 3], Some("more than 3 lines in one call")),
    ] {
        set(&app, "shop", json!({"limits": limits})).await;
        assert_eq!(ask(&shop, "print").await.as_deref(), Some("printed"));
        let lines = logged(&app).await;
        let (printed, told): (Vec<_>, Vec<_>) = lines[before..].iter().partition(|line| line.starts_with('x'));
        assert_eq!(printed.iter().map(|line| line.len()).collect::<Vec<_>>(), lengths, "{limits}");
        assert_eq!(told.len(), cut.iter().len(), "{limits}: {told:?}");
        assert!(told.iter().zip(cut).all(|(told, cut)| told.starts_with(cut)), "{limits}: {told:?}");
        before = lines.len();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_logged_and_what_is_printed_are_lines_of_one_limit_and_what_is_dropped_is_not_counted() {
    let (app, shop, _) = server().await;
    set(&app, "shop", json!({"limits": {"log_lines": 3}})).await;
    assert_eq!(ask(&shop, "print, then log").await.as_deref(), Some("logged"));
    let printed = "x".repeat(1023);
    let expected = ["first", "second", &*printed, "more than 3 lines in one call: the rest is dropped"];
    assert_eq!(logged(&app).await, expected);
    assert_eq!(plugin(&app, "guest").await["calls"]["entries"][0]["log_lines"], 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_processes_see_limits_within_moments() {
    on_postgres(async |database| {
        let url = Some(database.url.clone());
        let one = TestApp::start_with(|config| config.database_url.clone_from(&url)).await;
        let two = one.beside().await;
        for app in [&one, &two] {
            app.drop_plugin("guest", guests::misbehave().await).await;
        }
        limit(&one, json!({"cpu_ms": 123})).await;
        let began = Instant::now();
        until("the other process has the limit", async || {
            (plugin(&two, "guest").await["effective_limits"]["cpu_ms"] == 123).then_some(())
        })
        .await;
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        one.stop().await;
        two.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stack_is_set_for_the_process() {
    // Forty thousand calls within each other, 1 to 4 MiB of stack.
    let deep = HandMade {
        handle: "(drop (call $down (i32.const 40000))) i32.const 4096",
        more: "(func $down (param i32) (result i32) (if (result i32) (local.get 0)
            (then (i32.add (local.get 0) (call $down (i32.sub (local.get 0) (i32.const 1)))))
            (else (i32.const 0))))",
        ..HandMade::PLAIN
    };
    let data = tempfile::tempdir().unwrap();
    let compiled = || std::fs::read_dir(data.path().join("plugin-cache")).unwrap().count();
    for (stack_kib, goes_well) in [(512, false), (8192, true)] {
        let app = TestApp::start_with(|config| {
            data.path().clone_into(&mut config.data_dir);
            config.plugins.stack_kib = stack_kib;
        })
        .await;
        app.drop_plugin("guest", &deep.bytes()).await;
        let account = match app.api(Method::GET, "/apps/shop", None).await.0 {
            404 => app.account("shop", EncodingMode::Plain, "guest").await,
            _ => app.sender("shop", EncodingMode::Plain),
        };
        assert_eq!(ask(&account, "hello").await, None);
        let calls = plugin(&app, "guest").await["calls"].clone();
        assert_eq!((&calls["total"], &calls["failed"]), (&json!(1), &json!(u8::from(!goes_well))), "{calls}");
        assert_eq!(goes_well, !last_error(&app).await.contains("stack exhausted (plugins.stack_kib)"), "{calls}");
        assert_eq!(compiled(), 1, "what is compiled fits either");
        app.stop().await;
    }
}
