//! Table `handlers`.

use std::time::Duration;

use weft::model::{Condition, Handler, HandlerSource, PluginTarget, ReplyContent, ReplyStrategy, ReplyTemplate, Rule};
use weft::storage::{HandlerChanges, HandlerPlace, Store, StoreError};
use weft_wechat::reply::{Article, Music, Reply, Video};

use super::add_app;
use crate::support::database::{START, on_every_database};

fn greeting() -> Handler {
    let target = || "greeter/vip".parse::<PluginTarget>().unwrap();
    let rules = [
        Condition::All,
        Condition::MsgType("image".into()),
        Condition::Event("subscribe".into()),
        Condition::EventKey { event: "CLICK".into(), key: "k\\\"".into() },
        Condition::Contain("你好😀".into()),
        Condition::Equal("  hi ".into()),
        Condition::Regex(r"^\d+$".into()),
        Condition::Custom(target()),
    ];
    let text = |text: &str| text.to_owned();
    let video = Video { media_id: text("M"), title: text(""), description: text("D") };
    let music = Music {
        title: text("T"),
        description: text(""),
        music_url: text("https://m.example/"),
        hq_music_url: text(""),
        thumb_media_id: text("M"),
    };
    let article =
        Article { title: text("T"), description: text(""), pic_url: text(""), url: text("https://a.example/") };
    let replies = [
        ReplyContent::Static(Reply::Text(text("line 1\nline 2"))),
        ReplyContent::Static(Reply::Image(text("M"))),
        ReplyContent::Static(Reply::Voice(text("M"))),
        ReplyContent::Static(Reply::Video(video)),
        ReplyContent::Static(Reply::Music(music)),
        ReplyContent::Static(Reply::News(vec![article])),
        ReplyContent::Material { media_id: text("M") },
        ReplyContent::Static(Reply::TransferCustomerService(None)),
        ReplyContent::Static(Reply::TransferCustomerService(Some(text("a@gh")))),
        ReplyContent::Custom(target()),
        ReplyContent::Forward { url: text("https://f.example/"), pass_query: true },
    ];
    Handler {
        source: HandlerSource::Mp,
        strategy: ReplyStrategy::RandomOne,
        enabled: false,
        starts: Some(1),
        ends: Some(2),
        weight: -3,
        log_message: true,
        stop_on_exception: true,
        rules: rules.into_iter().map(|condition| Rule { weight: 7, condition }).collect(),
        replies: replies.into_iter().map(ReplyTemplate::from).collect(),
        ..Handler::new("shop", "问候")
    }
}

async fn add(store: &Store, name: &str, weight: i32) -> Handler {
    store.handlers().insert(&Handler { weight, ..Handler::new("shop", name) }).await.unwrap()
}

fn names(handlers: &[Handler]) -> Vec<&str> {
    handlers.iter().map(|handler| handler.name.as_str()).collect()
}

