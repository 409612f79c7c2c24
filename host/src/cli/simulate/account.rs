//! The account at WeChat that `weft simulate message` and `verify` play, and what to look at when its server refuses.

use clap::Args;
use weft_wechat::account::EncodingMode;

use crate::{
    bilingual::because,
    simulator::{DeliverError, Fault, MessageFields},
    storage::with_causes,
};

#[derive(Debug, Args)]
pub(super) struct AccountArgs {
    /// The webhook: the server's address, /wechat/, the app's name and / · 服务器地址（URL）
    #[arg(long, value_name = "URL")]
    pub(super) to: String,
    /// The account's token · 令牌（Token）
    #[arg(long, env = "WECHAT_TOKEN", hide_env_values = true)]
    pub(super) token: String,
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
}

impl AccountArgs {
    /// What a message of the account begins with.
    ///
    /// # Errors
    /// What is missing, by the names of flags and variables.
    pub(super) fn fields(self) -> anyhow::Result<MessageFields> {
        let Self { to, token, appid, encoding_aes_key, encoding_mode } = self;
        let is_plain = encoding_mode == Some(EncodingMode::Plain);
        anyhow::ensure!(
            is_plain || encoding_aes_key.is_none() || !appid.is_empty(),
            "an EncodingAESKey is set (--encoding-aes-key, or the variable WECHAT_ENCODING_AES_KEY): give --appid too, \
             which is part of what is encrypted, or unset the key to send in plain · 设置了消息加解密密钥（--encoding-aes-key \
             或变量 WECHAT_ENCODING_AES_KEY）：还需要 --appid，它是加密内容的一部分；要发明文就去掉密钥"
        );
        anyhow::ensure!(
            is_plain || encoding_mode.is_none() || encoding_aes_key.is_some(),
            "--encoding-mode {0} needs --encoding-aes-key, or the variable WECHAT_ENCODING_AES_KEY · --encoding-mode {0} \
             需要 --encoding-aes-key 或变量 WECHAT_ENCODING_AES_KEY",
            encoding_mode.unwrap_or_default()
        );
        Ok(MessageFields { url: to, token, appid, encoding_aes_key, encoding_mode, ..MessageFields::default() })
    }
}

/// Why nothing came of it at the webhook `url`, and what to look at.
pub(super) fn advised(url: &str, error: &DeliverError) -> anyhow::Error {
    let (url, why) = (without_query(url), with_causes(error));
    let name = url.trim_end_matches('/').rsplit_once("/wechat/").map_or("NAME", |(_, name)| name);
    let told = because(url, &why);
    let advice = match error {
        DeliverError::Fault(Fault::Connection(_)) => {
            "does `weft serve` run, and listen there? · `weft serve` 是否在运行，并监听这个地址？".to_owned()
        }
        DeliverError::Fault(Fault::Status(400) | Fault::Verification { status: 400, .. }) => format!(
            "`weft app show {name}` shows what the app has, and PATCH /api/v1/apps/{name} sets it · `weft app show \
             {name}` 显示账号的设置，PATCH /api/v1/apps/{name} 修改"
        ),
        DeliverError::Fault(Fault::Status(404) | Fault::Verification { status: 404, .. }) => {
            "`weft app list` shows the apps that there are · `weft app list` 列出已有的账号".to_owned()
        }
        DeliverError::Fault(_) => return anyhow::anyhow!(told),
        DeliverError::Fields(_) | DeliverError::Client(_) => return anyhow::anyhow!(why),
    };
    anyhow::anyhow!(because(&told, &advice))
}

fn without_query(url: &str) -> &str {
    url.split_once('?').map_or(url, |(address, _)| address)
}
