//! What the demo shows, scene by scene. Each makes sure that what it shows is so.

use std::{path::Path, time::Instant};

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use weft_wechat::{
    account::EncodingMode,
    api::{message::custom_send::CustomSend, user::info::UserProfile},
};

use super::{
    APPSECRET, OPENID, REPLY_DEADLINE_MS,
    api::{Api, until},
    payment,
    slow::SlowServer,
    step,
};
use crate::{
    bilingual::because,
    cli::output::say,
    plugins::build,
    simulator::{Exchange, Incoming, Sender, pay::PayGateway, wechat::Wechat},
};

/// The scene of the QR code by which the user comes.
const POSTER: &str = "poster-7";

/// What the scenes have in common.
pub(super) struct Stage<'a> {
    pub(super) api: Api,
    pub(super) wechat: &'a Wechat,
    pub(super) pay: &'a PayGateway,
    pub(super) plugins: &'a Path,
}

impl Stage<'_> {
    /// All scenes; `component` is the greeter, built from `source`, and `fulfilment` the plugin that hears of orders.
    pub(super) async fn show(&self, component: &Path, source: &Path, fulfilment: &Path) -> anyhow::Result<()> {
        step(&format!("the server listens on {} · 服务已启动", self.api.base()))?;
        let digest = self.drop_plugin("greeter", component).await?;
        let (plain, safe) = self.create_accounts().await?;
        let hello = Incoming::text(OPENID, "weft");
        let before = self.messages(&plain, &safe, &hello).await?;
        self.keyword(&plain).await?;
        self.several_replies(&plain).await?;
        self.late_reply(&plain).await?;
        self.users().await?;
        self.message_log().await?;
        payment::show(self, &plain, fulfilment).await?;
        self.change_plugin(source, &digest, &plain, (&hello, &before)).await
    }

    pub(super) async fn drop_plugin(&self, name: &str, component: &Path) -> anyhow::Result<String> {
        step(&format!("dropping {name}.wasm into the plugins folder · 放入 {name}.wasm"))?;
        let began = Instant::now();
        build::install(component, self.plugins).await?;
        let plugin = self.api.until(&format!("/plugins/{name}"), |plugin| plugin["digest"].is_string()).await?;
        say!("  ready after {} ms · 已加载", began.elapsed().as_millis())?;
        Ok(text(&plugin["digest"]))
    }

    async fn create_accounts(&self) -> anyhow::Result<(Sender, Sender)> {
        step("creating two accounts through the admin API, both answered by greeter · 通过管理接口创建两个账号")?;
        let plain = self.api.create("demo", EncodingMode::Plain).await?;
        let safe = self.api.create("demo-safe", EncodingMode::Safe).await?;
        for (name, account) in [("demo", &plain), ("demo-safe", &safe)] {
            let appid = format!("wx{name}");
            self.wechat.add_account(&appid, APPSECRET);
            self.wechat.add_user(&appid, follower());
            account.verify().await?;
            say!("  {name}: address verified · 服务器地址验证通过")?;
        }
        Ok((plain, safe))
    }

    /// Returns what `hello` was answered.
    async fn messages(&self, plain: &Sender, safe: &Sender, hello: &Incoming) -> anyhow::Result<String> {
        step("messages from a simulated user, through the real webhook · 模拟用户消息")?;
        exchange(plain, "subscribe by QR code · 扫码关注", &Incoming::subscribe(OPENID, Some(POSTER))).await?;
        let before = exchange(plain, "text · 文本", hello).await?;
        exchange(plain, "image · 图片", &Incoming::image(OPENID, "media-1")).await?;
        exchange(safe, "encrypted text · 加密文本", hello).await?;
        Ok(before)
    }

    async fn keyword(&self, account: &Sender) -> anyhow::Result<()> {
        step("a keyword rule, created through the admin API: rules come before the plugin · 关键词自动回复，先于插件")?;
        let answer = "9:00 – 18:00";
        self.create_handler(&json!({
            "name": "opening hours",
            "rules": [{"type": "contain", "pattern": "几点"}, {"type": "regex", "pattern": "(?i)\\bopen"}],
            "replies": [{"type": "text", "content": answer}],
        }))
        .await?;
        say!("  tried without sending anything (handlers/test) · 试一试，不发送：")?;
        for content in ["几点开门？", "weft"] {
            self.explain(content).await?;
        }
        let text =
            exchange(account, "text with the keyword · 含关键词的文本", &Incoming::text(OPENID, "几点开门？")).await?;
        ensure!(text == answer, "the rule did not answer: {text} · 自动回复没有生效");
        Ok(())
    }

    /// Prints which handler would answer a text, and why.
    async fn explain(&self, content: &str) -> anyhow::Result<()> {
        let trial = json!({"message": {"type": "text", "content": content}});
        let told = self.api.call(Method::POST, "/apps/demo/handlers/test", Some(&trial)).await?;
        for handler in told["handlers"].as_array().into_iter().flatten() {
            let outcome = outcome_in_chinese(&handler["outcome"]);
            say!("    {content} → {}: {} · {outcome}", text(&handler["name"]), text(&handler["why"]))?;
        }
        if told["matched"].is_null() {
            say!("    {content} → plugin {}: no rule matched · 规则都不匹配，由插件回复", text(&told["falls_to"]))?;
        }
        Ok(())
    }

    async fn several_replies(&self, account: &Sender) -> anyhow::Result<()> {
        step("two replies to one message: the first as a customer-service message · 多条回复，第一条以客服消息发送")?;
        self.create_handler(&json!({
            "name": "coupon",
            "strategy": "reply_all",
            "rules": [{"type": "equal", "pattern": "coupon"}],
            "replies": [
                {"type": "text", "content": "Here it comes … / 马上就来…"},
                {"type": "text", "content": "Your code / 优惠码：WEFT-7"},
            ],
        }))
        .await?;
        let before = self.wechat.sent("wxdemo").len();
        exchange(account, "text · 文本", &Incoming::text(OPENID, "coupon")).await?;
        self.arrived(before).await
    }

    async fn late_reply(&self, account: &Sender) -> anyhow::Result<()> {
        step(&format!(
            "a server that takes longer than WeChat waits (here {REPLY_DEADLINE_MS} ms) · 回复超时，改用客服消息发送"
        ))?;
        let slow = SlowServer::start("Your order is on its way / 您的订单正在配送").await?;
        let settings = json!({"late_reply": "customer_service", "forward_hosts": [slow.host]});
        self.api.call(Method::PATCH, "/apps/demo", Some(&settings)).await?;
        self.create_handler(&json!({
            "name": "order",
            // The server is gone after this scene.
            "ends": jiff::Timestamp::now() + jiff::SignedDuration::from_secs(30),
            "rules": [{"type": "equal", "pattern": "order"}],
            "replies": [{"type": "forward", "url": format!("http://{}/", slow.host)}],
        }))
        .await?;
        let before = self.wechat.sent("wxdemo").len();
        let sent =
            send(account, "text, forwarded to the slow server · 转发给较慢的服务器", &Incoming::text(OPENID, "order"))
                .await?;
        ensure!(sent.body == "success", "WeChat was not told in time: {} · 没有及时答复微信", sent.body);
        self.arrived(before).await
    }

    /// Prints the customer-service message behind the first `before`.
    async fn arrived(&self, before: usize) -> anyhow::Result<()> {
        let find = || self.wechat.sent("wxdemo").get(before).cloned();
        let sent = until("the customer-service message · 客服消息", find).await?;
        // As it is sent: every kind of message has its own fields.
        let sent: CustomSend = serde_json::from_value(sent)?;
        say!("  ⇠ customer-service message at WeChat · 微信收到的客服消息：{}", serde_json::to_string(&sent)?)?;
        Ok(())
    }

    async fn users(&self) -> anyhow::Result<()> {
        step("the user, noted before anything answered, looked up at WeChat in the background · 用户")?;
        let path = format!("/apps/demo/users/{OPENID}");
        let user = self.api.until(&path, |user| user["profile_fetched_at"].is_string()).await?;
        ensure!(
            user["subscribed"] == true && user["qr_scene"] == POSTER,
            "the follower is not known as one: {user} · 没有记下用户已关注"
        );
        let fields = ["openid", "subscribed", "subscribed_at", "qr_scene", "subscribe_scene", "remark"];
        for field in fields {
            say!("  {field:16} {}", text(&user[field]))?;
        }
        Ok(())
    }

    async fn message_log(&self) -> anyhow::Result<()> {
        step("the message log, newest first · 消息日志")?;
        let is_late = |entry: &Value| entry["via"] == "customer_service" && entry["handler"]["name"] == "order";
        let is_there = |log: &Value| log["items"].as_array().is_some_and(|entries| entries.iter().any(is_late));
        let log = self.api.until("/apps/demo/message-logs?limit=8", is_there).await?;
        for entry in log["items"].as_array().into_iter().flatten() {
            let arrow = if entry["direction"] == "in" { "→" } else { "←" };
            let how = entry["via"].as_str().map(|via| format!(" · {via}, {}", text(&entry["outcome"])));
            say!(
                "  {} {arrow} {} ({}{})",
                text(&entry["at"]),
                text(&entry["content"]),
                text(&entry["handler"]["name"]),
                how.unwrap_or_default()
            )?;
        }
        Ok(())
    }

    async fn change_plugin(
        &self,
        source: &Path,
        digest: &str,
        account: &Sender,
        (hello, before): (&Incoming, &str),
    ) -> anyhow::Result<()> {
        step("changing the plugin: the same source, built with the feature `formal` · 修改插件并重新编译")?;
        let changed = build::build(source, &["formal"]).await?;
        let began = Instant::now();
        build::install(&changed, self.plugins).await?;
        let is_new = |plugin: &Value| plugin["digest"].as_str().is_some_and(|other| other != digest);
        self.api.until("/plugins/greeter", is_new).await?;
        say!("  the new version answers after {} ms, without a restart · 无需重启", began.elapsed().as_millis())?;
        let after = exchange(account, "text · 文本", hello).await?;
        ensure!(before != after, "the changed plugin gives the old answer · 修改后的插件仍是原来的回复");
        Ok(())
    }

    pub(super) async fn create_handler(&self, handler: &Value) -> anyhow::Result<()> {
        self.api.call(Method::POST, "/apps/demo/handlers", Some(handler)).await?;
        for (name, arrow) in [("rules", "when · 当"), ("replies", "then · 则")] {
            say!("  {arrow} {}", handler[name])?;
        }
        Ok(())
    }
}

