//! `weft simulate message`

use clap::Args;
use weft_wechat::account::EncodingMode;

use crate::{
    cli::output::OutputArgs,
    simulator::{MessageFields, deliver},
};

#[derive(Debug, Args)]
pub(super) struct MessageArgs {
    /// The webhook: the server's address, /wechat/, the app's name and / · 服务器地址（URL）
    #[arg(long, value_name = "URL")]
    to: String,
    /// The account's token · 令牌（Token）
    #[arg(long, env = "WECHAT_TOKEN", hide_env_values = true)]
    token: String,
    /// The account's appid; needed with a key · 开发者ID（AppID），有密钥时需要
    #[arg(long, default_value = "", hide_default_value = true)]
    appid: String,
    /// The account's EncodingAESKey · 消息加解密密钥
    #[arg(long, env = "WECHAT_ENCODING_AES_KEY", hide_env_values = true)]
    encoding_aes_key: Option<String>,
    /// plain, compatible or safe; safe with a key, plain without
    /// · 加解密方式：明文、兼容或安全模式；默认有密钥为安全模式，没有为明文模式
    #[arg(long, value_name = "MODE", verbatim_doc_comment)]
    encoding_mode: Option<EncodingMode>,
    /// Who writes · 发消息的用户
    #[arg(long, default_value = "oSimulated")]
    openid: String,
    /// A text · 文本消息
    #[arg(long)]
    text: Option<String>,
    /// An event, such as subscribe or CLICK · 事件，如 subscribe、CLICK
    #[arg(long)]
    event: Option<String>,
    /// The event's key · 事件的 key
    #[arg(long, value_name = "KEY", requires = "event")]
    event_key: Option<String>,
    /// The elements of any message from `MsgType` on · 任意消息的 XML，从 `MsgType` 开始
    #[arg(long)]
    xml: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: MessageArgs) -> anyhow::Result<()> {
    let fields = MessageFields {
        url: args.to,
        token: args.token,
        appid: args.appid,
        encoding_aes_key: args.encoding_aes_key,
        encoding_mode: args.encoding_mode,
        openid: Some(args.openid),
        text: args.text,
        event: args.event,
        event_key: args.event_key,
        xml: args.xml,
        original_id: None,
    };
    let delivered = deliver(&fields).await?;
    args.output.print(&delivered, || match (&delivered.text, delivered.reply.as_str()) {
        (Some(text), _) => text.clone(),
        (None, "") => format!("no reply ({} ms) · 没有回复", delivered.took_ms),
        (None, reply) => reply.to_owned(),
    })
}
