//! Settings: defaults, file, environment, flags, and what is said about wrong ones.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use weft::config::{Config, ConfigError, DatabaseUrl, LogDurability, Overrides, Sources, key_names};

const EXAMPLE: &str = include_str!("../../weft.example.toml");

/// The settings of a folder whose weft.toml says `file`, with these variables and flags.
fn load(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = folder_with(file);
    Config::from_sources(&sources(&folder, environment, flags))
}

fn folder_with(file: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("weft.toml"), file).unwrap();
    folder
}

fn sources(folder: &TempDir, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Sources {
    let mut overrides = Overrides::default();
    for (key, value) in flags {
        overrides.set(key, Some(*value));
    }
    Sources {
        folder: folder.path().to_owned(),
        path: None,
        environment: environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        overrides,
    }
}

fn message(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> String {
    load(file, environment, flags).expect_err("refused").to_string()
}

#[test]
fn without_any_source_the_defaults_hold() {
    let config = Config::from_sources(&Sources { folder: tempfile::tempdir().unwrap().keep(), ..Sources::default() });
    let config = config.unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.listen.to_string(), "127.0.0.1:8000");
    assert_eq!(config.admin_listen, None);
    assert_eq!(config.public_url, "http://127.0.0.1:8000");
    assert_eq!(config.data_dir, PathBuf::from("./data"));
    assert_eq!(config.database().to_string(), "sqlite://./data/weft.db");
    assert_eq!(config.redis_url, None);
    assert_eq!(config.plugins_dir, PathBuf::from("./plugins"));
    assert_eq!(config.secret_key, None);
    let webhook = config.webhook;
    assert_eq!((webhook.message_time_offset, webhook.reject_replays, webhook.reply_deadline_ms), (180, true, 4500));
    assert_eq!((webhook.log_durability, webhook.log_retention_days), (LogDurability::Behind, 180));
    let plugins = config.plugins;
    let limits = plugins.limits;
    assert_eq!((limits.call_timeout_ms, limits.rule_timeout_ms, limits.hook_timeout_ms), (14_000, 1000, 30_000));
    assert_eq!((limits.cpu_ms, limits.memory_mib, limits.max_concurrency), (1000, 64, 64));
    assert_eq!((limits.max_file_mib, plugins.total_memory_mib), (32, None));
    assert_eq!((plugins.compile_timeout_ms, plugins.compile_memory_mib), (30_000, None));
    assert_eq!(config.wechat.api_base, "https://api.weixin.qq.com");
    assert_eq!(config.wechat.open_base, "https://open.weixin.qq.com");
    assert_eq!((config.wechat.mp_base.as_str(), config.wechat.proxy), ("https://mp.weixin.qq.com", None));
    assert_eq!(config.pay.api_base, "https://api.mch.weixin.qq.com");
    assert!(!config.admin.allow_insecure_http);
}

#[test]
fn the_example_lists_every_key_with_its_default() {
    assert_eq!(load(EXAMPLE, &[], &[]).unwrap(), Config::default());
    let mut section = String::new();
    let mut listed = Vec::new();
    for line in EXAMPLE.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = format!("{name}.");
        }
        let line = line.strip_prefix("# ").unwrap_or(line);
        if let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| !key.contains(' ')) {
            listed.push(format!("{section}{key}"));
        }
    }
    let known: Vec<_> = key_names().collect();
    assert_eq!(listed, known);
}

