//! Going through a list of users at WeChat, page by page and, for the details of each, batch by batch.
//!
//! What is kept in memory is a page. WeChat begins a page behind an openid, so nobody is left out when users come and
//! go meanwhile.

use serde::{Deserialize, Serialize};
use weft_wechat::api::{
    tags::members::getblacklist::GetBlacklist,
    user::{OpenidPage, get::GetUsers, info_batchget::MAX_USERS, tag_get::GetTagUsers},
};

use super::super::{Users, error::INVALID_OPENID, halves::Halves};
use crate::{
    jobs::Running,
    model::{App, JobError, is_openid},
    storage::StoreError,
    upstream::CallError,
};

/// How often the walk begins again because WeChat no longer knows the last user of a page, whom the next one begins
/// behind.
const MOST_RESTARTS: u32 = 3;

/// A list of users at WeChat.
#[derive(Debug, Clone, Copy)]
pub(super) enum List {
    Followers,
    WithTag(u32),
    Blacklist,
}

/// How far it is: what a job saves.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Walk {
    /// The number of the sync, which is written at everybody whom it has seen.
    pub(super) run: u64,
    /// Seconds since 1970.
    pub(super) began_at: u64,
    /// Whom the page begins behind.
    pub(super) behind: String,
    /// How many users were on the pages before it.
    pub(super) done: u64,
    /// Who was the last one on it whose details are known.
    detailed: String,
    /// Whether it begins behind somebody, so that it is not known how many there are.
    is_part: bool,
    restarts: u32,
}

impl Walk {
    /// Begins behind somebody, or at the beginning when that is empty.
    pub(super) async fn begin(users: &Users, app: &App, behind: String) -> Result<Self, StoreError> {
        let run = users.store.users().begin_sync(&app.name).await?;
        let is_part = !behind.is_empty();
        let (began_at, detailed) = (users.clock.now(), String::new());
        Ok(Self { run, began_at, behind, done: 0, detailed, is_part, restarts: 0 })
    }

    fn begin_again(&mut self) {
        self.behind.clear();
        self.detailed.clear();
        (self.done, self.is_part) = (0, false);
        self.restarts += 1;
    }

    /// Goes to the end of the list, and writes down who is on it; with `details` WeChat is asked about each of them.
    pub(super) async fn go_through(
        &mut self,
        users: &Users,
        app: &App,
        job: &Running,
        list: List,
        details: bool,
    ) -> Result<(), JobError> {
        loop {
            let asked_at = users.clock.now();
            let OpenidPage { total, data, .. } = match list.page(users, app, &self.behind).await {
                Err(error)
                    if error.errcode() == Some(INVALID_OPENID)
                        && !self.behind.is_empty()
                        && self.restarts < MOST_RESTARTS =>
                {
                    self.begin_again();
                    continue;
                }
                page => page?,
            };
            let Some(end) = data.openid.last().cloned() else {
                return if total > 0 && self.done == 0 && !self.is_part {
                    Err(JobError::later(format!("WeChat says that there are {total} users, and lists none of them")))
                } else {
                    Ok(())
                };
            };
            if end == self.behind {
                return Err(JobError::failed("WeChat lists the same users again and again"));
            }
            let total = (total > 0 && !self.is_part).then_some(total);
            let openids: Vec<_> = data.openid.into_iter().filter(|openid| is_openid(openid)).collect();
            list.note(users, app, self.run, asked_at, &openids).await?;
            if details {
                self.details(users, app, job, &openids, total).await?;
            }
            (self.behind, self.done) = (end, self.done + openids.len() as u64);
            self.detailed.clear();
            job.save(self, self.done, total).await?;
        }
    }

    /// Asks WeChat about everybody on a page, from where it was left on.
    async fn details(
        &mut self,
        users: &Users,
        app: &App,
        job: &Running,
        openids: &[String],
        total: Option<u64>,
    ) -> Result<(), JobError> {
        let known = openids.iter().position(|openid| *openid == self.detailed).map_or(0, |last| last + 1);
        let mut done = self.done + known as u64;
        for batch in openids.get(known..).unwrap_or_default().chunks(MAX_USERS) {
            look_up(users, app, batch.to_vec()).await?;
            done += batch.len() as u64;
            if let Some(last) = batch.last() {
                self.detailed.clone_from(last);
            }
            job.save(self, done, total).await?;
        }
        Ok(())
    }
}

/// Asks WeChat about users, and about each half where it refuses because of one.
async fn look_up(users: &Users, app: &App, openids: Vec<String>) -> Result<(), JobError> {
    let mut halves = Halves::of(openids);
    while let Some(batch) = halves.next() {
        let asked_at = users.clock.now();
        match users.ask_about(app, &batch).await {
            Ok(profiles) => users.store.users().apply_profiles(&app.name, asked_at, &profiles).await?,
            Err(error) if error.errcode() == Some(INVALID_OPENID) => {
                if let Some(openid) = halves.split(batch) {
                    users.store.users().has_no_profile(&app.name, &openid).await?;
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

impl List {
    async fn page(self, users: &Users, app: &App, behind: &str) -> Result<OpenidPage, CallError> {
        match self {
            Self::Followers => users.wechat.call(app, &GetUsers { next_openid: behind }).await,
            Self::WithTag(tagid) => users.wechat.call(app, &GetTagUsers { tagid, next_openid: behind }).await,
            Self::Blacklist => users.wechat.call(app, &GetBlacklist { begin_openid: behind }).await,
        }
    }

    async fn note(
        self,
        users: &Users,
        app: &App,
        run: u64,
        asked_at: u64,
        openids: &[String],
    ) -> Result<(), StoreError> {
        let users = users.store.users();
        match self {
            Self::Followers => users.follow(&app.name, run, asked_at, openids).await,
            Self::WithTag(tag_id) => users.tag(&app.name, tag_id, openids).await,
            Self::Blacklist => users.blacklist(&app.name, openids).await,
        }
    }
}
