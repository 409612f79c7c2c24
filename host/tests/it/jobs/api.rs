//! `/jobs`, through the real listener.

use reqwest::Method;
use serde_json::{Value, json};

use super::steps;
use crate::support::TestApp;

/// A server with two apps that has a job of each to do, which no work of it knows.
async fn with_jobs() -> (TestApp, [String; 2]) {
    let app = TestApp::start().await;
    for name in ["shop", "blog"] {
        app.create_app(name, json!({})).await;
    }
    let mut ids = Vec::new();
    for name in ["shop", "blog"] {
        let new = steps(name, json!({"steps": 7}));
        ids.push(app.state.jobs.start(&new).await.unwrap().job.id);
    }
    (app, ids.try_into().unwrap())
}

fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_listed_read_and_cancelled() {
    let (app, [shop, blog]) = with_jobs().await;
    let (status, page) = app.api(Method::GET, "/jobs?limit=1", None).await;
    assert_eq!((status, ids(&page)), (200, vec![blog.as_str()]));
    let cursor = page["next_cursor"].as_str().unwrap();
    let (_, rest) = app.api(Method::GET, &format!("/jobs?cursor={cursor}"), None).await;
    assert_eq!((ids(&rest), &rest["next_cursor"]), (vec![shop.as_str()], &Value::Null));
    let (_, of_shop) = app.api(Method::GET, "/jobs?app=shop&kind=steps&state=queued", None).await;
    assert_eq!(ids(&of_shop), [shop.as_str()]);
    assert_eq!(of_shop["items"][0].get("input"), None);
    let (status, problem) = app.api(Method::GET, "/jobs?state=lost", None).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("state")));

    let path = format!("/jobs/{shop}");
    let (status, job) = app.api(Method::GET, &path, None).await;
    assert_eq!(status, 200);
    let expected = json!({
        "id": shop, "app": "shop", "kind": "steps", "state": "queued", "progress": {"done": 0, "total": null},
        "input": {"steps": 7}, "result": null, "error": null, "cancelling": false, "waits_until": null,
        "created_at": job["created_at"], "started_at": null, "finished_at": null, "created_by": "ci",
    });
    assert_eq!(job, expected);
    for _ in 0..2 {
        let (status, cancelled) = app.api(Method::POST, &format!("{path}/cancel"), None).await;
        assert_eq!((status, &cancelled["state"]), (200, &json!("cancelled")), "{cancelled}");
        assert!(cancelled["finished_at"].is_string());
    }
    assert_eq!(app.api(Method::GET, "/jobs/nothing", None).await.0, 404);
    assert_eq!(app.api(Method::DELETE, "/apps/blog", None).await.0, 204);
    assert_eq!(app.api(Method::GET, &format!("/jobs/{blog}"), None).await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_for_those_who_may_start_its_kind_in_its_app() {
    let (app, [shop, blog]) = with_jobs().await;
    for (permissions, sees) in [
        (vec!["shop|user_sync"], true),
        (vec!["shop|manage"], true),
        (vec!["shop"], true),
        (vec!["*"], true),
        (vec!["shop|menu", "blog"], false),
        (vec![], false),
    ] {
        let token = app.token_for(&permissions).await;
        let (status, page) = app.api_as(&token, Method::GET, "/jobs?app=shop", None).await;
        assert_eq!((status, ids(&page).contains(&shop.as_str())), (200, sees), "{permissions:?}");
        assert!(!ids(&page).contains(&blog.as_str()));
        let expected = if sees { 200 } else { 404 };
        for (method, path) in [(Method::GET, format!("/jobs/{shop}")), (Method::POST, format!("/jobs/{shop}/cancel"))] {
            assert_eq!(app.api_as(&token, method, &path, None).await.0, expected, "{permissions:?} {path}");
        }
    }
}
