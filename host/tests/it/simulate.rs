//! `weft simulate`, as a process.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::support::{AES_KEY, Inbox, TOKEN, client};

/// A simulated WeChat; killed when it is dropped.
struct Simulation {
    base: String,
    /// What it said of its accounts.
    told: Vec<String>,
    /// Where WeChat Pay is.
    pay: String,
    child: Child,
    client: Client,
}

impl Simulation {
    fn start(arguments: &[&str]) -> Self {
        let mut child = weft(&[&["simulate", "--listen", "127.0.0.1:0"], arguments].concat());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let first = lines.next().unwrap();
        let base = first.strip_prefix("WeChat's API · 微信接口：").unwrap().to_owned();
        let until_steering = lines.by_ref().take_while(|line| !line.contains("to steer it")).count();
        assert_eq!(until_steering, 1);
        let told = lines.by_ref().take(3).map(|line| line.trim().to_owned()).collect();
        let pay =
            lines.by_ref().find_map(|line| Some(line.strip_prefix("WeChat Pay · 微信支付：")?.to_owned())).unwrap();
        Self { base, told, pay, child, client: client() }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        self.call_at(&self.base, method, path, body).await
    }

    async fn call_at(&self, base: &str, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self.client.request(method, format!("{base}{path}"));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default())
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        // It may have ended before.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn weft(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_weft"))
        .args(arguments)
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs to the end: exit code, standard output and standard error.
async fn run(arguments: Vec<String>) -> (i32, String, String) {
    let output = tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        weft(&arguments).wait_with_output().unwrap()
    });
    let output = output.await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_come_from_a_file_and_faults_from_flags_and_from_outside() {
    let folder = tempfile::tempdir().unwrap();
    let seed = folder.path().join("seed.toml");
    let text = r#"
        [[accounts]]
        appid = "wx1"
        secret = "thesecret"
        followers = ["oAnna"]
        tags = [{ name = "vip", openids = ["oAnna"] }]
        templates = [{ title = "订单", content = "{{first.DATA}}" }]
        [accounts.menu]
        button = [{ type = "click", name = "m", key = "K" }]
    "#;
    std::fs::write(&seed, text).unwrap();
    let simulation = start(&seed);
    assert!(simulation.told[0].contains("account wx1: 4 followers"), "{:?}", simulation.told);
    assert!(simulation.told[1].ends_with(" vip · 标签"), "{:?}", simulation.told);
    assert!(simulation.told[2].ends_with(" 订单 · 模板"), "{:?}", simulation.told);
    let secret = json!({"grant_type": "client_credential", "appid": "wx1", "secret": "thesecret"});
    let (_, token) = simulation.call(Method::POST, "/cgi-bin/stable_token", Some(secret)).await;
    let token = token["access_token"].as_str().unwrap();
    let get = async |path: &str| simulation.call(Method::GET, &format!("{path}?access_token={token}"), None).await.1;
    assert_eq!(get("/cgi-bin/user/get").await["errcode"], 45009, "the planned fault");
    assert_eq!(get("/cgi-bin/user/get").await["total"], 4);
    assert_eq!(get("/cgi-bin/get_current_selfmenu_info").await["selfmenu_info"]["button"][0]["key"], "K");

    let fault = json!({"path": "/cgi-bin/tags/get", "errcode": -1});
    assert_eq!(simulation.call(Method::POST, "/simulator/faults", Some(fault)).await.0, 204);
    assert_eq!(get("/cgi-bin/tags/get").await["errcode"], -1);
    assert_eq!(get("/cgi-bin/tags/get").await["tags"][1]["name"], "vip");
    let nonsense = json!({"path": "/a", "errcode": 1, "status": 500});
    assert_eq!(simulation.call(Method::POST, "/simulator/faults", Some(nonsense)).await.0, 422);

    let (_, calls) = simulation.call(Method::GET, "/simulator/calls?path=/cgi-bin/user/get", None).await;
    assert_eq!((calls.as_array().unwrap().len(), &calls[0]["appid"]), (2, &json!("wx1")), "{calls}");
    assert!(!calls.to_string().contains(token), "{calls}");
    assert_eq!(simulation.call(Method::DELETE, "/simulator/calls", None).await.0, 204);
    assert_eq!(simulation.call(Method::GET, "/simulator/calls", None).await.1, json!([]));

    let merchant = json!({"mch_id": "1900000109", "appid": "wx1", "api_key": "0123456789abcdefghijklmnopqrstuv"});
    let steer = async |method, path: &str, body| simulation.call_at(&simulation.pay, method, path, body).await;
    assert_eq!(steer(Method::GET, "/simulator/pay/notifying", None).await.1["speed"], 60);
    assert_eq!(steer(Method::POST, "/simulator/pay/merchants", Some(merchant)).await.0, 204);
    assert_eq!(steer(Method::GET, "/pay/1900000109/T1", None).await.0, 404);

    let path = "/simulator/accounts/wx1/users/oBea";
    assert_eq!(simulation.call(Method::POST, path, Some(json!({"follow": true}))).await.0, 204);
    assert_eq!(get("/cgi-bin/user/get").await["total"], 5);
    let (status, account) = simulation.call(Method::GET, "/simulator/accounts/wx1", None).await;
    assert_eq!((status, &account["template_messages"]), (200, &json!([])), "{account}");
    assert_eq!(simulation.call(Method::GET, "/simulator/accounts/nobody", None).await.0, 404);
}

