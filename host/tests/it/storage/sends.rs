//! Messages made of templates, and what becomes of them for each user.

use std::time::Duration;

use weft::model::{
    App, AppType, MessageCall, MessageSend, Recipients, SendOutcome, Target, Template, TemplateChange, TemplateKind,
    TemplateMessage,
};
use weft::storage::{BatchRow, NewSend, OutcomeRow, SettledAs, Store, StoreError, ToldOutcome};

use crate::support::database::on_every_database;

async fn shop(store: &Store) {
    store.apps().insert(&App::new("shop", AppType::Service, "wx1")).await.unwrap();
}

fn new(via: MessageCall, client_msg_id: Option<&str>) -> NewSend {
    NewSend {
        app: "shop".to_owned(),
        message: TemplateMessage { template_id: "T".to_owned(), data: std::collections::BTreeMap::default(), via },
        to: Recipients::Openids(3),
        client_msg_id: client_msg_id.map(str::to_owned),
        created_by: "test".to_owned(),
    }
}

async fn add(store: &Store, via: MessageCall, openids: &[&str]) -> MessageSend {
    let openids: Vec<_> = openids.iter().map(|openid| (*openid).to_owned()).collect();
    store.sends().add(&new(via, None), &openids, SendOutcome::Queued).await.unwrap()
}

async fn outcome(store: &Store, send: &MessageSend, openid: &str) -> SendOutcome {
    store.sends().recipient(&send.id, openid).await.unwrap().unwrap().outcome
}

fn told(msgid: &str, openid: &str, template_id: Option<&str>, outcome: SendOutcome) -> OutcomeRow {
    let told = ToldOutcome::Message {
        msgid: msgid.to_owned(),
        openid: openid.to_owned(),
        template_id: template_id.map(str::to_owned),
        outcome,
        errcode: None,
        reason: None,
    };
    OutcomeRow { app: "shop".to_owned(), told }
}

fn sent(msgid: &str) -> SettledAs {
    SettledAs::Sent(Some(msgid.to_owned()))
}

