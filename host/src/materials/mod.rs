//! Files between here and WeChat: permanent materials, and temporary media.
//!
//! The same content is uploaded once: what is in a material is known by its digest, whether it came from an operator or
//! from temporary media of WeChat's. A material that something here uses is not deleted by mistake ([`Uses`]).

mod clean_up;
mod download;
mod error;
mod sync;
mod upload;
mod uses;

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use weft_wechat::api::material::del_material::DelMaterial;

use crate::{
    model::App,
    shares::Shares,
    storage::Store,
    turns::Turns,
    upstream::{CallError, Wechat},
};

pub use clean_up::{CLEAN_UP, CleanUp, CleanUpInput, Unused};
pub use download::{DownloadTurn, Downloaded};
pub use error::{MaterialError, in_use};
pub use sync::{ARTICLE_SYNC, List, ListSync, MATERIAL_SYNC, SyncInput};
pub use upload::{NewFile, Temporary, Uploaded};
pub use uses::{Use, UseKind, Uses};

/// WeChat's code for a `media_id` that stands for nothing.
const INVALID_MEDIA_ID: i64 = 40007;

/// How many files are downloaded at a time: each is held in memory, and may have 32 MB.
const DOWNLOADS: usize = 4;

/// How many of them an app may have: whoever reads its files slowly, or not at all, keeps those of no other waiting.
const DOWNLOADS_OF_APP: usize = DOWNLOADS / 2;

/// Files between here and WeChat. Clones share what runs.
#[derive(Clone)]
pub struct Materials {
    store: Store,
    wechat: Wechat,
    /// Contents that are being uploaded, by app and digest.
    uploading: Turns,
    downloads: Arc<Semaphore>,
    downloads_of_app: Shares,
    running: TaskTracker,
}

impl Materials {
    /// Keeps what is known of materials in `store`.
    pub fn new(store: Store, wechat: Wechat) -> Self {
        Self {
            store,
            wechat,
            uploading: Turns::default(),
            downloads: Arc::new(Semaphore::new(DOWNLOADS)),
            downloads_of_app: Shares::new(DOWNLOADS_OF_APP),
            running: TaskTracker::new(),
        }
    }

    /// Deletes a material, at WeChat and then here. One that WeChat does not know any more counts as deleted there.
    ///
    /// # Errors
    /// [`MaterialError::InUse`] when something here uses it, unless `force` says that this does not matter;
    /// [`MaterialError::NotFound`] when nobody knows it.
    pub async fn delete(&self, app: &App, media_id: &str, force: bool) -> Result<(), MaterialError> {
        let not_found = || MaterialError::NotFound { media_id: media_id.to_owned() };
        if !is_media_id(media_id) {
            return Err(not_found());
        }
        if !force {
            let known = self.store.materials().find(&app.name, media_id).await?;
            let uses = Uses::of(&self.store, &app.name).await?;
            let uses = uses.of_material(media_id, known.as_ref().and_then(|material| material.url.as_deref()));
            if !uses.is_empty() {
                return Err(MaterialError::InUse { media_id: media_id.to_owned(), uses });
            }
        }
        let is_gone = match self.wechat.call(app, &DelMaterial { media_id }).await {
            Err(error) if is_unknown(&error) => true,
            deleted => deleted.map(|_| false)?,
        };
        let was_known = self.store.materials().delete(&app.name, media_id).await?;
        if is_gone && !was_known { Err(not_found()) } else { Ok(()) }
    }

    /// Waits for uploads that still run.
    pub async fn finish(&self) {
        self.running.close();
        self.running.wait().await;
    }
}

/// Whether `text` may be a `media_id`.
fn is_media_id(text: &str) -> bool {
    (1..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether WeChat knows no such file.
fn is_unknown(error: &CallError) -> bool {
    error.errcode() == Some(INVALID_MEDIA_ID)
}
