//! The templates of an app between here and WeChat.

use weft_wechat::api::{
    newtmpl::{
        addtemplate::AddSubscribeTemplate,
        deltemplate::DelSubscribeTemplate,
        gettemplate::{GetSubscribeTemplates, SubscribeTemplate},
    },
    template::{
        api_add_template::AddTemplate,
        api_set_industry::SetIndustry,
        del_private_template::DelPrivateTemplate,
        get_all_private_template::{GetAllPrivateTemplate, PrivateTemplate},
        get_industry::{GetIndustry, Industries},
    },
};

use crate::{
    bilingual::because,
    model::{App, AppType, Template, TemplateKind},
    storage::{Store, StoreError, TemplateSync},
    upstream::{CallError, Wechat},
};

/// WeChat's code for a template that the account does not have.
const NO_SUCH_TEMPLATE: i64 = 40037;

/// Reads and writes the templates at WeChat.
#[derive(Clone)]
pub struct Templates {
    store: Store,
    wechat: Wechat,
}

/// What a sync has done.
#[derive(Debug)]
pub struct SyncedTemplates {
    /// What has changed here.
    pub changes: TemplateSync,
    /// What WeChat did not tell.
    pub warnings: Vec<String>,
}

/// A template of WeChat's library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LibraryTemplate {
    /// Of template messages.
    Template {
        /// Its number, such as `TM00015`.
        short_id: String,
        /// The keywords to take; all of it when there are none.
        keywords: Vec<String>,
    },
    /// Of subscribe messages.
    Subscribe {
        /// Its number.
        tid: String,
        /// The numbers of the keywords to take.
        kids: Vec<u32>,
        /// What it is sent for.
        scene: String,
    },
}

/// Why templates were not changed.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// WeChat did not do it.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Mini programs have none of these.
    #[error(
        "a mini program has no template messages any more: add a template of subscribe messages · 小程序已没有模板消息，请添加订阅消息模板"
    )]
    NoTemplateMessages,
    /// WeChat did what was asked, and what it is now is not known.
    #[error(
        "the template {template_id} was added, and the list could not be read: sync the templates · 模板 {template_id} 已添加，但读取列表失败，请同步模板"
    )]
    Added {
        /// Its id.
        template_id: String,
    },
}

impl Templates {
    /// Keeps templates in `store`.
    pub fn new(store: Store, wechat: Wechat) -> Self {
        Self { store, wechat }
    }

    /// Makes the templates here those of the account. What is noted of one that stays, stays. A service account has
    /// two kinds; when WeChat tells one of them alone, the other stays as it was, with a warning.
    ///
    /// # Errors
    /// When WeChat tells nothing, or the database fails.
    pub async fn sync(&self, app: &App) -> Result<SyncedTemplates, TemplateError> {
        let mut synced = SyncedTemplates { changes: TemplateSync::default(), warnings: Vec::new() };
        let mut failed = None;
        for kind in kinds(app) {
            match self.fetch(app, *kind).await {
                Ok(templates) => {
                    let changes = self.store.templates().take_over(&app.name, *kind, &templates).await?;
                    synced.changes.added += changes.added;
                    synced.changes.changed += changes.changed;
                    synced.changes.removed += changes.removed;
                }
                Err(error) => {
                    let warning =
                        format!("templates of kind {0} stay as they were · {0} 类模板保持不变", kind.as_str());
                    synced.warnings.push(because(&warning, &error.explained()));
                    failed = Some(error);
                }
            }
        }
        match failed {
            Some(error) if synced.warnings.len() == kinds(app).len() => Err(error.into()),
            _ => Ok(synced),
        }
    }

    async fn fetch(&self, app: &App, kind: TemplateKind) -> Result<Vec<Template>, CallError> {
        Ok(match kind {
            TemplateKind::Template => {
                let told = self.wechat.call(app, &GetAllPrivateTemplate).await?;
                told.template_list.into_iter().map(Template::from).collect()
            }
            TemplateKind::Subscribe => {
                let told = self.wechat.call(app, &GetSubscribeTemplates).await?;
                told.data.into_iter().map(Template::from).collect()
            }
        })
    }

