//! Processes that run jobs, and end.

use std::{sync::atomic::Ordering, time::Duration};

use serde_json::json;
use weft::model::JobState;

use super::{Done, Process, add_app, becomes, steps};
use crate::support::{
    database::{START, on_every_database, on_postgres, on_sqlite},
    until,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_goes_on_where_a_killed_process_has_left_it() {
    on_every_database(async |database| {
        let (store, done) = (database.open().await, Done::new(2));
        add_app(&store, "shop").await;
        let first = Process::start(&store, &database.clock, &done);
        let job = first.jobs.start(&steps("shop", json!({"steps": 4}))).await.unwrap().job;
        done.has(2).await;
        until("it is saved", async || store.jobs().find(&job.id).await.unwrap().filter(|job| job.done == 2)).await;
        first.kill().await;
        until("its work ends with it", async || (done.0.running.load(Ordering::SeqCst) == 0).then_some(())).await;
        assert_eq!(store.jobs().find(&job.id).await.unwrap().unwrap().state, JobState::Running);

        let next_store = database.open().await;
        if next_store.is_shared() {
            // An SQLite file has one owner, which need not wait.
            database.clock.advance(Duration::from_secs(8));
        }
        let next = Process::start(&next_store, &database.clock, &done);
        done.let_through(2);
        let ended = becomes(&store, &job.id, JobState::Done).await;
        assert_eq!((ended.result, ended.total), (Some(json!({"steps": 4})), Some(4)));
        assert_eq!(done.steps(), [0, 1, 2, 3].map(|step| ("shop".to_owned(), step)));
        next.stop().await;
        next_store.close().await;
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_goes_on_where_a_process_that_stopped_has_left_it() {
    on_every_database(async |database| {
        let (store, done) = (database.open().await, Done::new(1));
        add_app(&store, "shop").await;
        let first = Process::start(&store, &database.clock, &done);
        let job = first.jobs.start(&steps("shop", json!({"steps": 2}))).await.unwrap().job;
        done.has(1).await;
        first.stop().await;
        let left = store.jobs().find(&job.id).await.unwrap().unwrap();
        assert_eq!((left.state, left.done, left.attempts), (JobState::Queued, 1, 0));
        done.let_through(1);
        let next = Process::start(&store, &database.clock, &done);
        becomes(&store, &job.id, JobState::Done).await;
        assert_eq!(done.steps(), [0, 1].map(|step| ("shop".to_owned(), step)));
        next.stop().await;
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_share_the_jobs_and_do_each_step_once() {
    on_postgres(async |database| {
        let stores = [database.open().await, database.open().await];
        let done = Done::new(1000);
        let processes = stores.each_ref().map(|store| Process::start(store, &database.clock, &done));
        let mut jobs = Vec::new();
        for number in 0..10 {
            let app = format!("app{number}");
            add_app(&stores[0], &app).await;
            jobs.push(processes[number % 2].jobs.start(&steps(&app, json!({"steps": 20}))).await.unwrap().job);
        }
        for job in &jobs {
            becomes(&stores[0], &job.id, JobState::Done).await;
        }
        let mut made = done.steps();
        made.sort_unstable();
        let expected: Vec<_> = (0..10).flat_map(|app| (0..20).map(move |step| (format!("app{app}"), step))).collect();
        assert_eq!(made, expected);
        for process in processes {
            process.stop().await;
        }
        for store in stores {
            store.close().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_ends_when_its_lease_is_lost_or_its_app_deleted() {
    on_every_database(async |database| {
        let (store, done) = (database.open().await, Done::new(0));
        add_app(&store, "shop").await;
        let process = Process::start(&store, &database.clock, &done);
        process.jobs.start(&steps("shop", json!({"steps": 1}))).await.unwrap();
        until("it runs", async || (done.0.running.load(Ordering::SeqCst) == 1).then_some(())).await;
        assert!(store.apps().delete("shop").await.unwrap());
        until("it ends", async || (done.0.running.load(Ordering::SeqCst) == 0).then_some(())).await;
        done.let_through(1);
        assert_eq!(done.steps(), []);
        process.stop().await;
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_runs_is_cancelled_and_keeps_what_is_done() {
    on_sqlite(async |database| {
        let (store, done) = (database.open().await, Done::new(1));
        add_app(&store, "shop").await;
        let process = Process::start(&store, &database.clock, &done);
        let job = process.jobs.start(&steps("shop", json!({"steps": 3}))).await.unwrap().job;
        done.has(1).await;
        process.jobs.cancel(&job.id).await.unwrap().unwrap();
        let ended = becomes(&store, &job.id, JobState::Cancelled).await;
        assert_eq!((ended.done, ended.finished_at), (1, Some(START)));
        assert!(process.jobs.cancel(&job.id).await.unwrap().is_none());
        let again = process.jobs.start(&steps("shop", json!({"steps": 0}))).await.unwrap();
        assert!(!again.existed);
        becomes(&store, &again.job.id, JobState::Done).await;
        process.stop().await;
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_comes_to_nothing_is_tried_again_with_growing_pauses_and_given_up() {
    on_sqlite(async |database| {
        let (store, done) = (database.open().await, Done::new(1));
        add_app(&store, "shop").await;
        let process = Process::start(&store, &database.clock, &done);
        let new = steps("shop", json!({"steps": 1, "then": "later"}));
        let job = process.jobs.start(&new).await.unwrap().job;
        let mut now = START;
        let waits = async |attempts: u64| {
            until("it waits", async || {
                let job = store.jobs().find(&job.id).await.unwrap().unwrap();
                (job.state == JobState::Queued && job.attempts == attempts).then_some(job)
            })
            .await
        };
        for (attempt, pause) in (1..).zip([10, 20, 40, 80, 160, 320, 640, 900, 900, 900]) {
            let job = waits(attempt).await;
            assert_eq!((job.due_at, job.error.as_deref()), (now + pause, Some("WeChat is busy")));
            database.clock.advance(Duration::from_secs(pause));
            now += pause;
            // Wakes the process, and starts nothing.
            assert!(process.jobs.start(&new).await.unwrap().existed);
        }
        let failed = becomes(&store, &job.id, JobState::Failed).await;
        let error = failed.error.unwrap();
        assert!(error.contains("10 tries") && error.contains("WeChat is busy"), "{error}");
        assert_eq!(done.steps().len(), 1, "what is done is not repeated");
        process.stop().await;
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_and_a_failure_end_their_own_job_alone() {
    on_every_database(async |database| {
        let (store, done) = (database.open().await, Done::new(0));
        let process = Process::start(&store, &database.clock, &done);
        let mut jobs = Vec::new();
        for (app, input) in [
            ("blog", json!({"steps": 1})),
            ("shop", json!({"steps": 0, "then": "panic"})),
            ("mall", json!({"steps": 0, "then": "fail"})),
        ] {
            add_app(&store, app).await;
            jobs.push(process.jobs.start(&steps(app, input)).await.unwrap().job.id);
        }
        let panicked = becomes(&store, &jobs[1], JobState::Failed).await;
        assert_eq!(
            panicked.error.as_deref(),
            Some("it failed on our side; the log says why · 服务内部出错，原因见日志")
        );
        assert_eq!(becomes(&store, &jobs[2], JobState::Failed).await.error.as_deref(), Some("nono"));
        done.let_through(1);
        becomes(&store, &jobs[0], JobState::Done).await;
        process.stop().await;
        store.close().await;
    })
    .await;
}
