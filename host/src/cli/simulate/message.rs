//! `weft simulate message`

use clap::Args;

use super::account::{AccountArgs, advised};
use crate::{
    cli::output::OutputArgs,
    simulator::{MessageFields, deliver},
};

#[derive(Debug, Args)]
pub(super) struct MessageArgs {
    #[command(flatten)]
    account: AccountArgs,
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
    let url = args.account.to.clone();
    let fields = MessageFields {
        openid: Some(args.openid),
        text: args.text,
        event: args.event,
        event_key: args.event_key,
        xml: args.xml,
        ..args.account.fields()?
    };
    let delivered = deliver(&fields).await.map_err(|error| advised(&url, &error))?;
    args.output.print(&delivered, || match (&delivered.text, delivered.reply.as_str()) {
        (Some(text), _) => text.clone(),
        (None, "") => format!("no reply ({} ms) · 没有回复", delivered.took_ms),
        (None, reply) => reply.to_owned(),
    })
}
