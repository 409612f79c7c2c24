//! Tables `materials` and `temporary_media`.

use weft::model::{ArticleKind, ArticleSet, MaterialChange, MaterialFilter, MaterialType};
use weft::storage::{ListedMaterial, StoreError, UploadedMaterial};
use weft_wechat::api::material::NewsItem;

use super::add_app;
use crate::support::database::on_every_database;

const IMAGE: MaterialType = MaterialType::Image;

fn uploaded(media_id: &str, digest: &str) -> UploadedMaterial {
    let text = |text: &str| text.to_owned();
    UploadedMaterial {
        media_id: text(media_id),
        material_type: IMAGE,
        name: format!("{media_id}.png"),
        url: None,
        digest: text(digest),
    }
}

fn listed(media_id: &str, material_type: MaterialType, updated_at: u64) -> ListedMaterial {
    let item = NewsItem { title: "新闻 News".to_owned(), ..NewsItem::default() };
    let set = ArticleSet { id: media_id.to_owned(), items: vec![item], updated_at, created_at: 0 };
    ListedMaterial {
        media_id: media_id.to_owned(),
        material_type,
        name: format!("{media_id}\0.PNG"),
        url: Some(format!("http://p/{media_id}")),
        updated_at,
        articles: (material_type == MaterialType::News).then_some(set),
    }
}

