//! Tables `menus` and `menu_versions`.

use std::time::Duration;

use serde_json::json;
use weft::model::{Handler, Menu};
use weft::storage::{HandlerChanges, MenuDraft, StoreError, digest_of};

use super::add_app;
use crate::support::database::{START, on_every_database};

fn menu(name: &str) -> Menu {
    let click = json!({"type": "click", "name": name, "key": "k\\\"😀"});
    let sub = json!({"name": "more", "sub_buttons": [
        {"type": "view", "name": "v", "url": "https://a.example/"},
        {"type": "miniprogram", "name": "m", "url": "https://a.example/", "appid": "wx1", "pagepath": "p?a=1"},
        {"type": "media_id", "name": "m", "media_id": "M"},
        {"type": "article_id", "name": "a", "article_id": "A"},
        {"type": "location_select", "name": "l", "key": "L"},
    ]});
    let conditional = [
        json!({"buttons": [click], "matchrule": {"tag_id": 2}}),
        json!({"buttons": [sub], "matchrule": {"tag_id": 2, "client_platform_type": 1}}),
    ];
    let menu: Menu = serde_json::from_value(json!({"buttons": [click, sub], "conditional": conditional})).unwrap();
    assert_eq!(menu.check(), []);
    menu
}

#[tokio::test]
async fn a_draft_reads_back_as_it_was_stored_and_goes_with_its_app() {
    on_every_database(async |database| {
        let store = database.open().await;
        let error = store.menus().put_draft("shop", &menu("a")).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound { kind: "app", .. }), "{error:?}");
        add_app(&store, "shop").await;
        assert_eq!(store.menus().draft("shop").await.unwrap(), None);
        store.menus().put_draft("shop", &menu("a")).await.unwrap();
        database.clock.advance(Duration::from_secs(5));
        let put = store.menus().put_draft("shop", &menu("b")).await.unwrap();
        assert_eq!(put, MenuDraft { menu: menu("b"), updated_at: START + 5 });
        assert_eq!(store.menus().draft("shop").await.unwrap(), Some(put));
        assert_eq!(store.menus().draft("s\0hop").await.unwrap(), None);
        assert!(store.apps().delete("shop").await.unwrap());
        add_app(&store, "shop").await;
        assert_eq!(store.menus().draft("shop").await.unwrap(), None);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn versions_come_newest_first_and_the_oldest_are_forgotten() {
    on_every_database(async |database| {
        let store = database.open().await;
        let menus = store.menus();
        let error = menus.add_version("shop", &menu("a"), Vec::new()).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound { kind: "app", .. }), "{error:?}");
        add_app(&store, "shop").await;
        add_app(&store, "blog").await;
        let other = menus.add_version("blog", &menu("other"), vec!["7".into()]).await.unwrap();
        let mut added = Vec::new();
        for number in 0..103 {
            let menuids = vec![number.to_string(), "x".to_owned()];
            added.push(menus.add_version("shop", &menu(&number.to_string()), menuids).await.unwrap());
        }
        assert_eq!((added[5].published_at, &added[5].digest), (START, &digest_of(&menu("5"))));
        let kept: Vec<_> = added.iter().skip(3).rev().cloned().collect();
        let mut seen = Vec::new();
        loop {
            let behind = seen.last().map(|version: &weft::storage::MenuVersion| version.id.clone());
            let page = menus.versions("shop", behind.as_deref(), 40).await.unwrap();
            if page.is_empty() {
                break;
            }
            seen.extend(page);
        }
        assert_eq!(seen, kept);
        assert_eq!(menus.version("shop", &kept[7].id).await.unwrap().as_ref(), Some(&kept[7]));
        assert_eq!(menus.version("shop", &added[0].id).await.unwrap(), None);
        assert_eq!(menus.version("shop", &other.id).await.unwrap(), None);
        assert_eq!(menus.versions("blog", None, 9).await.unwrap(), [other]);
        assert!(store.apps().delete("shop").await.unwrap());
        assert_eq!(menus.versions("shop", None, 9).await.unwrap(), []);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn handlers_and_the_draft_change_together_or_not_at_all() {
    on_every_database(async |database| {
        let store = database.open().await;
        let changes = |count| HandlerChanges {
            put: vec![Handler::new("shop", "a"); count],
            menu: Some(menu("a")),
            ..HandlerChanges::default()
        };
        let change = async |count| store.handlers().change_all("shop", |_| Ok::<_, StoreError>(changes(count))).await;
        assert!(matches!(change(0).await.unwrap_err(), StoreError::NotFound { kind: "app", .. }));
        add_app(&store, "shop").await;
        assert!(matches!(change(5001).await.unwrap_err(), StoreError::LimitReached(_)));
        assert_eq!(store.menus().draft("shop").await.unwrap(), None);
        change(1).await.unwrap();
        assert_eq!(store.menus().draft("shop").await.unwrap().unwrap().menu, menu("a"));
        assert_eq!(store.handlers().list("shop").await.unwrap().len(), 1);
        store.close().await;
    })
    .await;
}