#[test]
fn the_example_stays_right_when_its_optional_lines_are_taken_in() {
    let optional = |line: &str| {
        line.strip_prefix("# ").is_some_and(|line| line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')))
    };
    let lines = EXAMPLE.lines().map(|line| if optional(line) { &line[2..] } else { line });
    let config = load(&lines.collect::<Vec<_>>().join("\n"), &[], &[]).unwrap();
    assert!(config.admin_listen.is_some() && config.redis_url.is_some() && config.secret_key.is_some());
    assert!(config.wechat.proxy.is_some());
    assert_eq!(config.database_url, Some(DatabaseUrl::Sqlite("./data/weft.db".into())));
}

#[test]
fn flags_override_the_environment_which_overrides_the_file() {
    let file = "listen = \"127.0.0.1:1\"\npublic_url = \"http://file\"\n[plugins]\ncpu_ms = 1\nmemory_mib = 11\n";
    let environment =
        [("WEFT_LISTEN", "127.0.0.1:2"), ("WEFT_PLUGINS__CPU_MS", "2"), ("WEFT_WEBHOOK__REJECT_REPLAYS", "false")];
    let config = load(file, &environment, &[("listen", "127.0.0.1:3")]).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.plugins.limits.cpu_ms, 2);
    assert_eq!(config.plugins.limits.memory_mib, 11);
    assert_eq!(config.public_url, "http://file");
    assert!(!config.webhook.reject_replays);
    assert_eq!(config.plugins.limits.call_timeout_ms, 14_000);
}

#[test]
fn without_a_public_url_it_is_where_the_server_listens() {
    for (listen, url) in [
        ("127.0.0.1:8200", "http://127.0.0.1:8200"),
        ("0.0.0.0:8200", "http://127.0.0.1:8200"),
        ("[::]:8200", "http://[::1]:8200"),
        ("10.0.0.7:80", "http://10.0.0.7:80"),
        ("127.0.0.1:0", "http://127.0.0.1:8000"),
    ] {
        let config = load("", &[], &[("listen", listen)]).unwrap();
        assert_eq!((config.public_url.as_str(), config.unreachable().is_some()), (url, listen != "10.0.0.7:80"));
    }
    for (url, is_local) in [("http://localhost:8000", true), ("https://wx.example.com", false)] {
        let config = load(&format!("public_url = \"{url}\"\nlisten = \"127.0.0.1:8200\""), &[], &[]).unwrap();
        assert_eq!((config.public_url.as_str(), config.unreachable().is_some()), (url, is_local));
    }
}

#[test]
fn a_named_file_must_exist_and_comes_before_the_usual_one() {
    let folder = folder_with("public_url = \"http://usual\"");
    fs::write(folder.path().join("other.toml"), "public_url = \"http://other\"").unwrap();
    let other = folder.path().join("other.toml");
    let missing = folder.path().join("missing.toml");

    let by_variable = sources(&folder, &[("WEFT_CONFIG", other.to_str().unwrap())], &[]);
    assert_eq!(Config::from_sources(&by_variable).unwrap().public_url, "http://other");
    let by_flag = Sources { path: Some(other.clone()), ..sources(&folder, &[("WEFT_CONFIG", "/nowhere")], &[]) };
    assert_eq!(Config::from_sources(&by_flag).unwrap().public_url, "http://other");
    assert_eq!(Config::from_sources(&sources(&folder, &[], &[])).unwrap().public_url, "http://usual");

    let by_variable = sources(&folder, &[("WEFT_CONFIG", missing.to_str().unwrap())], &[]);
    let by_flag = Sources { path: Some(missing.clone()), ..sources(&folder, &[], &[]) };
    for sources in [by_variable, by_flag] {
        let error = Config::from_sources(&sources).unwrap_err();
        assert!(matches!(&error, ConfigError::Missing { path } if *path == missing), "{error}");
    }
}

