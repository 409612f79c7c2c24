//! Table `jobs`.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use weft::model::{Job, JobState, NewJob};
use weft::storage::{ClaimedJob, JobEnd, JobQuery, Store, StoreError};

use super::add_app;
use crate::support::database::{START, on_every_database, on_postgres};

const KINDS: &[&str] = &["sync", "send", "copy"];
/// How long leases are, in seconds.
const LEASE: u64 = 10;

fn new(app: &str, kind: &'static str, key: &str) -> NewJob {
    let input = json!({"to": "\0 and \\\"😀"});
    NewJob { app: app.into(), kind, key: key.into(), permission: "user_sync", created_by: "ci".into(), input }
}

async fn start(store: &Store, app: &str, kind: &'static str, key: &str) -> Job {
    let (job, existed) = store.jobs().start(&new(app, kind, key)).await.unwrap();
    assert!(!existed);
    job
}

async fn claim(store: &Store) -> Option<ClaimedJob> {
    store.jobs().claim(KINDS, LEASE).await.unwrap()
}

async fn find(store: &Store, job: &Job) -> Job {
    store.jobs().find(&job.id).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_job_goes_its_way_and_leaves_with_its_app() {
    on_every_database(async |database| {
        let store = database.open().await;
        let error = store.jobs().start(&new("shop", "sync", "")).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound { kind: "app", .. }), "{error:?}");
        add_app(&store, "shop").await;
        let job = start(&store, "shop", "sync", "").await;
        assert_eq!((job.state, job.created_at, job.done, &job.result), (JobState::Queued, START, 0, &None));
        assert_eq!(job.input, new("shop", "sync", "").input);
        assert_eq!(find(&store, &job).await, job);

        database.clock.advance(Duration::from_secs(5));
        let ClaimedJob { lease, job: claimed } = claim(&store).await.unwrap();
        assert_eq!((claimed.state, claimed.started_at), (JobState::Running, Some(START + 5)));
        assert_eq!(claim(&store).await, None, "it runs");
        assert_eq!(store.jobs().save(&lease, &json!({"next": "o1"}), 3, Some(9)).await.unwrap(), Some(false));
        let saved = find(&store, &job).await;
        assert_eq!((saved.checkpoint, saved.done, saved.total), (Some(json!({"next": "o1"})), 3, Some(9)));
        assert!(store.jobs().end(&lease, &JobEnd::Done(json!({"users": 9}))).await.unwrap());
        let done = find(&store, &job).await;
        assert_eq!(
            (done.state, &done.result, done.finished_at),
            (JobState::Done, &Some(json!({"users": 9})), Some(START + 5))
        );
        assert!(!store.jobs().end(&lease, &JobEnd::Stopped).await.unwrap(), "it is over");
        assert_eq!(store.jobs().save(&lease, &json!(1), 1, None).await.unwrap(), None);
        assert_eq!(store.jobs().cancel(&job.id).await.unwrap(), None);
        assert_eq!(find(&store, &job).await, done);

        let next = start(&store, "shop", "sync", "").await;
        let lease = claim(&store).await.unwrap().lease;
        assert!(store.apps().delete("shop").await.unwrap());
        assert_eq!(store.jobs().save(&lease, &json!(1), 1, None).await.unwrap(), None);
        assert_eq!(store.jobs().find(&next.id).await.unwrap(), None);
        assert_eq!(store.jobs().find("\0").await.unwrap(), None);
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_a_key_is_unfinished_at_a_time() {
    on_every_database(async |database| {
        let stores = [database.open().await, database.open().await];
        add_app(&stores[0], "shop").await;
        let starting = (0..20).map(|number| {
            let store = stores[number % 2].clone();
            async move { store.jobs().start(&new("shop", "sync", "")).await.unwrap() }
        });
        let started = join_all(starting).await;
        assert_eq!(started.iter().filter(|(_, existed)| !existed).count(), 1);
        assert!(started.iter().all(|(job, _)| job.id == started[0].0.id));
        start(&stores[0], "shop", "sync", "other").await;
        start(&stores[0], "shop", "send", "").await;
        stores[0].jobs().cancel(&started[0].0.id).await.unwrap().unwrap();
        start(&stores[0], "shop", "sync", "").await;
        for store in stores {
            store.close().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_job_whose_lease_has_lapsed_is_another_run_of_which_the_first_knows_nothing() {
    on_postgres(async |database| {
        let (one, two) = (database.open().await, database.open().await);
        add_app(&one, "shop").await;
        let job = start(&one, "shop", "sync", "").await;
        let first = claim(&one).await.unwrap().lease;
        one.jobs().save(&first, &json!(1), 1, None).await.unwrap();
        database.clock.advance(Duration::from_secs(LEASE - 1));
        assert_eq!(claim(&two).await, None);
        assert_eq!(one.jobs().renew(LEASE).await.unwrap(), [(first.clone(), false)]);
        database.clock.advance(Duration::from_secs(LEASE - 1));
        assert_eq!(claim(&two).await, None, "it was renewed");
        assert!(!two.jobs().is_any_due().await.unwrap());
        database.clock.advance(Duration::from_secs(1));
        assert!(two.jobs().is_any_due().await.unwrap());
        let claimed = claim(&two).await.unwrap();
        assert_eq!((&claimed.job.checkpoint, claimed.job.attempts), (&Some(json!(1)), 1));
        assert!(one.jobs().renew(LEASE).await.unwrap().is_empty());
        assert_eq!(one.jobs().save(&first, &json!(0), 0, None).await.unwrap(), None);
        assert!(!one.jobs().end(&first, &JobEnd::Failed("late".into())).await.unwrap());
        assert_eq!(one.jobs().leave_all().await.unwrap(), 0);
        let kept = find(&one, &job).await;
        assert_eq!((kept.state, &kept.checkpoint), (JobState::Running, &Some(json!(1))));
        assert_eq!(two.jobs().save(&claimed.lease, &json!(2), 2, None).await.unwrap(), Some(false));
        assert_eq!(find(&one, &job).await.attempts, 0, "it got further");
        one.close().await;
        two.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_waits_counts_its_tries_and_what_was_stopped_does_not() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        let job = start(&store, "shop", "sync", "").await;
        let lease = claim(&store).await.unwrap().lease;
        let later = JobEnd::Later { why: "WeChat is busy".into(), due_at: START + 60 };
        assert!(store.jobs().end(&lease, &later).await.unwrap());
        let waits = find(&store, &job).await;
        assert_eq!(
            (waits.state, waits.attempts, waits.error.as_deref()),
            (JobState::Queued, 1, Some("WeChat is busy"))
        );
        assert_eq!(claim(&store).await, None);
        database.clock.advance(Duration::from_mins(1));
        claim(&store).await.unwrap();
        assert_eq!(store.jobs().leave_all().await.unwrap(), 1);
        let claimed = claim(&store).await.unwrap();
        assert_eq!((claimed.job.attempts, claimed.job.error.as_deref()), (1, Some("WeChat is busy")));
        store.jobs().save(&claimed.lease, &json!(1), 0, None).await.unwrap();
        let saved = find(&store, &job).await;
        assert_eq!((saved.attempts, saved.error), (0, None));
        // Cancelled while it runs: it is not tried again.
        let told = store.jobs().cancel(&job.id).await.unwrap().unwrap();
        assert_eq!((told.state, told.cancelled), (JobState::Running, true));
        assert_eq!(store.jobs().save(&claimed.lease, &json!(2), 2, None).await.unwrap(), Some(true));
        assert!(store.jobs().end(&claimed.lease, &later).await.unwrap());
        let cancelled = find(&store, &job).await;
        assert_eq!(
            (cancelled.state, cancelled.done, cancelled.finished_at),
            (JobState::Cancelled, 2, Some(START + 60))
        );
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_app_with_much_to_do_leaves_room_for_others() {
    on_every_database(async |database| {
        let store = database.open().await;
        for app in ["shop", "blog"] {
            add_app(&store, app).await;
        }
        for (kind, key) in [("sync", "a"), ("sync", "b"), ("send", ""), ("copy", "")] {
            start(&store, "shop", kind, key).await;
        }
        start(&store, "blog", "sync", "").await;
        start(&store, "blog", "unknown", "").await;
        let mut claimed = Vec::new();
        while let Some(next) = claim(&store).await {
            claimed.push((next.job.app, next.job.kind, next.job.key));
        }
        let expected = [("shop", "sync", "a"), ("blog", "sync", ""), ("shop", "send", "")];
        assert_eq!(claimed, expected.map(|(app, kind, key)| (app.into(), kind.into(), key.into())));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn there_is_a_limit_to_what_an_app_may_leave_unfinished() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        for number in 0..100 {
            start(&store, "shop", "send", &number.to_string()).await;
        }
        let error = store.jobs().start(&new("shop", "send", "100")).await.unwrap_err();
        assert!(matches!(error, StoreError::LimitReached(_)), "{error:?}");
        assert!(store.jobs().start(&new("shop", "send", "7")).await.unwrap().1, "one that is there is no more");
        let large = NewJob { input: json!("x".repeat(1 << 20)), ..new("shop", "send", "7") };
        assert!(matches!(store.jobs().start(&large).await.unwrap_err(), StoreError::LimitReached(_)));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_list_shows_what_was_asked_for_and_what_may_be_seen() {
    on_every_database(async |database| {
        let store = database.open().await;
        for app in ["a_b", "aXb"] {
            add_app(&store, app).await;
        }
        let sync = start(&store, "a_b", "sync", "").await;
        let send = start(&store, "a_b", "send", "").await;
        let other = start(&store, "aXb", "sync", "").await;
        store.jobs().cancel(&send.id).await.unwrap().unwrap();
        let list = async |query: JobQuery| {
            let jobs = store.jobs().list(&query, 10).await.unwrap();
            jobs.into_iter().map(|job| job.id).collect::<Vec<_>>()
        };
        let ids = |jobs: &[&Job]| jobs.iter().map(|job| job.id.clone()).collect::<Vec<_>>();
        let all = JobQuery::default();
        assert_eq!(list(all.clone()).await, ids(&[&other, &send, &sync]));
        assert_eq!(list(JobQuery { app: Some("a_b".into()), ..all.clone() }).await, ids(&[&send, &sync]));
        assert_eq!(list(JobQuery { kind: Some("sync".into()), ..all.clone() }).await, ids(&[&other, &sync]));
        assert_eq!(list(JobQuery { state: Some(JobState::Cancelled), ..all.clone() }).await, ids(&[&send]));
        assert_eq!(list(JobQuery { behind: Some(send.id.clone()), ..all.clone() }).await, ids(&[&sync]));
        let granted = async |granted: &[&str]| {
            let granted = Some(granted.iter().map(|granted| (*granted).to_owned()).collect());
            list(JobQuery { granted, ..JobQuery::default() }).await
        };
        assert_eq!(granted(&[]).await, ids(&[]));
        assert_eq!(granted(&["aXb"]).await, ids(&[&other]));
        assert_eq!(granted(&["a_b|menu", "aXb|manage"]).await, ids(&[&other]));
        assert_eq!(granted(&["a_b|user_sync", "b"]).await, ids(&[&send, &sync]));
        assert_eq!(granted(&["a_b", "aXb"]).await, ids(&[&other, &send, &sync]));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_long_over_is_forgotten() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        let old = start(&store, "shop", "sync", "").await;
        store.jobs().cancel(&old.id).await.unwrap().unwrap();
        database.clock.advance(Duration::from_secs(10));
        let newer = start(&store, "shop", "sync", "").await;
        store.jobs().cancel(&newer.id).await.unwrap().unwrap();
        let waits = start(&store, "shop", "sync", "").await;
        assert_eq!(store.jobs().prune(START + 10, 5).await.unwrap(), 1);
        assert_eq!(store.jobs().find(&old.id).await.unwrap(), None);
        assert_eq!(store.jobs().prune(START + 1000, 5).await.unwrap(), 1);
        assert_eq!(find(&store, &waits).await.state, JobState::Queued);
        store.close().await;
    })
    .await;
}
