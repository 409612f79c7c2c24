//! `weft serve` is killed again and again while WeChat tells of payments and a hook hears of them.
//!
//! `WEFT_TEST_CRASHES=100` kills it so many times on each database; the figures are printed with `--nocapture`.

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::Mutex,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::sync::Notify;
use weft::{
    clock::Clock,
    config::DatabaseUrl,
    simulator::pay::{PLATFORM_PUBLIC_KEY, PUBLIC_KEY_ID, PayGateway, Posted},
};
use weft_wechat::pay::{
    Party,
    v2::{Merchant, SignType, success},
    v3::Certificate,
};

use super::{
    CERTIFICATE, PRIVATE_KEY,
    merchants::{API_KEY, APIV3_KEY, MERCHANTS},
};
use crate::support::{PATIENCE, TestApp, client, database::on_every_database, guests, process::Process, until};

/// How often it is killed on each database, unless the environment says more.
const CRASHES: usize = 4;

/// Orders that are paid while one process lives.
const ORDERS: usize = 24;

/// How often WeChat tells of each of them while that process lives.
const TOLD: usize = 3;

/// The longest pause between two notifications, in milliseconds: hooks hear of some orders while WeChat tells of others.
const GAP_MS: u64 = 15;

const MERCHANT_IDS: [(&str, &str); 2] = [("old", "1900000109"), ("new", "1900000110")];

/// A merchant and the number of one of its orders.
type Number = (&'static str, &'static str, String);

/// What survives the processes.
struct World {
    pay: PayGateway,
    client: Client,
    token: String,
    data: PathBuf,
    plugins: PathBuf,
    database_url: Option<DatabaseUrl>,
}

impl World {
    /// Both kinds of merchants, with a hook that remembers every event.
    async fn open(folder: &std::path::Path, database_url: Option<DatabaseUrl>) -> Self {
        let pay = PayGateway::start(Clock::system()).await.unwrap();
        let party =
            |mch_id: &str| Party { appid: "wx1".into(), mch_id: mch_id.into(), sub_appid: None, sub_mch_id: None };
        let [(_, old), (_, new)] = MERCHANT_IDS;
        let key = API_KEY.parse().unwrap();
        pay.add_v2(Merchant { party: party(old), key, sign_type: SignType::HmacSha256 });
        let certificate = Certificate::from_pem(CERTIFICATE).unwrap();
        pay.add_v3(party(new), APIV3_KEY.parse().unwrap(), certificate.public_key);

        let (data, plugins) = (folder.join("data"), folder.join("plugins"));
        std::fs::create_dir_all(&plugins).unwrap();
        std::fs::write(plugins.join("ear.wasm"), guests::listener().await).unwrap();
        let app = TestApp::start_with(|config| {
            config.data_dir.clone_from(&data);
            config.plugins_dir.clone_from(&plugins);
            config.database_url.clone_from(&database_url);
        })
        .await;
        app.create_app("shop", json!({"appid": "wx1", "order_hook": "ear/fulfil"})).await;
        assert_eq!(app.api(Method::PUT, "/apps/shop/plugins/ear", Some(json!({"kv": true}))).await.0, 200);
        for (name, mch_id) in MERCHANT_IDS {
            let merchant = json!({
                "name": name, "mch_id": mch_id, "api_version": if name == "old" { "v2" } else { "v3" },
                "sign_type": "HMAC-SHA256", "api_key": API_KEY, "apiv3_key": APIV3_KEY, "private_key": PRIVATE_KEY,
                "client_cert": CERTIFICATE, "public_key": PLATFORM_PUBLIC_KEY, "public_key_id": PUBLIC_KEY_ID,
            });
            let (status, created) = app.api(Method::POST, MERCHANTS, Some(merchant)).await;
            assert_eq!(status, 201, "{created}");
        }
        let token = app.token.clone();
        app.stop().await;
        Self { pay, client: client(), token, data, plugins, database_url }
    }

    fn serve(&self) -> Process {
        let url = match &self.database_url {
            Some(DatabaseUrl::Postgres(url)) => url.expose().to_owned(),
            _ => format!("sqlite://{}", self.data.join("weft.db").display()),
        };
        Process::serve_with(
            &self.data,
            &self.plugins,
            &[("WEFT_DATABASE_URL", &url), ("WEFT_PAY__API_BASE", &self.pay.base)],
        )
    }