#[test]
fn the_process_is_a_source_too() {
    let folder = folder_with("public_url = \"http://file\"");
    let config = Config::load(Some(&folder.path().join("weft.toml")), Overrides::default()).unwrap();
    assert_eq!(config.public_url, "http://file");
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_nearest_key() {
    for (file, key, near) in [
        ("lisen = \"127.0.0.1:1\"", "lisen", "listen"),
        ("[plugins]\nmemory_mb = 1", "plugins.memory_mb", "plugins.memory_mib"),
        ("[webhook]\nmemory_mib = 64", "webhook.memory_mib", "plugins.memory_mib"),
        ("reply_deadline_ms = 64", "reply_deadline_ms", "webhook.reply_deadline_ms"),
        ("zzz = 1", "zzz", "weft.example.toml"),
    ] {
        let folder = folder_with(file);
        let error = Config::from_sources(&sources(&folder, &[], &[])).unwrap_err().to_string();
        let place = format!("{}: {key} is not a key", folder.path().join("weft.toml").display());
        assert!(error.starts_with(&place) && error.contains(near), "{error}");
    }
    assert!(message("[plugin]\ncpu_ms = 1", &[], &[]).contains("[plugin] is not a section; did you mean [plugins]?"));
    assert!(message("[jobs]", &[], &[]).contains("weft.example.toml"));
    assert_eq!(
        message("", &[("WEFT_PLUGINS__CPU", "1")], &[]),
        "environment variable WEFT_PLUGINS__CPU: plugins.cpu is not a key; did you mean WEFT_PLUGINS__CPU_MS? · 没有这个设置项，是否应为 WEFT_PLUGINS__CPU_MS？"
    );
    assert_eq!(
        message("", &[], &[("data_dri", "x")]),
        "flag --data-dri: data_dri is not a key; did you mean data_dir? · 没有这个设置项，是否应为 data_dir？"
    );
}

#[test]
fn a_bad_value_is_refused_with_what_would_be_right() {
    for (key, value, right) in [
        ("listen", "\"localhost\"", "127.0.0.1:8000"),
        ("listen", "8000", "an IP address and a port"),
        ("admin_listen", "\"127.0.0.1\"", "an IP address and a port"),
        ("public_url", "\"https://example.com/\"", "without a slash at the end"),
        ("public_url", "\"example.com\"", "an http or https URL"),
        ("public_url", "\"ftp://example.com\"", "an http or https URL"),
        ("public_url", "\"https://\"", "an http or https URL"),
        ("public_url", "\"https://example.com?a\"", "an http or https URL"),
        ("data_dir", "\"\"", "the path of a folder"),
        ("database_url", "\"mysql://localhost\"", "postgres://"),
        ("database_url", "\"sqlite::memory:\"", "sqlite://path"),
        ("database_url", "\"sqlite://\"", "sqlite://path"),
        ("database_url", "\"postgres://localhost:port\"", "postgres://"),
        ("redis_url", "\"localhost\"", "redis://"),
        ("secret_key", "\"00\"", "64 hexadecimal digits"),
        ("webhook.message_time_offset", "0", "from 1 to 86400; found 0"),
        ("webhook.reject_replays", "\"yes\"", "true or false; found \"yes\""),
        ("webhook.reply_deadline_ms", "5000", "from 100 to 4900; found 5000"),
        ("webhook.reply_deadline_ms", "99", "from 100 to 4900; found 99"),
        ("webhook.log_durability", "\"always\"", "\"behind\" or \"commit\"; found \"always\""),
        ("webhook.log_durability", "true", "\"behind\" or \"commit\"; found true"),
        ("webhook.log_retention_days", "-1", "from 0 to 36500; found -1"),
        ("plugins.call_timeout_ms", "9", "a whole number"),
        ("plugins.rule_timeout_ms", "1.5", "a whole number"),
        ("plugins.hook_timeout_ms", "-1", "a whole number"),
        ("plugins.cpu_ms", "0", "a whole number from 1 to 60000; found 0"),
        ("plugins.cpu_ms", "60001", "a whole number from 1 to 60000; found 60001"),
        ("plugins.cpu_ms", "[1]", "a whole number"),
        ("plugins.memory_mib", "1", "from 2 to 4096; found 1"),
        ("plugins.memory_mib", "4097", "from 2 to 4096; found 4097"),
        ("plugins.memory_mib", "\"64\"", "from 2 to 4096; found \"64\""),
        ("plugins.max_concurrency", "257", "from 1 to 256"),
        ("plugins.max_file_mib", "0", "a whole number"),
        ("wechat.api_base", "\"api.weixin.qq.com\"", "an http or https URL"),
        ("pay.api_base", "1", "an http or https URL"),
        ("admin.allow_insecure_http", "1", "true or false; found 1"),
    ] {
        let error = message(&format!("{key} = {value}"), &[], &[]);
        assert!(error.contains(&format!("weft.toml: {key} must be")) && error.contains(right), "{error}");
        let (_, chinese) = error.split_once(" · 应为：").unwrap();
        assert!(!chinese.contains(" or "), "{error}");
    }
    assert_eq!(
        message("", &[("WEFT_PLUGINS__MEMORY_MIB", "1")], &[]),
        "environment variable WEFT_PLUGINS__MEMORY_MIB: plugins.memory_mib must be a whole number from 2 to 4096; found 1 · 应为：2 到 4096 之间的整数；现为 1"
    );
    assert!(message("", &[], &[("plugins.cpu_ms", "a")]).starts_with("flag --plugins-cpu-ms: plugins.cpu_ms must be"));
    assert!(message("plugins = 1", &[], &[]).contains("plugins is a section: write [plugins]"));
}

#[test]
fn the_ends_of_the_ranges_are_allowed() {
    for (key, values) in [
        ("webhook.reply_deadline_ms", ["100", "4900"]),
        ("webhook.log_durability", ["\"behind\"", "\"commit\""]),
        ("webhook.log_retention_days", ["0", "36500"]),
        ("plugins.cpu_ms", ["1", "60000"]),
        ("plugins.memory_mib", ["2", "4096"]),
        ("plugins.max_concurrency", ["1", "256"]),
        ("public_url", ["\"https://example.com/base\"", "\"http://[::1]:8000\""]),
        ("database_url", ["\"sqlite:///var/lib/weft.db\"", "\"postgresql://u@h/d?sslmode=require\""]),
    ] {
        for value in values {
            assert!(load(&format!("{key} = {value}"), &[], &[]).is_ok(), "{key} = {value}");
        }
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let error = message("lisen = 1\n[plugins]\ncpu_ms = 0", &[("WEFT_LISTEN", "x")], &[("public_url", "y")]);
    assert_eq!(error.lines().count(), 4, "{error}");
}

#[test]
fn variables_that_are_no_settings_do_no_harm() {
    let environment = [
        ("WEFT_LOG", "debug"),
        ("WEFT_TEST_POSTGRES_URL", "postgres://localhost"),
        ("WEFT_REDIS_URL", ""),
        ("WEFT_CONFIG", ""),
        ("HOME", "/root"),
        // What Kubernetes sets for services named weft and weft-admin.
        ("WEFT_SERVICE_HOST", "10.0.0.1"),
        ("WEFT_SERVICE_PORT", "80"),
        ("WEFT_SERVICE_PORT_HTTP", "80"),
        ("WEFT_PORT", "tcp://10.0.0.1:80"),
        ("WEFT_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("WEFT_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("WEFT_ADMIN_SERVICE_HOST", "10.0.0.2"),
        ("WEFT_ADMIN_PORT_80_TCP_PROTO", "tcp"),
    ];
    assert_eq!(load("", &environment, &[]).unwrap(), Config::default());
}

#[test]
fn what_the_logging_would_not_understand_is_refused() {
    for (variable, value) in [
        ("WEFT_LOG", "blah"),
        ("WEFT_LOG", "weft=loud"),
        ("WEFT_LOG", "weft=debug,blah"),
        ("WEFT_LOG_FORMAT", "yaml"),
        ("WEFT_LOG_FORMAT", "JSON"),
    ] {
        let error = message("", &[(variable, value)], &[]);
        let (place, found) = (format!("environment: {variable} must be "), format!("; found \"{value}\""));
        assert!(error.starts_with(&place) && error.contains(&found), "{error}");
    }
    for (variable, value) in [
        ("WEFT_LOG", "warn"),
        ("WEFT_LOG", "INFO,weft=debug,sqlx=off"),
        ("WEFT_LOG", "weft[request]=debug"),
        ("WEFT_LOG", ""),
        ("WEFT_LOG_FORMAT", "text"),
        ("WEFT_LOG_FORMAT", "json"),
    ] {
        assert_eq!(load("", &[(variable, value)], &[]).unwrap(), Config::default(), "{variable}={value}");
    }
}

#[test]
fn digits_in_a_variable_stay_a_text_where_a_text_belongs() {
    let digits = "1".repeat(64);
    let config = load("", &[("WEFT_SECRET_KEY", &digits), ("WEFT_DATA_DIR", "42")], &[]).unwrap();
    assert_eq!(config.secret_key.as_ref().unwrap().expose(), digits);
    assert_eq!(config.data_dir, PathBuf::from("42"));
    assert!(config.load_secret_key().is_ok());
}

#[test]
fn without_a_configured_key_one_is_made_in_the_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { data_dir: folder.path().join("data"), ..Config::default() };
    let key = config.load_secret_key().unwrap();
    assert!(folder.path().join("data/secret.key").exists());
    assert_eq!(config.load_secret_key().unwrap().derive("p"), key.derive("p"));
}

#[test]
fn broken_toml_is_told_by_its_line_without_repeating_it() {
    for file in ["listen = \"127.0.0.1:1\"\n\nsecret_key = \"hunter2", "a = 1\na = 2\n\nsecret_key = \"hunter2\""] {
        let folder = folder_with(file);
        let error = Config::from_sources(&sources(&folder, &[], &[])).unwrap_err();
        let ConfigError::Syntax { path, line, .. } = &error else { panic!("{error}") };
        assert_eq!(*path, folder.path().join("weft.toml"));
        assert_eq!(*line, if file.starts_with('a') { 2 } else { 3 });
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn a_text_without_quotes_is_told_that_it_needs_them() {
    for (file, is_told) in [
        ("data_dir = ./data", true),
        ("listen = 127.0.0.1:8000", true),
        ("listen = \"127.0.0.1:1", false),
        ("a = 1\na = 2", false),
    ] {
        let folder = folder_with(file);
        let error = Config::from_sources(&sources(&folder, &[], &[])).unwrap_err().to_string();
        assert_eq!(error.contains("a text stands in quotes"), is_told, "{error}");
    }
}

#[test]
fn secrets_show_neither_in_debug_nor_in_errors() {
    let key = format!("{}aa", "5ec2e7".repeat(10)) + "55";
    let file = format!(
        "secret_key = \"{key}\"\ndatabase_url = \"postgres://weft:hunter2@db.example.com/weft\"\nredis_url = \"redis://:hunter2@cache\""
    );
    let config = load(&file, &[], &[]).unwrap();
    let shown = format!("{config:?} {}", config.database());
    assert!(shown.contains("postgres://weft@db.example.com:5432/weft"), "{shown}");
    assert!(!shown.contains("hunter2") && !shown.contains("5ec2e7"), "{shown}");

    for (name, value) in [
        ("secret_key", "hunter2"),
        ("database_url", "postgres://weft:hunter2@db:port/weft"),
        ("database_url", "mysql://weft:hunter2@db/weft"),
        ("redis_url", "http://:hunter2@cache"),
        ("public_url", "https://me:hunter2@example.com"),
    ] {
        let variable = format!("WEFT_{}", name.to_uppercase());
        for error in [
            load(&format!("{name} = \"{value}\""), &[], &[]),
            load("", &[(&variable, value)], &[]),
            load("", &[], &[(name, value)]),
        ] {
            let error = error.expect_err(value);
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
