//! Tables `plugin_decisions`, `plugin_versions` and `plugin_replicas`.

use std::{collections::BTreeMap, time::Duration};

use weft::model::PluginSource;

use crate::support::database::{START, on_every_database};

#[tokio::test]
async fn the_newest_decision_counts_and_old_versions_are_forgotten() {
    on_every_database(async |database| {
        let store = database.open().await;
        let (decisions, versions) = (store.plugin_decisions(), store.plugin_versions());
        let digests = async || {
            let kept = versions.list("greeter").await.unwrap();
            kept.into_iter().map(|kept| kept.digest).collect::<Vec<_>>()
        };
        assert_eq!(decisions.since(0).await.unwrap(), []);
        versions.keep("greeter", "canary", "1.0", b"canary").await.unwrap();
        for number in 0..8 {
            let digest = format!("d{number}");
            versions.keep("greeter", &digest, "1.0\u{0}", &[number; 3]).await.unwrap();
            // One that is kept stays as it is.
            versions.keep("greeter", &digest, "2.0", b"other").await.unwrap();
            decisions.decide("greeter", Some(&digest), PluginSource::Upload, None).await.unwrap();
        }
        let kept = versions.list("greeter").await.unwrap();
        assert_eq!(digests().await, ["d7", "d6", "d5", "d4", "d3", "canary"]);
        assert_eq!((kept[0].version.as_str(), kept[0].size, kept[0].first_at), ("1.0", 3, START));
        assert_eq!(versions.bytes("greeter", "d7").await.unwrap(), Some(vec![7; 3]));
        assert_eq!(versions.bytes("greeter", "d0").await.unwrap(), None);
        assert_eq!(versions.bytes("gre\0eter", "d7").await.unwrap(), None);

        // A version that runs is kept however old it is.
        let roll_back =
            async || decisions.decide("greeter", Some("canary"), PluginSource::Rollback, Some("d7")).await.unwrap();
        let mut decision = roll_back().await;
        assert_eq!(digests().await, ["d7", "d6", "d5", "d4", "d3", "canary"]);
        let rolled_back = async || {
            let kept = versions.list("greeter").await.unwrap().into_iter();
            kept.filter(|kept| kept.rolled_back).map(|kept| kept.digest).collect::<Vec<_>>()
        };
        assert_eq!(rolled_back().await, ["d7", "d6", "d5", "d4", "d3"]);
        // What is to run again is not, and what was before it still is.
        decisions.decide("greeter", Some("d5"), PluginSource::Rollback, Some("d7")).await.unwrap();
        assert_eq!(rolled_back().await, ["d7", "d6", "d4", "d3"]);
        // Neither those that never ran for all nor those that are rolled back push out others.
        for number in 0..6 {
            versions.keep("greeter", &format!("c{number}"), "1.0", b"c").await.unwrap();
            decision = decisions.decide("greeter", Some("d5"), PluginSource::Rollback, Some("d7")).await.unwrap();
        }
        assert_eq!(digests().await, ["c5", "c4", "c3", "c2", "c1", "d5", "canary"]);
        assert_eq!(decisions.find("greeter").await.unwrap().as_ref(), Some(&decision));
        assert_eq!(decisions.since(decision.revision - 1).await.unwrap(), std::slice::from_ref(&decision));

        let other = decisions.decide("other", None, PluginSource::Delete, None).await.unwrap();
        assert!(other.revision > decision.revision);
        assert_eq!(decisions.since(decision.revision).await.unwrap(), [other]);
        assert_eq!(versions.list("other").await.unwrap(), []);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn processes_say_what_runs_and_are_forgotten_when_they_are_silent() {
    on_every_database(async |database| {
        let (one, two) = (database.open().await, database.connect().await);
        let running = BTreeMap::from([("greeter".to_owned(), "d1".to_owned())]);
        one.plugin_replicas().report(&BTreeMap::new(), 30).await.unwrap();
        one.plugin_replicas().report(&running, 30).await.unwrap();
        database.clock.advance(Duration::from_secs(20));
        two.plugin_replicas().report(&BTreeMap::new(), 30).await.unwrap();
        assert_eq!(one.plugin_replicas().list(30).await.unwrap().len(), 2);
        let silent = one.plugin_replicas().list(10).await.unwrap();
        assert_eq!((silent.len(), &silent[0].running), (1, &BTreeMap::new()));
        database.clock.advance(Duration::from_secs(20));
        two.plugin_replicas().report(&running, 30).await.unwrap();
        let left = one.plugin_replicas().list(1000).await.unwrap();
        assert_eq!((left.len(), &left[0].running), (1, &running));
        one.close().await;
        two.close().await;
    })
    .await;
}
