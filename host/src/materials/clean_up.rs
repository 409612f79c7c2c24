//! Permanent materials that nothing uses: which they are, and deleting them.

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use weft_wechat::api::material::del_material::DelMaterial;

use super::{
    Materials, Uses, is_unknown,
    sync::{List, ListSync, Reading},
};
use crate::{
    clock::Clock,
    jobs::{Running, Work},
    model::{App, JobError, Material, MaterialFilter, MaterialType},
    storage::StoreError,
};

/// The kind of jobs that clean up.
pub const CLEAN_UP: &str = "material_clean_up";

/// WeChat's code for a material that its own auto-replies or menus use.
const IN_USE: i64 = 48005;

/// How many materials are looked at together.
const PAGE: usize = 100;

/// How many materials are named that WeChat did not delete.
const NAMED: usize = 100;

const DAY: u64 = 24 * 3600;

/// Which materials may go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleanUpInput {
    /// What they are.
    pub types: Vec<MaterialType>,
    /// They have not changed at WeChat for so long.
    pub older_than_days: u32,
}

/// Materials that nothing uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unused {
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub first: Vec<Material>,
}

/// The work of jobs that clean up.
pub struct CleanUp {
    materials: Materials,
    drafts: ListSync,
    clock: Clock,
}

/// Where a job is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Checkpoint {
    /// Where the list of drafts is; none when it has been read. Their covers must be known.
    drafts: Option<Reading>,
    has_begun: bool,
    /// Which of the types.
    at: usize,
    /// The last material of this type that was looked at: when it changed, and its `media_id`.
    after: Option<(u64, String)>,
    deleted: u64,
    kept: u64,
    named: Vec<Kept>,
}

/// A material that nothing here uses, and that WeChat does not delete.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    media_id: String,
    reason: String,
}

impl Materials {
    /// The materials of an app that nothing here uses, as far as drafts, handlers and menus are known here.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unused(&self, app: &str, input: &CleanUpInput, now: u64, most: usize) -> Result<Unused, StoreError> {
        let uses = Uses::of(&self.store, app).await?;
        let mut unused = Unused::default();
        for kind in &input.types {
            let mut after: Option<(u64, String)> = None;
            loop {
                let page = self.old(app, *kind, input, now, after.as_ref()).await?;
                after = page.last().map(|last| (last.updated_at, last.media_id.clone()));
                let is_last = page.len() < PAGE;
                for material in page.into_iter().filter(|material| is_unused(material, &uses)) {
                    unused.count += 1;
                    if unused.first.len() < most {
                        unused.first.push(material);
                    }
                }
                if is_last {
                    break;
                }
            }
        }
        Ok(unused)
    }

    async fn old(
        &self,
        app: &str,
        material_type: MaterialType,
        input: &CleanUpInput,
        now: u64,
        after: Option<&(u64, String)>,
    ) -> Result<Vec<Material>, StoreError> {
        let updated_before = Some(now.saturating_sub(u64::from(input.older_than_days) * DAY));
        let filter = MaterialFilter { material_type: Some(material_type), updated_before, ..MaterialFilter::default() };
        let after = after.map(|(updated_at, media_id)| (*updated_at, media_id.as_str()));
        self.store.materials().list(app, &filter, after, PAGE).await
    }
}

impl CleanUp {
    /// Deletes through `materials`, when `drafts` has said which covers are used.
    pub fn new(materials: Materials, clock: Clock) -> Self {
        let drafts = ListSync::new(CLEAN_UP, materials.store.clone(), materials.wechat.clone(), clock.clone());
        Self { materials, drafts, clock }
    }

    async fn clean_up(&self, job: &Running) -> Result<Value, JobError> {
        let input: CleanUpInput = job.input()?;
        let mut at: Checkpoint = job.checkpoint().unwrap_or_default();
        if !at.has_begun {
            (at.has_begun, at.drafts) = (true, Some(Reading::default()));
        }
        while let Some(reading) = &mut at.drafts {
            let app = job.app().await?;
            if self.drafts.read_page(&app, List::Draft, reading).await?.is_some() {
                at.drafts = None;
            }
            job.save(&at, 0, None).await?;
        }
        while let Some(material_type) = input.types.get(at.at).copied() {
            let app = job.app().await?;
            let uses = Uses::of(&self.materials.store, &app.name).await?;
            let now = self.clock.now();
            let page = self.materials.old(&app.name, material_type, &input, now, at.after.as_ref()).await?;
            let is_last = page.len() < PAGE;
            for material in page {
                if is_unused(&material, &uses) {
                    self.delete(&app, &material, &mut at).await?;
                }
                at.after = Some((material.updated_at, material.media_id));
                job.save(&at, at.deleted, None).await?;
            }
            if is_last {
                (at.at, at.after) = (at.at + 1, None);
            }
        }
        Ok(serde_json::json!({ "deleted": at.deleted, "kept": at.kept, "refused": at.named }))
    }

    async fn delete(&self, app: &App, material: &Material, at: &mut Checkpoint) -> Result<(), JobError> {
        let media_id = &material.media_id;
        match self.materials.wechat.call(app, &DelMaterial { media_id }).await {
            Ok(_) => {}
            Err(error) if is_unknown(&error) => {}
            Err(error) if error.errcode() == Some(IN_USE) => {
                at.kept += 1;
                if at.named.len() < NAMED {
                    at.named.push(Kept { media_id: media_id.clone(), reason: error.explained() });
                }
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        self.materials.store.materials().delete(&app.name, media_id).await?;
        at.deleted += 1;
        Ok(())
    }
}

fn is_unused(material: &Material, uses: &Uses) -> bool {
    uses.of_material(&material.media_id, material.url.as_deref()).is_empty()
}

impl Work for CleanUp {
    fn kind(&self) -> &'static str {
        CLEAN_UP
    }

    fn run<'a>(&'a self, job: &'a Running) -> BoxFuture<'a, Result<Value, JobError>> {
        Box::pin(self.clean_up(job))
    }
}
