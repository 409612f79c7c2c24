//! `weft token create|list|revoke`

use clap::Subcommand;
use serde_json::json;

use super::{
    SettingsArgs,
    output::{OutputArgs, say, table},
};
use crate::{
    model::{AuditEntry, check_new_token},
    time,
};

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Create a token and print it, this once · 创建令牌，只显示这一次
    Create {
        /// For people · 令牌的名称，便于辨认
        #[arg(long)]
        name: String,
        /// `*`, `<app>` or `<app>|<permission>`; everything without;
        /// may be given more than once
        /// · 权限，默认为全部；可多次指定
        #[arg(long = "permission", value_name = "PERMISSION", default_value = "*", verbatim_doc_comment)]
        permissions: Vec<String>,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// List the tokens · 列出令牌
    List(OutputArgs),
    /// Revoke a token at once · 立即吊销令牌
    Revoke {
        /// Its id, as `weft token list` shows it · 令牌的 ID，见 `weft token list`
        id: String,
    },
}

pub(super) async fn run(settings: &SettingsArgs, command: TokenCommand) -> anyhow::Result<()> {
    let store = settings.store().await?;
    match command {
        TokenCommand::Create { name, permissions, output } => {
            super::refuse(&check_new_token(&name, &permissions))?;
            let (token, text) = store.tokens().create(&name, &permissions, None).await?;
            let after = json!({ "id": token.id, "name": token.name, "permissions": token.permissions });
            let mut view = after.clone();
            view["token"] = text.expose().into();
            super::record(&store, "create_token", AuditEntry { after: Some(after), ..AuditEntry::default() }).await?;
            output.print(&view, || text.expose().to_owned())?;
        }
        TokenCommand::List(output) => {
            let tokens = store.tokens().list().await?;
            let views: Vec<_> = tokens
                .iter()
                .map(|token| {
                    json!({
                        "id": token.id,
                        "name": token.name,
                        "permissions": token.permissions,
                        "created_at": time::rfc3339(token.created_at),
                        "last_used_at": token.last_used_at.map(time::rfc3339),
                        "expires_at": token.expires_at.map(time::rfc3339),
                    })
                })
                .collect();
            output.print(&views, || {
                let rows: Vec<_> = tokens
                    .iter()
                    .map(|token| {
                        let used = token.last_used_at.map_or_else(|| "never".to_owned(), time::rfc3339);
                        [token.id.clone(), token.name.clone(), token.permissions.join(" "), used]
                    })
                    .collect();
                table(["ID", "NAME", "PERMISSIONS", "LAST USED"], &rows)
            })?;
        }
        TokenCommand::Revoke { id } => {
            let before = store.tokens().list().await?.into_iter().find(|token| token.id == id);
            anyhow::ensure!(
                store.tokens().revoke(&id).await?,
                "there is no token `{id}`; `weft token list` lists them · 没有令牌 `{id}`，可用 `weft token list` 列出"
            );
            let before =
                before.map(|token| json!({ "id": token.id, "name": token.name, "permissions": token.permissions }));
            super::record(&store, "revoke_token", AuditEntry { before, ..AuditEntry::default() }).await?;
            say!("revoked · 已吊销")?;
        }
    }
    store.close().await;
    Ok(())
}
