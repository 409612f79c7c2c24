//! Table `articles`.

use weft::model::{ArticleKind, ArticleSet, PublicationOutcome, PublicationState};
use weft::storage::{ListedMaterial, StoreError};
use weft_wechat::api::material::NewsItem;

use super::add_app;
use crate::support::database::on_every_database;

fn set(id: &str, title: &str, updated_at: u64) -> ArticleSet {
    let item = NewsItem { title: title.to_owned(), author: "编辑 Ed\0".to_owned(), ..NewsItem::default() };
    ArticleSet { id: id.to_owned(), items: vec![item], updated_at, created_at: 0 }
}

#[tokio::test]
async fn articles_are_listed_by_kind_searched_and_forgotten() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        let (articles, draft) = (store.articles(), ArticleKind::Draft);
        let sets = [set("A", "春季 Sale", 10), set("B", "秋季 100%", 20), set("C", "冬季", 20)];
        articles.put("shop", draft, &sets, 1000).await.unwrap();
        articles.put("shop", ArticleKind::Published, &[set("A", "夏季", 30)], 1000).await.unwrap();
        let ids = async |kind, search: Option<&str>, after, limit| {
            let found = articles.list("shop", kind, search, after, limit).await.unwrap();
            found.into_iter().map(|set| set.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(draft, None, None, 9).await, ["C", "B", "A"]);
        assert_eq!(ids(draft, None, Some((20, "B")), 9).await, ["A"]);
        assert_eq!(ids(draft, None, None, 1).await, ["C"]);
        for (search, expected) in
            [("sALE", &["A"][..]), ("0%", &["B"]), ("ed", &["C", "B", "A"]), ("夏", &[]), ("_", &[]), ("\0", &[])]
        {
            assert_eq!(ids(draft, Some(search), None, 9).await, expected, "{search}");
        }
        assert_eq!(ids(ArticleKind::Published, None, None, 9).await, ["A"]);
        let found = articles.find("shop", draft, "B").await.unwrap().unwrap();
        assert_eq!((&*found.items[0].title, found.updated_at), ("秋季 100%", 20));

        articles.put("shop", draft, &[set("B", "新", 40)], 2000).await.unwrap();
        assert_eq!(articles.remove_unseen("shop", draft, 2000).await.unwrap(), 2);
        assert_eq!(ids(draft, None, None, 9).await, ["B"]);
        assert_eq!(ids(ArticleKind::Published, None, None, 9).await, ["A"]);
        assert!(articles.delete("shop", draft, "B").await.unwrap());
        assert!(!articles.delete("shop", draft, "B").await.unwrap());
        let error = articles.put("nobody", draft, &[set("A", "a", 1)], 1).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound { kind: "app", .. }), "{error:?}");
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_readers_see_of_an_id_is_what_it_was_published_as() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        let articles = store.articles();
        let shown = async |id: &str| {
            let set = articles.shown("shop", id).await.unwrap()?;
            Some(set.items[0].title.clone())
        };
        assert_eq!(shown("D").await, None);
        articles.put("shop", ArticleKind::Draft, &[set("D", "draft", 50), set("M", "draft too", 50)], 1).await.unwrap();
        assert_eq!(shown("D").await.as_deref(), Some("draft"));
        let listed = ListedMaterial {
            media_id: "M".into(),
            material_type: weft::model::MaterialType::News,
            name: "m".into(),
            url: None,
            updated_at: 1,
            articles: Some(set("M", "material", 1)),
        };
        store.materials().put_listed("shop", &[listed], 1).await.unwrap();
        assert_eq!(shown("M").await.as_deref(), Some("material"));
        store.publications().begin("shop", "P", "D", "draft").await.unwrap();
        articles.put("shop", ArticleKind::Published, &[set("A", "published", 1)], 1).await.unwrap();
        assert_eq!(shown("D").await.as_deref(), Some("draft"), "nobody has said that it is published");
        let outcome = PublicationOutcome {
            publish_id: "P".into(),
            state: PublicationState::Published,
            article_id: Some("A".into()),
            failed_indexes: Vec::new(),
        };
        store.publications().note("shop", &outcome).await.unwrap();
        assert_eq!(shown("D").await.as_deref(), Some("published"));
        assert_eq!(shown("A").await.as_deref(), Some("published"));
        store.close().await;
    })
    .await;
}
