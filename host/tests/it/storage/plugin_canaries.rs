//! Tables `plugin_canaries` and `plugin_canary_apps`.

use std::collections::BTreeMap;

use weft::{
    model::{CanaryCounts, CanaryState, PluginSource},
    storage::Store,
};

use super::add_app;
use crate::support::database::{START, on_every_database};

/// What an app's calls came to.
fn of(app: &str, counts: CanaryCounts) -> BTreeMap<String, CanaryCounts> {
    BTreeMap::from([(app.to_owned(), counts)])
}

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

        add_app(&store, "shop").await;
        let some = CanaryCounts { calls: 5, failures: 1, stable_calls: 50, stable_failures: 2 };
        assert_eq!(canaries.count("greeter", canary.began, &of("shop", some)).await.unwrap(), Some(of("shop", some)));
        // Another share: it is the same canary.
        canaries.begin("greeter", "new", 20, &["oUser".to_owned()]).await.unwrap();
        let sum = some.plus(some);
        assert_eq!(canaries.count("greeter", canary.began, &of("shop", some)).await.unwrap(), Some(of("shop", sum)));
        let changed = canaries.find("greeter").await.unwrap().unwrap();
        assert_eq!((changed.percent, changed.openids.as_slice()), (20, ["oUser".to_owned()].as_slice()));
        assert_eq!((changed.began, changed.counts), (canary.began, sum));

        assert!(canaries.take_back("greeter", canary.began, "because").await.unwrap());
        assert!(!canaries.take_back("greeter", canary.began, "again").await.unwrap());
        assert_eq!(canaries.count("greeter", canary.began, &of("shop", some)).await.unwrap(), None);
        let ended = canaries.find("greeter").await.unwrap().unwrap();
        assert_eq!((ended.state, ended.reason.as_deref()), (CanaryState::TakenBack, Some("because")));

        canaries.begin("greeter", "new", 5, &[]).await.unwrap();
        let again = canaries.find("greeter").await.unwrap().unwrap();
        assert!(again.began > canary.began);
        assert_eq!((again.counts, again.reason, again.ended_at), (CanaryCounts::default(), None, None));
        assert_eq!(canaries.count("greeter", again.began, &of("shop", some)).await.unwrap(), Some(of("shop", some)));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn calls_are_counted_for_each_app_that_is_there() {
    on_every_database(async |database| {
        let store = database.open().await;
        let canaries = store.plugin_canaries();
        add_app(&store, "cafe").await;
        add_app(&store, "shop").await;
        canaries.begin("greeter", "new", 10, &[]).await.unwrap();
        let began = canaries.find("greeter").await.unwrap().unwrap().began;
        let few = CanaryCounts { calls: 1, ..CanaryCounts::default() };
        let more = CanaryCounts { stable_calls: 3, stable_failures: 2, ..CanaryCounts::default() };
        let both = |cafe, shop| BTreeMap::from([("cafe".to_owned(), cafe), ("shop".to_owned(), shop)]);
        assert_eq!(canaries.count("greeter", began, &both(few, more)).await.unwrap(), Some(both(few, more)));
        let sum = both(few, few.plus(more));
        assert_eq!(canaries.count("greeter", began, &of("shop", few)).await.unwrap().as_ref(), Some(&sum));
        // One that has never been is as one that is gone.
        assert_eq!(canaries.count("greeter", began, &of("gone", more)).await.unwrap(), Some(sum));
        assert!(store.apps().delete("cafe").await.unwrap());
        let left = of("shop", few.plus(few).plus(more));
        assert_eq!(canaries.count("greeter", began, &of("shop", few)).await.unwrap().as_ref(), Some(&left));
        assert_eq!(canaries.apps("greeter").await.unwrap(), left);
        let all = canaries.find("greeter").await.unwrap().unwrap().counts;
        assert_eq!(all, CanaryCounts { calls: 3, failures: 0, stable_calls: 6, stable_failures: 4 });
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