/// What the simulated WeChat tells of the user.
fn follower() -> UserProfile {
    UserProfile {
        openid: OPENID.to_owned(),
        subscribe: 1,
        subscribe_time: u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default(),
        subscribe_scene: "ADD_SCENE_QR_CODE".to_owned(),
        qr_scene_str: POSTER.to_owned(),
        remark: "a friend / 老朋友".to_owned(),
        ..UserProfile::default()
    }
}

/// Sends a message, prints both sides, and returns the reply's text.
pub(super) async fn exchange(account: &Sender, title: &str, incoming: &Incoming) -> anyhow::Result<String> {
    let exchange = send(account, title, incoming).await?;
    exchange.text().with_context(|| because(title, &format!("no text came back: {} · 没有收到文本回复", exchange.body)))
}

/// Sends a message and prints both sides.
async fn send(account: &Sender, title: &str, incoming: &Incoming) -> anyhow::Result<Exchange> {
    let exchange = account.send(incoming).await.with_context(|| title.to_owned())?;
    let sealed = exchange.body != exchange.reply && !exchange.reply.is_empty();
    say!("\n  ── {title}")?;
    say!("  → {}", exchange.sent)?;
    say!("  ← {}", if exchange.reply.is_empty() { &exchange.body } else { &exchange.reply })?;
    let mode = if sealed { "encrypted · 密文" } else { "plain · 明文" };
    say!("    {:.1} ms, {mode}", exchange.took.as_secs_f64() * 1e3)?;
    Ok(exchange)
}

/// What became of a handler when a message was tried; `why` says it in English.
fn outcome_in_chinese(outcome: &Value) -> &'static str {
    match outcome.as_str() {
        Some("matched") => "匹配",
        Some("no_rule_matched") => "不匹配",
        _ => "跳过",
    }
}

/// A value for people.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