#[tokio::test]
async fn a_file_is_found_by_what_is_in_it_and_by_the_temporary_media_that_it_was() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        add_app(&store, "blog").await;
        let materials = store.materials();
        let first = materials.insert("shop", &uploaded("M1", "d1")).await.unwrap();
        assert_eq!((&*first.name, &*first.alias, first.material_type), ("M1.png", "", IMAGE));
        materials.insert("shop", &uploaded("M3", "d3")).await.unwrap();
        for (temporary, digest) in [("t1", "d1"), ("t2", "d1"), ("t3", "d3"), ("t4", "unknown")] {
            materials.remember_temporary("shop", IMAGE, temporary, digest).await.unwrap();
        }
        let of_digest = async |app: &str, kind, digest: &str| {
            materials.of_digest(app, kind, digest).await.unwrap().map(|material| material.media_id)
        };
        let of_temporary = async |app: &str, kind, media_id: &str| {
            materials.of_temporary(app, kind, media_id).await.unwrap().map(|material| material.media_id)
        };
        assert_eq!(of_digest("shop", IMAGE, "d1").await.as_deref(), Some("M1"));
        assert_eq!(of_temporary("shop", IMAGE, "t2").await.as_deref(), Some("M1"));
        for (app, kind, key) in [
            ("blog", IMAGE, "1"),
            ("shop", MaterialType::Voice, "1"),
            ("shop", IMAGE, "9"),
            ("shop", IMAGE, "4"),
            ("shop", IMAGE, "\0"),
        ] {
            assert_eq!(of_digest(app, kind, &format!("d{key}")).await, None, "{app} {key}");
            assert_eq!(of_temporary(app, kind, &format!("t{key}")).await, None, "{app} {key}");
        }
        materials.remember_temporary("shop", IMAGE, "t3", "d1").await.unwrap();
        assert_eq!(of_temporary("shop", IMAGE, "t3").await.as_deref(), Some("M1"));

        assert!(materials.delete("shop", "M1").await.unwrap());
        assert!(!materials.delete("shop", "M1").await.unwrap());
        assert_eq!(of_digest("shop", IMAGE, "d1").await, None, "what is gone is uploaded again");
        assert_eq!(of_temporary("shop", IMAGE, "t1").await, None);
        for error in [
            materials.insert("nobody", &uploaded("M", "d")).await.unwrap_err(),
            materials.remember_temporary("nobody", IMAGE, "t", "d").await.unwrap_err(),
            materials.put_listed("nobody", &[listed("M", IMAGE, 1)], 1).await.unwrap_err(),
        ] {
            assert!(matches!(error, StoreError::NotFound { kind: "app", .. }), "{error:?}");
        }
        store.apps().delete("shop").await.unwrap();
        assert_eq!(of_digest("shop", IMAGE, "d3").await, None);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn materials_are_listed_with_what_people_note() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        let materials = store.materials();
        let all = [listed("M1", IMAGE, 10), listed("M2", IMAGE, 20), listed("V1", MaterialType::Voice, 20)];
        materials.put_listed("shop", &all, 1000).await.unwrap();
        let change = |alias: &str, comment: &str| MaterialChange {
            alias: Some(alias.to_owned()),
            comment: Some(comment.to_owned()),
        };
        let changed = materials.change("shop", "M1", &change("标志 Logo", "spring 100%")).await.unwrap().unwrap();
        assert_eq!((&*changed.alias, &*changed.comment, &*changed.name), ("标志 Logo", "spring 100%", "M1.PNG"));
        let taken = materials.change("shop", "M2", &change("标志 Logo", "")).await.unwrap_err();
        assert!(matches!(taken, StoreError::AlreadyExists { .. }), "{taken:?}");
        assert_eq!(materials.change("shop", "M9", &change("a", "")).await.unwrap(), None);
        // WeChat tells them again: what is noted here stays.
        materials.put_listed("shop", &[listed("M1", IMAGE, 30)], 2000).await.unwrap();
        let found = materials.find("shop", "M1").await.unwrap().unwrap();
        assert_eq!((&*found.alias, found.updated_at), ("标志 Logo", 30));

        let ids = async |filter: MaterialFilter, after, limit| {
            let found = materials.list("shop", &filter, after, limit).await.unwrap();
            found.into_iter().map(|material| material.media_id).collect::<Vec<_>>()
        };
        let any = MaterialFilter::default;
        assert_eq!(ids(any(), None, 9).await, ["M1", "V1", "M2"]);
        assert_eq!(ids(any(), Some((20, "V1")), 9).await, ["M2"]);
        assert_eq!(ids(any(), None, 1).await, ["M1"]);
        assert_eq!(ids(MaterialFilter { material_type: Some(MaterialType::Voice), ..any() }, None, 9).await, ["V1"]);
        assert_eq!(ids(MaterialFilter { alias: Some("标志 Logo".into()), ..any() }, None, 9).await, ["M1"]);
        assert_eq!(ids(MaterialFilter { updated_before: Some(30), ..any() }, None, 9).await, ["V1", "M2"]);
        for (search, expected) in
            [("logo", &["M1"][..]), ("0%", &["M1"]), ("v1.p", &["V1"]), ("M2", &["M2"]), ("_", &[]), ("\0", &[])]
        {
            assert_eq!(
                ids(MaterialFilter { search: Some(search.into()), ..any() }, None, 9).await,
                expected,
                "{search}"
            );
        }
        let cleared = materials.change("shop", "M1", &change("", "")).await.unwrap().unwrap();
        assert_eq!((&*cleared.alias, &*cleared.comment), ("", ""));
        materials.change("shop", "M2", &MaterialChange::default()).await.unwrap();
        assert!(materials.change("shop", "M2", &change("标志 Logo", "")).await.is_ok());
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_was_not_seen_since_then_is_removed_with_its_articles() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        let (materials, news) = (store.materials(), MaterialType::News);
        let all = [listed("N1", news, 1), listed("N2", news, 2), listed("M1", IMAGE, 3)];
        materials.put_listed("shop", &all, 1000).await.unwrap();
        materials.put_listed("shop", &[listed("N2", news, 2)], 2000).await.unwrap();
        assert_eq!(materials.remove_unseen("shop", news, 2000).await.unwrap(), 1);
        let left = materials.list("shop", &MaterialFilter::default(), None, 9).await.unwrap();
        assert_eq!(left.iter().map(|material| &*material.media_id).collect::<Vec<_>>(), ["M1", "N2"]);
        let articles = async |id: &str| store.articles().find("shop", ArticleKind::Material, id).await.unwrap();
        assert_eq!(articles("N1").await, None);
        assert_eq!(articles("N2").await.unwrap().items[0].title, "新闻 News");
        materials.delete("shop", "N2").await.unwrap();
        assert_eq!(articles("N2").await, None);
        // What was uploaded just now was not there when a list was read before.
        materials.insert("shop", &uploaded("M2", "d")).await.unwrap();
        assert_eq!(materials.remove_unseen("shop", IMAGE, 5000).await.unwrap(), 1);
        assert!(materials.find("shop", "M2").await.unwrap().is_some());
        store.close().await;
    })
    .await;
}
