//! `/cgi-bin/template/…` and `/wxaapi/newtmpl/…`: the templates of an account.

use serde_json::{Value, json};
use weft_wechat::api::{newtmpl::gettemplate::SubscribeTemplate, template::get_all_private_template::PrivateTemplate};

use super::{
    Wechat,
    account::{Account, Answered, No, Reply, done, new_id, to_json},
    asked::Asked,
};

/// The most templates of each kind.
const MAX_TEMPLATES: usize = 25;

pub(super) const INVALID_TEMPLATE: No = No(40037, "invalid template_id");

/// The templates of an account.
#[derive(Default)]
pub(super) struct Templates {
    /// Of template messages.
    pub(super) private: Vec<PrivateTemplate>,
    /// Of subscribe messages.
    pub(super) subscribe: Vec<SubscribeTemplate>,
    /// WeChat's numbers of the two industries.
    industries: Option<(String, String)>,
}

impl Wechat {
    /// Adds a template of template messages, such as `{{first.DATA}}`; gives its id.
    pub fn add_template(&self, appid: &str, title: &str, content: &str) -> String {
        self.with(appid, |account, _| account.add_template(title, content))
    }

    /// Adds a template of subscribe messages, such as `{{thing1.DATA}}`; gives its id. Consents to a `lasting` one are
    /// not used up.
    pub fn add_subscribe_template(&self, appid: &str, title: &str, content: &str, lasting: bool) -> String {
        self.with(appid, |account, _| account.add_subscribe_template(title, content, lasting))
    }
}

impl Account {
    pub(super) fn add_template(&mut self, title: &str, content: &str) -> String {
        let template_id = new_id();
        self.templates.private.push(PrivateTemplate {
            template_id: template_id.clone(),
            title: title.to_owned(),
            primary_industry: "IT科技".to_owned(),
            deputy_industry: "互联网|电子商务".to_owned(),
            content: content.to_owned(),
            example: String::new(),
        });
        template_id
    }

    pub(super) fn add_subscribe_template(&mut self, title: &str, content: &str, lasting: bool) -> String {
        let template_id = new_id();
        self.templates.subscribe.push(SubscribeTemplate {
            template_id: template_id.clone(),
            title: title.to_owned(),
            content: content.to_owned(),
            example: String::new(),
            r#type: if lasting { 3 } else { 2 },
        });
        template_id
    }
}

pub(super) fn all_private(account: &Account) -> Reply {
    Reply::Json(json!({"template_list": to_json(&account.templates.private)}))
}

/// Whatever is asked for is in the library.
pub(super) fn add_private(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let short_id = asked.text("template_id_short");
    if short_id.is_empty() {
        return Err(No(40036, "invalid template_id size"));
    }
    if account.templates.private.len() >= MAX_TEMPLATES {
        return Err(No(45026, "template num exceeds limit"));
    }
    let keywords = asked.json["keyword_name_list"].as_array().map_or(2, |list| list.len().max(1));
    let lines: Vec<_> = (1..=keywords).map(|number| format!("{{{{keyword{number}.DATA}}}}")).collect();
    let content = format!("{{{{first.DATA}}}}\n{}\n{{{{remark.DATA}}}}", lines.join("\n"));
    let template_id = account.add_template(short_id, &content);
    Ok(Reply::Json(json!({"errcode": 0, "errmsg": "ok", "template_id": template_id})))
}

pub(super) fn delete_private(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let id = asked.text("template_id");
    let templates = &mut account.templates.private;
    let at = templates.iter().position(|template| template.template_id == id);
    templates.remove(at.ok_or(INVALID_TEMPLATE)?);
    Ok(done())
}

pub(super) fn set_industry(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let [first, second] = ["industry_id1", "industry_id2"].map(|name| asked.text(name).to_owned());
    let is_known = |id: &str| id.parse().is_ok_and(|number: u32| (1..=41).contains(&number));
    if !is_known(&first) || !is_known(&second) {
        return Err(No(40035, "invalid parameter"));
    }
    account.templates.industries = Some((first, second));
    Ok(done())
}

pub(super) fn industries(account: &Account) -> Reply {
    let told = |id: &str| json!({"first_class": format!("行业{id}"), "second_class": format!("细分{id}")});
    let (first, second) = match &account.templates.industries {
        Some((first, second)) => (told(first), told(second)),
        None => (Value::Null, Value::Null),
    };
    let mut answer = json!({"primary_industry": first, "secondary_industry": second});
    if let Some(fields) = answer.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    Reply::Json(answer)
}

pub(super) fn all_subscribe(account: &Account) -> Reply {
    Reply::Json(json!({"errcode": 0, "errmsg": "ok", "data": to_json(&account.templates.subscribe)}))
}

/// Whatever is asked for is in the library; each keyword is a `thing`.
pub(super) fn add_subscribe(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let tid = asked.text("tid");
    if tid.is_empty() {
        return Err(No(200_014, "invalid tid"));
    }
    let kids = asked.json["kidList"].as_array().filter(|kids| (2..=5).contains(&kids.len()));
    let kids = kids.ok_or(No(200_020, "invalid kidList"))?;
    let scene = asked.text("sceneDesc");
    if scene.is_empty() || scene.chars().count() > 15 {
        return Err(No(200_021, "invalid sceneDesc"));
    }
    if account.templates.subscribe.len() >= MAX_TEMPLATES {
        return Err(No(200_012, "template num exceeds limit"));
    }
    let lines: Vec<_> = kids.iter().map(|kid| format!("{{{{thing{kid}.DATA}}}}")).collect();
    let template_id = account.add_subscribe_template(scene, &lines.join("\n"), false);
    Ok(Reply::Json(json!({"errcode": 0, "errmsg": "ok", "priTmplId": template_id})))
}

pub(super) fn delete_subscribe(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let id = asked.text("priTmplId");
    let templates = &mut account.templates.subscribe;
    let at = templates.iter().position(|template| template.template_id == id);
    templates.remove(at.ok_or(INVALID_TEMPLATE)?);
    Ok(done())
}
