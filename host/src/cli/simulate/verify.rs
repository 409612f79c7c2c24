//! `weft simulate verify`

use clap::Args;
use serde_json::json;
use weft_wechat::account::EncodingMode;

use super::account::{AccountArgs, advised};
use crate::{
    cli::output::OutputArgs,
    simulator::{DeliverError, Sender, Settings, Verification},
};

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    account: AccountArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: VerifyArgs) -> anyhow::Result<()> {
    // The console signs with the token alone, whatever the account's encoding mode is.
    let AccountArgs { to: url, token, .. } = args.account;
    let settings = Settings {
        url: url.clone(),
        token,
        appid: String::new(),
        original_id: String::new(),
        mode: EncodingMode::Plain,
        key: None,
    };
    let verified = verify(settings).await.map_err(|error| advised(&url, &error))?;
    let (echostr, took_ms) = (verified.echostr, u64::try_from(verified.took.as_millis()).unwrap_or(u64::MAX));
    let view = json!({ "verified": true, "url": url, "echostr": echostr, "took_ms": took_ms });
    args.output.print(&view, || {
        format!(
            "sent echostr {echostr} to {url}, signed with the token\n\
             it came back after {took_ms} ms: WeChat's console takes this address · 验证通过，可以在微信后台提交"
        )
    })
}

async fn verify(settings: Settings) -> Result<Verification, DeliverError> {
    let sender = Sender::new(settings)?;
    Ok(sender.verify().await?)
}