fn start(seed: &Path) -> Simulation {
    let seed = seed.to_str().unwrap();
    Simulation::start(&["--seed", seed, "--users", "3", "--fault", "/cgi-bin/user/get=45009*1"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_sent_from_the_command_line_and_from_outside() {
    let inbox = Inbox::start().await;
    inbox.account("shop", json!({"encoding_mode": "safe"})).await;
    inbox.handler("shop", "hello", json!({"replies": [{"type": "text", "content": "你好"}]})).await;
    let url = format!("{}/wechat/shop/", inbox.app.base);
    let arguments = |more: &[&str]| {
        let to = ["simulate", "message", "--to", &url, "--token", TOKEN];
        to.iter().chain(more).map(|text| (*text).to_owned()).collect::<Vec<_>>()
    };
    let with_key = ["--appid", "wxshop", "--encoding-aes-key", AES_KEY, "--text", "hello"];
    let (code, text, error) = run(arguments(&with_key)).await;
    assert_eq!((code, text.as_str()), (0, "你好"), "{error}");
    let (code, text, _) =
        run(arguments(&[&with_key[..4], &["--event", "CLICK", "--event-key", "K", "--json"]].concat())).await;
    let delivered: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &delivered["status"], &delivered["reply"]), (0, &json!(200), &json!("")), "{delivered}");
    // What is plain is refused by an account in safe mode.
    let (code, _, error) = run(arguments(&["--text", "hello"])).await;
    assert_eq!(code, 1);
    assert!(error.contains("status 400") && error.contains("`weft app show shop`"), "{error}");
    let only_key = ["--encoding-aes-key", AES_KEY, "--text", "hello"];
    let (code, _, error) = run(arguments(&only_key)).await;
    assert!(code == 1 && error.contains("WECHAT_ENCODING_AES_KEY): give --appid"), "{error}");
    let (_, _, error) = run(arguments(&[&only_key[..], &["--encoding-mode", "plain"]].concat())).await;
    assert!(error.contains("status 400"), "in plain no appid is needed: {error}");
    let (code, _, error) = run(arguments(&["--encoding-mode", "safe", "--text", "hello"])).await;
    assert!(code == 1 && error.contains("--encoding-mode safe needs --encoding-aes-key"), "{error}");

    let simulation = Simulation::start(&["--account", "wx1=s", "--account", "wx2=s", "--account", "wx3=s"]);
    let message = json!({"url": url, "token": TOKEN, "appid": "wxshop", "encoding_aes_key": AES_KEY, "text": "hello"});
    let (status, delivered) = simulation.call(Method::POST, "/simulator/messages", Some(message)).await;
    assert_eq!((status, &delivered["text"], &delivered["tries"]), (200, &json!("你好"), &json!(1)), "{delivered}");
    let (status, told) = simulation.call(Method::POST, "/simulator/messages", Some(json!({"url": url}))).await;
    assert_eq!(status, 502);
    assert!(told["error"].as_str().unwrap().contains("token"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_verified_from_the_command_line() {
    let inbox = Inbox::start().await;
    inbox.account("shop", json!({"encoding_mode": "safe"})).await;
    let base = &inbox.app.base;
    let url = format!("{base}/wechat/shop/");
    let verify = async |to: &str, token: &str, more: &[&str]| {
        let arguments = [&["simulate", "verify", "--to", to, "--token", token], more].concat();
        run(arguments.into_iter().map(str::to_owned).collect()).await
    };
    let (code, text, error) = verify(&url, TOKEN, &[]).await;
    assert_eq!(code, 0, "{error}");
    assert!(text.contains("sent echostr ") && text.contains(&url) && text.contains("it came back"), "{text}");
    // What `weft simulate message` needs of the account may stand there.
    let (code, text, error) = verify(&url, TOKEN, &["--encoding-aes-key", AES_KEY, "--json"]).await;
    assert_eq!(code, 0, "{error}");
    let verified: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&verified["verified"], &verified["url"]), (&json!(true), &json!(url)), "{verified}");

    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/wechat/shop/", listener.local_addr().unwrap())
    };
    for (to, token, told) in [
        (&url, "anothertoken", &["status 400: the token is not the app's", "`weft app show shop`"][..]),
        (&format!("{base}/wechat/nobody/"), TOKEN, &["status 404: there is no such app", "`weft app list`"][..]),
        (&format!("{base}/healthz"), TOKEN, &["another text came back than echostr"][..]),
        (&nobody, TOKEN, &["the host does not answer", "does `weft serve` run"][..]),
    ] {
        let (code, text, error) = verify(to, token, &[]).await;
        assert_eq!((code, text.as_str()), (1, ""), "{error}");
        assert!(told.iter().all(|told| error.contains(told)) && error.contains(to.as_str()), "{error}");
        assert!(!error.contains("signature="), "{error}");
    }
}