    async fn call(&self, process: &Process, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request =
            self.client.request(method, format!("{}/api/v1{path}", process.base)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// Creates orders of both merchants that WeChat knows and whose users have paid.
    async fn paid(&self, process: &Process, round: usize) -> Vec<Number> {
        let numbers = (0..ORDERS).map(|number| {
            let (merchant, mch_id) = MERCHANT_IDS[number % 2];
            (merchant, mch_id, format!("T{round:04}{number:04}"))
        });
        let paying = numbers.map(|number| self.one_paid(process, number));
        stream::iter(paying).buffer_unordered(8).collect().await
    }

    /// Creates an order that WeChat knows and whose user has paid.
    async fn one_paid(&self, process: &Process, (merchant, mch_id, number): Number) -> Number {
        let order = json!({
            "out_trade_no": number, "body": "a pear", "total_fee": 101, "openid": "oTEST", "trade_type": "JSAPI",
        });
        let path = format!("{MERCHANTS}/{merchant}/orders");
        let (status, created) = self.call(process, Method::POST, &path, Some(order)).await;
        assert_eq!(status, 201, "{created}");
        let prepay = format!("{path}/{number}/prepay");
        let (status, prepaid) = self.call(process, Method::POST, &prepay, Some(json!({}))).await;
        assert_eq!(status, 200, "{prepaid}");
        self.pay.pay(mch_id, &number).unwrap();
        (merchant, mch_id, number)
    }

    fn notification(&self, process: &Process, (merchant, mch_id, number): &Number) -> Posted {
        let mut posted = self.pay.notification(mch_id, number).unwrap().expect("it is paid");
        posted.url = format!("{}/wechat/shop/pay/{merchant}/notify/", process.base);
        posted
    }

    async fn order(&self, process: &Process, (merchant, _, number): &Number) -> Value {
        self.call(process, Method::GET, &format!("{MERCHANTS}/{merchant}/orders/{number}"), None).await.1
    }

    async fn events(&self, process: &Process, (merchant, _, number): &Number) -> Vec<Value> {
        let path = format!("{MERCHANTS}/{merchant}/orders/{number}/events");
        self.call(process, Method::GET, &path, None).await.1["items"].as_array().unwrap().clone()
    }
}

/// Whether WeChat takes the answer for a yes.
async fn is_taken(posted: &Posted) -> bool {
    match posted.send().await {
        Ok((200, body)) => body == success() || body.contains("SUCCESS\""),
        Ok(_) | Err(_) => false,
    }
}

/// Has WeChat tell of all the orders, each several times and in any order, and kills the process in the middle of it.
/// Gives those whose notification was taken.
async fn tell_until_it_dies(
    world: &World,
    process: Process,
    numbers: &[Number],
    rng: &mut impl Rng,
) -> HashSet<Number> {
    let mut posts: Vec<_> = (0..TOLD)
        .flat_map(|_| numbers.iter().map(|number| (number.clone(), world.notification(&process, number))))
        .collect();
    posts.shuffle(rng);
    let (last, gap) = (rng.random_range(0..posts.len()), Duration::from_millis(rng.random_range(0..GAP_MS)));
    let rest = Duration::from_micros(rng.random_range(0..5000));
    let (taken, killed) = (Mutex::new(HashSet::new()), Notify::new());
    let telling = posts.iter().enumerate().map(async |(place, (number, posted))| {
        tokio::time::sleep(gap).await;
        if place == last {
            killed.notify_one();
        }
        if is_taken(posted).await {
            taken.lock().unwrap().insert(number.clone());
        }
    });
    let telling = stream::iter(telling).buffered(16).collect::<()>();
    let dying = async {
        killed.notified().await;
        tokio::time::sleep(rest).await;
        process.kill();
    };
    tokio::join!(telling, dying);
    taken.into_inner().unwrap()
}

/// The events of an order, when the hook has heard of all. What a process was telling when it died is told again when a
/// call could have ended: after 40 seconds.
async fn heard(world: &World, process: &Process, number: &Number) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let events = world.events(process, number).await;
        if events.iter().all(|event| event["delivery"] == "delivered") {
            return events;
        }
        assert!(Instant::now() < deadline, "the hook has not heard of {number:?}: {events:#?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Nothing that was taken is lost, nothing changed twice, and the hook has heard of every change.
async fn check(world: &World, process: &Process, numbers: &[Number]) -> usize {
    let mut repeated = 0;
    for number in numbers {
        let order = world.order(process, number).await;
        assert_eq!((&order["state"], &order["version"]), (&json!("SUCCESS"), &json!(2)), "{order}");
        assert_eq!(order["alarms"], json!([]), "{order}");
        let events = heard(world, process, number).await;
        let became: Vec<_> = events.iter().map(|event| (event["version"].clone(), event["state"].clone())).collect();
        assert_eq!(became, [(json!(1), json!("NOTPAY")), (json!(2), json!("SUCCESS"))], "{events:#?}");
        for event in &events {
            let tries = event["deliveries"].as_array().unwrap();
            let last = tries.last().unwrap();
            assert_eq!(last["outcome"], "ok", "{event}");
            repeated += usize::from(last["attempt"].as_u64().unwrap() > 1);
        }
    }
    repeated
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_at_any_time_loses_no_payment_and_no_event() {
    let crashes = std::env::var("WEFT_TEST_CRASHES").map_or(CRASHES, |count| count.parse().unwrap());
    let seed = std::env::var("WEFT_TEST_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("WEFT_TEST_SEED={seed}");
    on_every_database(async |database| {
        let mut rng = StdRng::seed_from_u64(seed);
        let folder = tempfile::tempdir().unwrap();
        let shared = matches!(database.url, DatabaseUrl::Postgres(_)).then(|| database.url.clone());
        let world = World::open(folder.path(), shared).await;
        let (mut all, mut taken, mut slowest) = (Vec::new(), HashSet::new(), Duration::ZERO);
        let mut process = world.serve();
        for round in 0..crashes {
            let numbers = world.paid(&process, round).await;
            let of_this_life = tell_until_it_dies(&world, process, &numbers, &mut rng).await;
            let began = Instant::now();
            process = world.serve();
            slowest = slowest.max(began.elapsed());
            for number in &of_this_life {
                let order = world.order(&process, number).await;
                assert_eq!(order["state"], "SUCCESS", "it was taken, and is lost: {order}");
            }
            taken.extend(of_this_life);
            all.extend(numbers);
        }
        // WeChat goes on with what was not taken.
        for number in all.iter().filter(|number| !taken.contains(number)) {
            assert!(is_taken(&world.notification(&process, number)).await, "{number:?}");
        }
        let repeated = check(&world, &process, &all).await;
        process.kill();
        println!(
            "{}: {crashes} crashes, {} orders paid, {} taken before a crash and {} after it, {repeated} of {} events \
             told more than once, slowest start {slowest:?}",
            if database.file().is_some() { "SQLite" } else { "PostgreSQL" },
            all.len(),
            taken.len(),
            all.len() - taken.len(),
            2 * all.len(),
        );
        assert!(!taken.is_empty() && taken.len() < all.len(), "it died before or after everything: nothing is shown");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_a_hook_was_at_work_on_when_the_process_was_killed_is_told_again_as_the_same() {
    on_every_database(async |database| {
        let folder = tempfile::tempdir().unwrap();
        let shared = matches!(database.url, DatabaseUrl::Postgres(_)).then(|| database.url.clone());
        let world = World::open(folder.path(), shared).await;
        let process = world.serve();
        let hook = json!({"order_hook": "ear/lingers"});
        assert_eq!(world.call(&process, Method::PATCH, "/apps/shop", Some(hook)).await.0, 200);
        // What a process that has died was telling is told again so long after it began, and ten seconds.
        let soon = json!({"kv": true, "limits": {"hook_timeout_ms": 5000}});
        assert_eq!(world.call(&process, Method::PUT, "/apps/shop/plugins/ear", Some(soon)).await.0, 200);
        let (merchant, mch_id) = MERCHANT_IDS[0];
        let number = world.one_paid(&process, (merchant, mch_id, "T00000001".to_owned())).await;
        let known = world.events(&process, &number).await;
        let id = known[0]["id"].as_str().unwrap();
        let told = |process: &Process| process.lines_with(&["a plugin says", "told of ", id]);
        let first = until("the hook is at work", async || told(&process).pop()).await;
        assert!(first.contains(", try 1\""), "{first}");
        process.kill();

        let process = world.serve();
        assert!(is_taken(&world.notification(&process, &number)).await);
        let events = heard(&world, &process, &number).await;
        let again = until("the hook was told again", async || told(&process).pop()).await;
        assert!(again.contains(", try 2\""), "{again}");
        assert_eq!(told(&process).len(), 1, "once more, and no oftener");
        let became: Vec<_> = events.iter().map(|event| (&event["version"], &event["state"])).collect();
        assert_eq!(became, [(&json!(1), &json!("NOTPAY")), (&json!(2), &json!("SUCCESS"))], "{events:#?}");
        assert_eq!(events[0]["id"], id);
        let tries = events[0]["deliveries"].as_array().unwrap();
        assert_eq!(tries.len(), 1, "of the first try there is no end: {tries:?}");
        assert_eq!((&tries[0]["attempt"], &tries[0]["outcome"]), (&json!(2), &json!("ok")), "{tries:?}");
        process.kill();
    })
    .await;
}
