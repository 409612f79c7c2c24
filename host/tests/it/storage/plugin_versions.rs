//! Tables `plugin_decisions`, `plugin_versions` and `plugin_replicas`.

use std::{collections::BTreeMap, time::Duration};

use weft::model::PluginSource;

use crate::support::database::{START, on_every_database};

#[tokio::test]
async fn the_newest_decision_counts_and_old_versions_are_forgotten() {
    on_every_database(async |database| {
        let store = database.open().await;
        let (decisions, versions) = (store.plugin_decisions(), store.plugin_versions());
        assert_eq!(decisions.since(0).await.unwrap(), []);
        for number in 0..8 {
            let digest = format!("d{number}");
            versions.keep("greeter", &digest, "1.0\u{0}", &[number; 3]).await.unwrap();
            // One that is kept stays as it is.
            versions.keep("greeter", &digest, "2.0", b"other").await.unwrap();
            decisions.decide("greeter", Some(&digest), PluginSource::Upload, None).await.unwrap();
        }
        let kept = versions.list("greeter").await.unwrap();
        assert_eq!(kept.iter().map(|kept| kept.digest.as_str()).collect::<Vec<_>>(), ["d7", "d6", "d5", "d4", "d3"]);
        assert_eq!((kept[0].version.as_str(), kept[0].size, kept[0].first_at), ("1.0", 3, START));
        assert_eq!(versions.bytes("greeter", "d7").await.unwrap(), Some(vec![7; 3]));
        assert_eq!(versions.bytes("greeter", "d0").await.unwrap(), None);
        assert_eq!(versions.bytes("gre\0eter", "d7").await.unwrap(), None);

        // A version that runs is kept however old it is.
        decisions.decide("greeter", Some("d3"), PluginSource::Rollback, Some("d7")).await.unwrap();
        versions.keep("greeter", "d8", "1.0", b"8").await.unwrap();
        versions.keep("greeter", "d9", "1.0", b"9").await.unwrap();
        let decision = decisions.decide("greeter", Some("d3"), PluginSource::Rollback, Some("d7")).await.unwrap();
        assert!(versions.bytes("greeter", "d3").await.unwrap().is_some());
        assert!(versions.bytes("greeter", "d4").await.unwrap().is_none());
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