#[tokio::test]
async fn each_user_is_taken_once_and_settled_once() {
    on_every_database(async |database| {
        let store = database.open().await;
        shop(&store).await;
        let send = add(&store, MessageCall::Template(Target::default()), &["oC", "oA", "oB", "oA"]).await;
        let sends = store.sends();
        assert_eq!(sends.take(&send.id, 2).await.unwrap().len(), 2);
        assert_eq!(sends.take(&send.id, 2).await.unwrap().len(), 1);
        assert_eq!(sends.take(&send.id, 2).await.unwrap(), [""; 0]);
        let now = database.clock.now();
        let cut_off = sends.cut_off(&send.id, 10).await.unwrap();
        assert_eq!(cut_off, ["oA", "oB", "oC"].map(|openid| (openid.to_owned(), now)));

        sends.settle(&send, "oA", &sent("1")).await.unwrap();
        sends.settle(&send, "oA", &SettledAs::Unknown("late".to_owned())).await.unwrap();
        assert_eq!(outcome(&store, &send, "oA").await, SendOutcome::Sent, "what is settled stays");
        sends.settle(&send, "oB", &SettledAs::Queued).await.unwrap();
        sends.settle(&send, "oC", &SettledAs::Failed { errcode: Some(43101), reason: "no".to_owned() }).await.unwrap();
        let counts = sends.counts(&send.id).await.unwrap();
        let expected = [(SendOutcome::Queued, 1), (SendOutcome::Sent, 1), (SendOutcome::Failed, 1)];
        assert_eq!(counts, expected.into());
        assert_eq!(sends.take(&send.id, 2).await.unwrap(), ["oB"]);

        let listed = sends.recipients(&send.id, None, Some("oA"), 10).await.unwrap();
        assert_eq!(listed.iter().map(|one| one.openid.as_str()).collect::<Vec<_>>(), ["oB", "oC"]);
        let failed = sends.recipients(&send.id, Some(SendOutcome::Failed), None, 10).await.unwrap();
        assert_eq!((failed.len(), failed[0].errcode), (1, Some(43101)));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_outcome_counts_whether_it_comes_before_or_after_the_id() {
    on_every_database(async |database| {
        let store = database.open().await;
        shop(&store).await;
        let send = add(&store, MessageCall::Template(Target::default()), &["oA", "oB", "oC"]).await;
        let sends = store.sends();
        sends.take(&send.id, 3).await.unwrap();
        let early = told("1", "oA", None, SendOutcome::Delivered);
        let nobodys = told("9", "oZ", None, SendOutcome::Delivered);
        OutcomeRow::write(&store, &[early, nobodys]).await.unwrap();
        assert_eq!(outcome(&store, &send, "oA").await, SendOutcome::Sending);
        for (openid, msgid) in [("oA", "1"), ("oB", "2"), ("oC", "3")] {
            sends.settle(&send, openid, &sent(msgid)).await.unwrap();
        }
        let late = [told("2", "oB", None, SendOutcome::Blocked), told("2", "oB", None, SendOutcome::Delivered)];
        OutcomeRow::write(&store, &late).await.unwrap();
        assert_eq!(outcome(&store, &send, "oA").await, SendOutcome::Delivered);
        assert_eq!(outcome(&store, &send, "oB").await, SendOutcome::Blocked, "the first one counts");
        assert_eq!(outcome(&store, &send, "oC").await, SendOutcome::Sent);
        // Of an app that is gone.
        let gone = OutcomeRow { app: "gone".to_owned(), ..told("5", "oA", None, SendOutcome::Delivered) };
        OutcomeRow::write(&store, &[gone]).await.unwrap();
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn outcomes_and_answers_that_come_at_once_find_each_other() {
    on_every_database(async |database| {
        let store = database.open().await;
        shop(&store).await;
        let openids: Vec<_> = (0..40).map(|number| format!("o{number:02}")).collect();
        let names: Vec<&str> = openids.iter().map(String::as_str).collect();
        let send = add(&store, MessageCall::Template(Target::default()), &names).await;
        store.sends().take(&send.id, 40).await.unwrap();
        let settling = async {
            for openid in &openids {
                store.sends().settle(&send, openid, &sent(openid)).await.unwrap();
            }
        };
        let telling = async {
            for openids in openids.chunks(7) {
                let rows: Vec<_> =
                    openids.iter().rev().map(|openid| told(openid, openid, None, SendOutcome::Delivered)).collect();
                OutcomeRow::write(&store, &rows).await.unwrap();
            }
        };
        tokio::join!(settling, telling);
        assert_eq!(store.sends().counts(&send.id).await.unwrap(), [(SendOutcome::Delivered, 40)].into());
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_message_without_an_id_is_found_by_user_and_template() {
    on_every_database(async |database| {
        let store = database.open().await;
        shop(&store).await;
        let first = add(&store, MessageCall::Subscribe(Target::default()), &["oA"]).await;
        let second = add(&store, MessageCall::Subscribe(Target::default()), &["oA"]).await;
        for send in [&first, &second] {
            store.sends().take(&send.id, 1).await.unwrap();
            store.sends().settle(send, "oA", &SettledAs::Sent(None)).await.unwrap();
            database.clock.advance(Duration::from_secs(1));
        }
        OutcomeRow::write(&store, &[told("7", "oA", Some("other"), SendOutcome::Failed)]).await.unwrap();
        OutcomeRow::write(&store, &[told("8", "oA", Some("T"), SendOutcome::Failed)]).await.unwrap();
        assert_eq!(outcome(&store, &first, "oA").await, SendOutcome::Sent);
        assert_eq!(outcome(&store, &second, "oA").await, SendOutcome::Failed, "the newest");
        let recipient = store.sends().recipient(&second.id, "oA").await.unwrap().unwrap();
        assert_eq!(recipient.msgid.as_deref(), Some("8"));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn requests_are_known_again_and_what_is_old_goes() {
    on_every_database(async |database| {
        let store = database.open().await;
        shop(&store).await;
        let sends = store.sends();
        let openids = ["oA".to_owned()];
        let once = new(MessageCall::Template(Target::default()), Some("c1"));
        let send = sends.add(&once, &openids, SendOutcome::Sending).await.unwrap();
        let again = sends.add(&once, &openids, SendOutcome::Sending).await;
        assert!(matches!(again, Err(StoreError::AlreadyExists { .. })), "{again:?}");
        assert_eq!(sends.of_client_msg_id("shop", "c1").await.unwrap(), Some(send.clone()));
        let nowhere = NewSend { app: "nowhere".to_owned(), ..once };
        assert!(matches!(sends.add(&nowhere, &[], SendOutcome::Queued).await, Err(StoreError::NotFound { .. })));

        // A process ended while it was sent.
        assert!(!sends.take_again(&send.id, "oA", 600).await.unwrap(), "it is under way");
        database.clock.advance(Duration::from_secs(130));
        assert_eq!(sends.give_up_cut_off(120, "ended").await.unwrap(), 1);
        assert_eq!(outcome(&store, &send, "oA").await, SendOutcome::Unknown);
        assert!(!sends.take_again(&send.id, "oA", 60).await.unwrap(), "too long ago");
        assert!(sends.take_again(&send.id, "oA", 600).await.unwrap());
        database.clock.advance(Duration::from_secs(500));
        assert_eq!(sends.give_up_cut_off(120, "ended").await.unwrap(), 1);
        assert!(!sends.take_again(&send.id, "oA", 600).await.unwrap(), "WeChat may have taken the first try");

        OutcomeRow::write(&store, &[told("1", "oZ", None, SendOutcome::Delivered)]).await.unwrap();
        sends.prune().await.unwrap();
        assert_eq!(sends.list("shop", None, 10).await.unwrap().len(), 1);
        database.clock.advance(Duration::from_hours(31 * 24));
        sends.prune().await.unwrap();
        assert_eq!(sends.list("shop", None, 10).await.unwrap(), []);
        assert!(store.apps().delete("shop").await.unwrap());
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn one_that_is_taken_again_after_days_and_cut_off_is_given_up_too() {
    on_every_database(async |database| {
        let store = database.open().await;
        shop(&store).await;
        let sends = store.sends();
        let once = new(MessageCall::Template(Target::default()), Some("c1"));
        let send = sends.add(&once, &["oA".to_owned()], SendOutcome::Sending).await.unwrap();
        let no = SettledAs::Failed { errcode: Some(43101), reason: "no".to_owned() };
        sends.settle(&send, "oA", &no).await.unwrap();
        database.clock.advance(Duration::from_hours(3 * 24));
        assert!(sends.take_again(&send.id, "oA", 600).await.unwrap(), "WeChat did not take it");
        database.clock.advance(Duration::from_secs(119));
        assert_eq!(sends.give_up_cut_off(120, "ended").await.unwrap(), 0, "it is under way");
        // A job looks after its own.
        let of_job = add(&store, MessageCall::Template(Target::default()), &["oB"]).await;
        sends.set_job(&of_job.id, "job").await.unwrap();
        sends.take(&of_job.id, 1).await.unwrap();
        database.clock.advance(Duration::from_mins(2));
        assert_eq!(sends.give_up_cut_off(120, "ended").await.unwrap(), 1);
        assert_eq!(outcome(&store, &send, "oA").await, SendOutcome::Unknown);
        assert_eq!(outcome(&store, &of_job, "oB").await, SendOutcome::Sending);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn templates_keep_their_alias_when_they_are_taken_over_again() {
    on_every_database(async |database| {
        let store = database.open().await;
        shop(&store).await;
        let templates = store.templates();
        let template = |id: &str, title: &str| Template {
            template_id: id.to_owned(),
            kind: TemplateKind::Template,
            title: title.to_owned(),
            content: "{{a.DATA}}".to_owned(),
            example: String::new(),
            primary_industry: String::new(),
            deputy_industry: String::new(),
            lasting: false,
            alias: String::new(),
            comment: String::new(),
            created_at: 0,
            updated_at: 0,
        };
        let both = [template("T1", "a"), template("T2", "b")];
        let sync = templates.take_over("shop", TemplateKind::Template, &both).await.unwrap();
        assert_eq!((sync.added, sync.changed, sync.removed), (2, 0, 0));
        let change = TemplateChange { alias: Some("order".to_owned()), comment: None };
        templates.change("shop", "T1", &change).await.unwrap().unwrap();
        let taken = templates.change("shop", "T2", &change).await;
        assert!(matches!(taken, Err(StoreError::AlreadyExists { .. })), "{taken:?}");
        let sync = templates.take_over("shop", TemplateKind::Template, &[template("T1", "new")]).await.unwrap();
        assert_eq!((sync.added, sync.changed, sync.removed), (0, 1, 1));
        let found = templates.find("shop", "order").await.unwrap().unwrap();
        assert_eq!((&*found.template_id, &*found.title), ("T1", "new"));
        assert_eq!(templates.find("shop", "").await.unwrap(), None);
        let sync = templates.take_over("shop", TemplateKind::Subscribe, &[]).await.unwrap();
        assert_eq!(sync.removed, 0, "the other kind is left alone");
        let nowhere = templates.take_over("nowhere", TemplateKind::Template, &both).await;
        assert!(matches!(nowhere, Err(StoreError::NotFound { .. })), "{nowhere:?}");
        store.close().await;
    })
    .await;
}