#[tokio::test]
async fn a_handler_reads_back_as_it_was_stored() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        let stored = store.handlers().insert(&greeting()).await.unwrap();
        assert_eq!(stored, Handler { id: stored.id.clone(), created_at: START, updated_at: START, ..greeting() });
        assert_eq!(stored.check(), []);
        assert_eq!(store.handlers().find("shop", &stored.id).await.unwrap(), Some(stored.clone()));
        assert_eq!(store.handlers().list("shop").await.unwrap(), [stored]);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn handlers_are_listed_in_the_order_in_which_they_are_tried_page_by_page() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        for (name, weight) in [("old", 0), ("heavy", 5), ("same second", 0), ("light", -1)] {
            add(&store, name, weight).await;
        }
        database.clock.advance(Duration::from_secs(1));
        add(&store, "new", 0).await;
        let expected = ["heavy", "new", "same second", "old", "light"];
        assert_eq!(names(&store.handlers().list("shop").await.unwrap()), expected);
        let (mut seen, mut behind) = (Vec::new(), None);
        loop {
            let page = store.handlers().page("shop", behind.as_ref(), 2).await.unwrap();
            let Some(last) = page.last() else { break };
            behind = Some(HandlerPlace { weight: last.weight, created_at: last.created_at, id: last.id.clone() });
            seen.extend(page);
        }
        assert_eq!(names(&seen), expected);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_change_keeps_id_and_creation_and_an_error_changes_nothing() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        let before = add(&store, "a", 0).await;
        database.clock.advance(Duration::from_secs(9));
        let change = |handler: &mut Handler| {
            *handler = Handler { weight: 4, ..Handler::new("other", "b") };
            Ok::<_, StoreError>(())
        };
        let after = store.handlers().change("shop", &before.id, change).await.unwrap().unwrap();
        let expected = Handler { name: "b".into(), weight: 4, updated_at: START + 9, ..before.clone() };
        assert_eq!(after, expected);
        let revision = store.apps().revision().await.unwrap();
        let refuse = |handler: &mut Handler| {
            handler.weight = 9;
            Err(StoreError::LimitReached("no".into()))
        };
        assert!(store.handlers().change("shop", &before.id, refuse).await.is_err());
        assert_eq!(store.handlers().find("shop", &before.id).await.unwrap(), Some(expected));
        let nothing = |_: &mut Handler| Ok::<_, StoreError>(());
        assert_eq!(store.handlers().change("shop", "nobody", nothing).await.unwrap(), None);
        assert_eq!(store.handlers().change("shop", "no\0body", nothing).await.unwrap(), None);
        assert_eq!(store.handlers().change("nowhere", &before.id, nothing).await.unwrap(), None);
        assert!(!store.handlers().delete("nowhere", &before.id).await.unwrap());
        assert_eq!(store.apps().revision().await.unwrap(), revision);
        assert!(store.handlers().delete("shop", &before.id).await.unwrap());
        assert!(!store.handlers().delete("shop", &before.id).await.unwrap());
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn all_handlers_of_an_app_are_changed_together_or_not_at_all() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        for name in ["a", "b", "c"] {
            add(&store, name, 0).await;
        }
        let change = |before: Vec<Handler>| {
            let mut put = vec![Handler { weight: 1, ..before[0].clone() }];
            put.extend(["d", "e"].map(|name| Handler::new("shop", name)));
            Ok::<_, StoreError>(HandlerChanges {
                put,
                deleted: vec![before[2].id.clone()],
                ..HandlerChanges::default()
            })
        };
        let put = store.handlers().change_all("shop", change).await.unwrap();
        assert_eq!(names(&put), ["c", "d", "e"]);
        assert_eq!(names(&store.handlers().list("shop").await.unwrap()), ["c", "e", "d", "b"]);

        let too_many = |before: Vec<Handler>| {
            let deleted = before.into_iter().map(|handler| handler.id).collect();
            let put = vec![Handler::new("shop", "x"); 5001];
            Ok::<_, StoreError>(HandlerChanges { put, deleted, ..HandlerChanges::default() })
        };
        let error = store.handlers().change_all("shop", too_many).await.unwrap_err();
        assert!(matches!(error, StoreError::LimitReached(_)), "{error:?}");
        assert_eq!(names(&store.handlers().list("shop").await.unwrap()), ["c", "e", "d", "b"]);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_handlers_of_an_app_have_a_limit_together() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        let handler =
            Handler { rules: vec![Rule::from(Condition::Regex(r"\w{1,40}".into()))], ..Handler::new("shop", "words") };
        assert_eq!(handler.check(), []);
        for _ in 0..7 {
            store.handlers().insert(&handler).await.unwrap();
        }
        let error = store.handlers().insert(&handler).await.unwrap_err();
        assert!(matches!(error, StoreError::LimitReached(_)), "{error:?}");
        assert_eq!(store.handlers().list("shop").await.unwrap().len(), 7);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn every_change_gives_the_app_a_revision_that_no_app_had_before() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "blog").await;
        add_app(&store, "shop").await;
        let revision = async || {
            let revisions = store.handlers().revisions().await.unwrap();
            assert!(revisions.contains(&("blog".to_owned(), 0)), "{revisions:?}");
            revisions.into_iter().find(|(app, _)| app == "shop").unwrap().1
        };
        let mut seen = vec![revision().await];
        let first = add(&store, "a", 0).await;
        seen.push(revision().await);
        store.handlers().change("shop", &first.id, |_| Ok::<_, StoreError>(())).await.unwrap();
        seen.push(revision().await);
        store.handlers().delete("shop", &first.id).await.unwrap();
        seen.push(revision().await);
        assert!(store.apps().delete("shop").await.unwrap());
        add_app(&store, "shop").await;
        assert_eq!(revision().await, 0);
        add(&store, "a", 0).await;
        seen.push(revision().await);
        assert!(seen.is_sorted_by(|one, next| one < next), "{seen:?}");
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn handlers_belong_to_their_app_and_go_with_it() {
    on_every_database(async |database| {
        let store = database.open().await;
        let error = store.handlers().insert(&greeting()).await.unwrap_err();
        assert!(matches!(&error, StoreError::NotFound { kind: "app", name } if name == "shop"), "{error:?}");
        add_app(&store, "shop").await;
        add_app(&store, "blog").await;
        let stored = store.handlers().insert(&greeting()).await.unwrap();
        assert_eq!(store.handlers().find("blog", &stored.id).await.unwrap(), None);
        assert_eq!(store.handlers().list("blog").await.unwrap(), []);
        assert_eq!(store.handlers().list("sh\0p").await.unwrap(), []);
        assert!(store.apps().delete("shop").await.unwrap());
        add_app(&store, "shop").await;
        assert_eq!(store.handlers().list("shop").await.unwrap(), []);
        store.close().await;
    })
    .await;
}
