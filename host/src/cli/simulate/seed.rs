//! What a simulated WeChat begins with: from flags, and from a file.

use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use weft_wechat::api::menu::current_selfmenu_info::Selfmenu;

use crate::simulator::{
    pay::MerchantFields,
    wechat::{FaultFields, Wechat},
};

/// What it begins with.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Seed {
    /// The accounts.
    pub(super) accounts: Vec<Account>,
    /// The merchants of WeChat Pay.
    pub(super) merchants: Vec<MerchantFields>,
    /// The calls that go wrong.
    faults: Vec<FaultFields>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Account {
    appid: String,
    secret: String,
    /// How many followers with openids that are made up.
    users: u64,
    /// Followers by openid.
    followers: Vec<String>,
    tags: Vec<Tag>,
    /// As it was made in WeChat's console.
    menu: Option<Selfmenu>,
    templates: Vec<Template>,
    subscribe_templates: Vec<Template>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tag {
    name: String,
    #[serde(default)]
    openids: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Template {
    title: String,
    content: String,
    #[serde(default)]
    lasting: bool,
}

impl Seed {
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {0} · 无法读取 {0}", path.display()))?;
        let seed: Self = toml::from_str(&text).with_context(|| path.display().to_string())?;
        for account in &seed.accounts {
            anyhow::ensure!(
                !account.appid.is_empty(),
                "{}: an account has no appid · 有的账号没有 appid",
                path.display()
            );
        }
        for fault in &seed.faults {
            let right = fault.fault().is_some();
            anyhow::ensure!(
                right,
                "{}: a fault is a path and one thing that goes wrong · 一条故障由一个路径和一种错误组成",
                path.display()
            );
        }
        Ok(seed)
    }

    pub(super) fn add(&mut self, accounts: Vec<(String, String)>, users: u64, faults: Vec<FaultFields>) {
        let new = |(appid, secret)| Account { appid, secret, ..Account::default() };
        self.accounts.extend(accounts.into_iter().map(new));
        self.accounts.iter_mut().for_each(|account| account.users = account.users.max(users));
        self.faults.extend(faults);
    }

    /// Puts it there; tells what people have to know of it.
    pub(super) fn plant(&self, wechat: &Wechat) -> Vec<String> {
        let mut told = Vec::new();
        for account in &self.accounts {
            let appid = account.appid.as_str();
            wechat.add_account(appid, &account.secret);
            told.push(format!("account {appid}: {} followers · 粉丝", account.users + account.followers.len() as u64));
            wechat.follow_many(appid, 0..account.users);
            account.followers.iter().for_each(|openid| wechat.follow(appid, openid));
            for Tag { name, openids } in &account.tags {
                let id = wechat.add_tag(appid, name, openids.iter().cloned());
                told.push(format!("account {appid}: tag {id} {name} · 标签"));
            }
            if let Some(menu) = &account.menu {
                wechat.set_console_menu(appid, menu.clone());
            }
            for Template { title, content, .. } in &account.templates {
                let id = wechat.add_template(appid, title, content);
                told.push(format!("account {appid}: template {id} {title} · 模板"));
            }
            for Template { title, content, lasting } in &account.subscribe_templates {
                let id = wechat.add_subscribe_template(appid, title, content, *lasting);
                told.push(format!("account {appid}: subscribe template {id} {title} · 订阅消息模板"));
            }
        }
        for fields in &self.faults {
            if let Some(fault) = fields.fault() {
                wechat.fault(&fields.path, fault, fields.times.unwrap_or(1));
            }
        }
        told
    }
}

/// `APPID=SECRET`.
pub(super) fn account(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(appid, secret)| !appid.is_empty() && !secret.is_empty());
    parts
        .map(|(appid, secret)| (appid.to_owned(), secret.to_owned()))
        .ok_or_else(|| "write APPID=SECRET · 请写成 APPID=SECRET".to_owned())
}

/// `MCH_ID/APPID=API_KEY`.
pub(super) fn merchant(text: &str) -> Result<MerchantFields, String> {
    let parts = text.split_once('=').and_then(|(who, key)| Some((who.split_once('/')?, key)));
    let ((mch_id, appid), key) =
        parts.ok_or_else(|| "write MCH_ID/APPID=API_KEY · 请写成 MCH_ID/APPID=API_KEY".to_owned())?;
    let (mch_id, appid, api_key) = (mch_id.to_owned(), appid.to_owned(), Some(key.to_owned()));
    Ok(MerchantFields { mch_id, appid, api_key, ..MerchantFields::default() })
}

/// `PATH=WHAT`, perhaps with `*TIMES`.
pub(super) fn fault(text: &str) -> Result<FaultFields, String> {
    let wrong = || {
        "write PATH=ERRCODE, perhaps with *TIMES, or disconnect, html, status502, delay500 · 请写成 路径=错误码，可加 *次数；\
         错误码可换成 disconnect、html、status502、delay500"
            .to_owned()
    };
    let (path, what) = text.split_once('=').ok_or_else(wrong)?;
    let (what, times) = match what.split_once('*') {
        Some((what, times)) => (what, Some(times.parse().map_err(|_| wrong())?)),
        None => (what, None),
    };
    let mut fields = FaultFields { path: path.to_owned(), times, ..FaultFields::default() };
    match what {
        "disconnect" => fields.disconnect = true,
        "html" => fields.html = true,
        what => {
            if let Some(status) = what.strip_prefix("status") {
                fields.status = Some(status.parse().map_err(|_| wrong())?);
            } else if let Some(ms) = what.strip_prefix("delay") {
                fields.delay_ms = Some(ms.parse().map_err(|_| wrong())?);
            } else {
                fields.errcode = Some(what.parse().map_err(|_| wrong())?);
            }
        }
    }
    if fields.fault().is_some() { Ok(fields) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::wechat::Fault;

    #[test]
    fn faults_are_read_as_they_are_written() {
        let read = |text: &str| fault(text).map(|fields| (fields.fault(), fields.times));
        assert_eq!(read("/a/b=45009*3"), Ok((Some(Fault::Errcode(45009)), Some(3))));
        assert_eq!(read("/a/b=-1"), Ok((Some(Fault::Errcode(-1)), None)));
        assert_eq!(read("/a=disconnect"), Ok((Some(Fault::Disconnect), None)));
        assert_eq!(read("/a=status502"), Ok((Some(Fault::Status(502)), None)));
        assert_eq!(read("/a=delay500"), Ok((Some(Fault::Delay(std::time::Duration::from_millis(500))), None)));
        for wrong in ["", "/a", "a=1", "/a=x", "/a=1*x", "/a="] {
            assert!(fault(wrong).is_err(), "{wrong}");
        }
    }
}
