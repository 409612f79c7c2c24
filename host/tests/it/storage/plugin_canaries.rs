//! Table `plugin_canaries`.

use weft::{
    model::{CanaryCounts, CanaryState, PluginSource},
    storage::Store,
};

use crate::support::database::{START, on_every_database};

async fn add_versions(store: &Store, digests: &[&str]) {
    for digest in digests {
        store.plugin_versions().keep("greeter", digest, "1.0", digest.as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn a_canary_begins_is_changed_counted_and_ends_once() {
    on_every_database(async |database| {
        let store = database.open().await;
        let (canaries, decisions) = (store.plugin_canaries(), store.plugin_decisions());
        add_versions(&store, &["old", "new"]).await;
        let before = decisions.decide("greeter", Some("old"), PluginSource::Upload, None).await.unwrap();
        assert_eq!(canaries.find("greeter").await.unwrap(), None);
        canaries.begin("greeter", "new", 10, &[]).await.unwrap();
        let canary = canaries.find("greeter").await.unwrap().unwrap();
        assert_eq!((canary.percent, canary.state, canary.began_at), (10, CanaryState::Running, START));
        assert_eq!(canaries.running().await.unwrap(), ["greeter"]);
        let moved = decisions.since(before.revision).await.unwrap();
        assert_eq!(moved[0].digest.as_deref(), Some("old"), "the others look");

        let some = CanaryCounts { calls: 5, failures: 1, stable_calls: 50, stable_failures: 2 };
        assert_eq!(canaries.count("greeter", canary.began, some).await.unwrap(), Some(some));
        // Another share: it is the same canary.
        canaries.begin("greeter", "new", 20, &["oUser".to_owned()]).await.unwrap();
        let sum = canaries.count("greeter", canary.began, some).await.unwrap().unwrap();
        assert_eq!((sum.calls, sum.stable_failures), (10, 4));
        let changed = canaries.find("greeter").await.unwrap().unwrap();
        assert_eq!((changed.percent, changed.openids.as_slice()), (20, ["oUser".to_owned()].as_slice()));
        assert_eq!((changed.began, changed.counts), (canary.began, sum));

        assert!(canaries.take_back("greeter", canary.began, "because").await.unwrap());
        assert!(!canaries.take_back("greeter", canary.began, "again").await.unwrap());
        assert_eq!(canaries.count("greeter", canary.began, some).await.unwrap(), None);
        let ended = canaries.find("greeter").await.unwrap().unwrap();
        assert_eq!((ended.state, ended.reason.as_deref()), (CanaryState::TakenBack, Some("because")));

        canaries.begin("greeter", "new", 5, &[]).await.unwrap();
        let again = canaries.find("greeter").await.unwrap().unwrap();
        assert!(again.began > canary.began);
        assert_eq!((again.counts, again.reason, again.ended_at), (CanaryCounts::default(), None, None));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_decision_ends_a_canary_and_its_version_is_kept_until_then() {
    on_every_database(async |database| {
        let store = database.open().await;
        let (canaries, decisions) = (store.plugin_canaries(), store.plugin_decisions());
        add_versions(&store, &["old", "new"]).await;
        decisions.decide("greeter", Some("old"), PluginSource::Upload, None).await.unwrap();
        canaries.begin("greeter", "new", 10, &[]).await.unwrap();
        let began = canaries.find("greeter").await.unwrap().unwrap().began;
        add_versions(&store, &["1", "2", "3", "4", "5", "6"]).await;
        canaries.begin("other", "x", 10, &[]).await.unwrap();
        canaries.begin("greeter", "new", 11, &[]).await.unwrap();
        assert!(store.plugin_versions().bytes("greeter", "new").await.unwrap().is_some());

        decisions.decide("greeter", Some("new"), PluginSource::Canary, None).await.unwrap();
        let canary = canaries.find("greeter").await.unwrap().unwrap();
        assert_eq!((canary.began, canary.state, canary.reason), (began, CanaryState::Promoted, None));

        canaries.begin("greeter", "6", 10, &[]).await.unwrap();
        decisions.decide("greeter", None, PluginSource::Delete, None).await.unwrap();
        let canary = canaries.find("greeter").await.unwrap().unwrap();
        assert_eq!((canary.state, canary.reason.is_some()), (CanaryState::TakenBack, true));
        store.close().await;
    })
    .await;
}
