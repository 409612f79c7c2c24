//! Table `audit_log`.

use std::time::Duration;

use serde_json::json;
use weft::model::{AuditEntry, AuditQuery};
use weft::storage::Store;

use crate::support::database::{START, on_every_database};

async fn ids(store: &Store, query: AuditQuery) -> Vec<String> {
    store.audit_log().list(&query, 10).await.unwrap().into_iter().map(|record| record.entry.request_id).collect()
}

#[tokio::test]
async fn entries_read_back_newest_first_and_are_forgotten_by_age() {
    on_every_database(async |database| {
        let store = database.open().await;
        let entry = |app: Option<&str>, actor: &str, action: &str, request_id: &str| AuditEntry {
            actor: actor.into(),
            actor_id: Some(format!("id of {actor}")),
            app: app.map(str::to_owned),
            action: action.into(),
            path: "/api/v1/…".into(),
            status: Some(200),
            request_id: request_id.into(),
            before: Some(json!({"a": "\0\\\"😀"})),
            after: None,
        };
        let first = entry(Some("shop"), "ci", "patch_app", "1");
        store.audit_log().insert(first.clone()).await.unwrap();
        database.clock.advance(Duration::from_secs(10));
        store.audit_log().insert(entry(None, "ci", "create_token", "2")).await.unwrap();
        let large =
            AuditEntry { after: Some(json!("x".repeat(1 << 20))), ..entry(Some("blog"), "me", "put_menus", "3") };
        store.audit_log().insert(large).await.unwrap();

        let all = AuditQuery::default();
        let records = store.audit_log().list(&all, 10).await.unwrap();
        assert_eq!((&records[2].entry, records[2].at), (&first, START));
        assert_eq!(records[0].entry.after, Some(json!({"bytes": (1 << 20) + 2})));
        assert_eq!(ids(&store, all.clone()).await, ["3", "2", "1"]);
        assert_eq!(store.audit_log().list(&all, 2).await.unwrap().len(), 2);
        assert_eq!(ids(&store, AuditQuery { behind: Some(records[1].id.clone()), ..all.clone() }).await, ["1"]);
        assert_eq!(ids(&store, AuditQuery { app: Some("shop".into()), ..all.clone() }).await, ["1"]);
        assert_eq!(ids(&store, AuditQuery { actor: Some("ci".into()), ..all.clone() }).await, ["2", "1"]);
        assert_eq!(ids(&store, AuditQuery { actor: Some("id of me".into()), ..all.clone() }).await, ["3"]);
        assert_eq!(ids(&store, AuditQuery { action: Some("create_token".into()), ..all.clone() }).await, ["2"]);
        assert_eq!(ids(&store, AuditQuery { since: Some(START + 10), ..all.clone() }).await, ["3", "2"]);
        assert_eq!(ids(&store, AuditQuery { until: Some(START + 10), ..all.clone() }).await, ["1"]);
        assert_eq!(ids(&store, AuditQuery { app: Some("s\0".into()), ..all.clone() }).await, [""; 0]);

        assert_eq!(store.audit_log().prune(START, 9).await.unwrap(), 0);
        assert_eq!(store.audit_log().prune(START + 1, 9).await.unwrap(), 1);
        assert_eq!(ids(&store, all).await, ["3", "2"]);
        store.close().await;
    })
    .await;
}