    /// Adds a template of WeChat's library to the account.
    ///
    /// # Errors
    /// When WeChat does not do it, or does not tell what it is then.
    pub async fn add(&self, app: &App, template: &LibraryTemplate) -> Result<Template, TemplateError> {
        let (kind, template_id) = match template {
            LibraryTemplate::Template { .. } if app.app_type == AppType::Miniprogram => {
                return Err(TemplateError::NoTemplateMessages);
            }
            LibraryTemplate::Template { short_id, keywords } => {
                let add = AddTemplate { template_id_short: short_id, keyword_name_list: keywords };
                (TemplateKind::Template, self.wechat.call(app, &add).await?.template_id)
            }
            LibraryTemplate::Subscribe { tid, kids, scene } => {
                let add = AddSubscribeTemplate { tid, kid_list: kids, scene_desc: scene };
                (TemplateKind::Subscribe, self.wechat.call(app, &add).await?.template_id)
            }
        };
        if let Ok(templates) = self.fetch(app, kind).await {
            self.store.templates().take_over(&app.name, kind, &templates).await?;
        }
        let added = self.store.templates().find(&app.name, &template_id).await?;
        added.ok_or(TemplateError::Added { template_id })
    }

    /// Deletes a template, at WeChat first. One that WeChat does not have any more is deleted here all the same.
    ///
    /// # Errors
    /// When WeChat does not do it; then nothing has changed here.
    pub async fn delete(&self, app: &App, template: &Template) -> Result<(), TemplateError> {
        let template_id = template.template_id.as_str();
        let deleted = match template.kind {
            TemplateKind::Template => self.wechat.call(app, &DelPrivateTemplate { template_id }).await,
            TemplateKind::Subscribe => self.wechat.call(app, &DelSubscribeTemplate { template_id }).await,
        };
        match deleted {
            Err(error) if error.errcode() != Some(NO_SUCH_TEMPLATE) => return Err(error.into()),
            _ => {}
        }
        self.store.templates().remove(&app.name, template_id).await?;
        Ok(())
    }

    /// The industries of the account.
    ///
    /// # Errors
    /// When WeChat does not tell.
    pub async fn industries(&self, app: &App) -> Result<Industries, CallError> {
        self.wechat.call(app, &GetIndustry).await
    }

    /// Sets the industries of the account, by WeChat's numbers.
    ///
    /// # Errors
    /// When WeChat does not do it.
    pub async fn set_industries(&self, app: &App, first: &str, second: &str) -> Result<(), CallError> {
        self.wechat.call(app, &SetIndustry { industry_id1: first, industry_id2: second }).await.map(drop)
    }
}

/// The kinds of templates that an account has.
fn kinds(app: &App) -> &'static [TemplateKind] {
    match app.app_type {
        AppType::Miniprogram => &[TemplateKind::Subscribe],
        _ => &[TemplateKind::Template, TemplateKind::Subscribe],
    }
}

impl From<PrivateTemplate> for Template {
    fn from(told: PrivateTemplate) -> Self {
        Self {
            template_id: told.template_id,
            kind: TemplateKind::Template,
            title: told.title,
            content: told.content,
            example: told.example,
            primary_industry: told.primary_industry,
            deputy_industry: told.deputy_industry,
            lasting: false,
            alias: String::new(),
            comment: String::new(),
            created_at: 0,
            updated_at: 0,
        }
    }
}

impl From<SubscribeTemplate> for Template {
    fn from(told: SubscribeTemplate) -> Self {
        /// A consent that lasts (长期订阅).
        const LASTING: u32 = 3;
        Self {
            template_id: told.template_id,
            kind: TemplateKind::Subscribe,
            title: told.title,
            content: told.content,
            example: told.example,
            primary_industry: String::new(),
            deputy_industry: String::new(),
            lasting: told.r#type == LASTING,
            alias: String::new(),
            comment: String::new(),
            created_at: 0,
            updated_at: 0,
        }
    }
}
