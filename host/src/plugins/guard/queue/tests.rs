//! Turns, under load.

use std::{future::Future, pin::pin, task::Poll};

use futures::{FutureExt, future::BoxFuture};

use super::*;
use crate::plugins::limits::{INSTANCES, LOADING, RESERVED};

const BOUNDS: Bounds = Bounds { plugin: 2, lane: 2, app: 100, queue: 100, left: 0 };
const LONG: Duration = Duration::from_mins(1);

fn start<'q>(queue: &'q Queue, lane: &Arc<Lane>, bounds: Bounds) -> BoxFuture<'q, Result<Turn<'q>, NoTurn>> {
    start_for(queue, lane, bounds, LONG)
}

fn start_for<'q>(
    queue: &'q Queue,
    lane: &Arc<Lane>,
    bounds: Bounds,
    patience: Duration,
) -> BoxFuture<'q, Result<Turn<'q>, NoTurn>> {
    let mut turn = queue.turn(Arc::clone(lane), bounds, patience).boxed();
    // In line from now on, when there is no room.
    match poll(&mut turn) {
        Poll::Ready(turn) => std::future::ready(turn).boxed(),
        Poll::Pending => turn,
    }
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    pin!(future).poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

/// Checks that nothing runs and nobody waits.
fn assert_idle(queue: &Queue, lanes: &Lanes) {
    let crowd = lanes.crowd();
    assert_eq!((crowd.running, crowd.waiting), (0, 0));
    assert_eq!(queue.room.free.load(SeqCst), (INSTANCES - LOADING) as usize);
    assert_eq!(queue.waiting.load(SeqCst), 0);
    assert!(queue.line().is_empty());
    for lane in lanes.apps.all().into_iter().chain(lanes.pages.all()) {
        let loads = [&*lane.own, &*lane.app];
        assert!(loads.iter().all(|load| load.running.load(SeqCst) + load.waiting.load(SeqCst) == 0));
    }
}

#[tokio::test]
async fn the_apps_that_wait_get_turns_one_after_another() {
    let (queue, lanes) = (Queue::new(), Lanes::default());
    let [flood, one, two] = ["flood", "one", "two"].map(|app| lanes.of(app, &queue));
    let mut running = vec![
        ("flood", start(&queue, &flood, BOUNDS).await.unwrap()),
        ("flood", start(&queue, &flood, BOUNDS).await.unwrap()),
    ];
    let mut waiting: Vec<_> = (0..50).map(|_| ("flood", start(&queue, &flood, BOUNDS))).collect();
    waiting.extend([("one", start(&queue, &one, BOUNDS)), ("two", start(&queue, &two, BOUNDS))]);
    waiting.extend([("one", start(&queue, &one, BOUNDS)), ("flood", start(&queue, &flood, BOUNDS))]);
    let mut order = Vec::new();
    while !running.is_empty() {
        running.remove(0);
        let mut still = Vec::new();
        for (app, mut turn) in waiting {
            match poll(&mut turn) {
                Poll::Ready(turn) => {
                    order.push(app);
                    running.push((app, turn.unwrap()));
                }
                Poll::Pending => still.push((app, turn)),
            }
        }
        waiting = still;
    }
    assert_eq!(order.len(), 54);
    assert_eq!(order[..7], ["flood", "one", "two", "flood", "one", "flood", "flood"]);
    assert_idle(&queue, &lanes);
}

#[tokio::test]
async fn an_app_has_its_own_bound_and_others_pass_it() {
    let (queue, lanes) = (Queue::new(), Lanes::default());
    let [flood, other] = ["flood", "other"].map(|app| lanes.of(app, &queue));
    let one_at_a_time = Bounds { plugin: 4, lane: 1, ..BOUNDS };
    let first = start(&queue, &flood, one_at_a_time).await.unwrap();
    let mut second = start(&queue, &flood, one_at_a_time);
    let others = [start(&queue, &other, one_at_a_time).await.unwrap()];
    assert!(poll(&mut second).is_pending());
    drop(first);
    drop(second.await.unwrap());
    drop(others);
    assert_idle(&queue, &lanes);
}

#[tokio::test]
async fn an_app_that_uses_many_plugins_has_a_bound_over_all() {
    let (queue, one, two) = (Queue::new(), Lanes::default(), Lanes::default());
    let bounds = Bounds { app: 3, ..BOUNDS };
    let turns = [
        start(&queue, &one.of("flood", &queue), bounds).await.unwrap(),
        start(&queue, &one.of("flood", &queue), bounds).await.unwrap(),
        start(&queue, &two.of("flood", &queue), bounds).await.unwrap(),
    ];
    let mut fourth = start(&queue, &two.of("flood", &queue), bounds);
    drop(start(&queue, &two.of("other", &queue), bounds).await.unwrap());
    assert!(poll(&mut fourth).is_pending());
    drop(turns);
    drop(fourth.await.unwrap());
    assert_idle(&queue, &one);
    assert_idle(&queue, &two);
}

#[tokio::test]
async fn some_turns_are_kept_for_apps_that_have_none_where_there_are_several() {
    let (queue, lanes) = (Queue::new(), Lanes::default());
    let bounds = Bounds { plugin: 16, lane: 16, ..BOUNDS };
    let flood = lanes.of("flood", &queue);
    let alone: Vec<_> = (0..16).map(|_| start(&queue, &flood, bounds).now_or_never()).collect();
    assert!(alone.iter().all(Option::is_some), "an app that is alone has all");
    drop(alone);
    let other = lanes.of("other", &queue);
    let many: Vec<_> = (0..16).map(|_| start(&queue, &flood, bounds)).collect();
    assert_eq!(lanes.crowd().running, 14);
    drop(start(&queue, &other, bounds).now_or_never().unwrap().unwrap());
    drop(many);
    assert_idle(&queue, &lanes);
}

#[tokio::test]
async fn who_comes_when_as_many_wait_as_may_is_refused() {
    let (queue, lanes) = (Queue::new(), Lanes::default());
    let bounds = Bounds { plugin: 1, lane: 1, queue: 2, ..BOUNDS };
    let [flood, other] = ["flood", "other"].map(|app| lanes.of(app, &queue));
    let turn = start(&queue, &flood, bounds).await.unwrap();
    let waiting = [start(&queue, &flood, bounds), start(&queue, &flood, bounds)];
    assert_eq!(start(&queue, &flood, bounds).await.err(), Some(NoTurn::Shed(2)));
    assert_eq!(lanes.crowd(), Crowd { running: 1, waiting: 2, shed: 1 });
    let of_another = start(&queue, &other, bounds);
    assert_eq!(lanes.crowd().waiting, 3, "each app has a line of its own");
    drop((turn, waiting, of_another));
    assert_idle(&queue, &lanes);
}

#[tokio::test]
async fn who_gives_up_leaves_no_trace_and_knows_what_stood_in_the_way() {
    let (queue, lanes) = (Queue::new(), Lanes::default());
    let bounds = Bounds { app: 2, ..BOUNDS };
    let [app, other] = ["app", "other"].map(|app| lanes.of(app, &queue));
    let turns = [start(&queue, &app, bounds).await.unwrap()];
    let narrow = Bounds { lane: 1, ..bounds };
    let soon = Duration::from_millis(10);
    assert_eq!(start_for(&queue, &app, narrow, soon).await.err(), Some(NoTurn::AppInPlugin));
    let more = start(&queue, &app, bounds).await.unwrap();
    assert_eq!(start_for(&queue, &app, bounds, soon).await.err(), Some(NoTurn::App));
    assert_eq!(start_for(&queue, &other, bounds, soon).await.err(), Some(NoTurn::Plugin));
    // One that was served and did not look gives its turn back.
    let unseen = start(&queue, &other, bounds);
    drop(more);
    assert_eq!(lanes.crowd().running, 2);
    drop(unseen);
    assert_eq!(lanes.crowd().running, 1);
    drop(turns);
    assert_idle(&queue, &lanes);
}

#[tokio::test]
async fn the_first_call_of_a_plugin_passes_plugins_that_have_taken_the_pool() {
    let queue = Queue::new();
    let bounds = Bounds { plugin: 256, lane: 256, app: 1000, queue: 1000, left: 0 };
    let (hogs, quiet) = ([Lanes::default(), Lanes::default()], Lanes::default());
    let taken: Vec<_> = (0..500).map(|n| start(&queue, &hogs[n % 2].of("hog", &queue), bounds)).collect();
    let free = queue.room.free.load(SeqCst);
    assert_eq!(free, RESERVED as usize);
    let first = start(&queue, &quiet.of("app", &queue), bounds).now_or_never().unwrap().unwrap();
    let mut second = start(&queue, &quiet.of("app", &queue), bounds);
    assert!(poll(&mut second).is_pending(), "the second waits like all others");
    drop((first, taken));
    drop(second.await.unwrap());
    assert_idle(&queue, &quiet);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_forgotten_and_nothing_is_lost_however_calls_come_and_go() {
    let (queue, lanes) = (Arc::new(Queue::new()), Arc::new([Lanes::default(), Lanes::default()]));
    let calls = (0..400_usize).map(|n| {
        let (queue, lanes) = (Arc::clone(&queue), Arc::clone(&lanes));
        tokio::spawn(async move {
            for round in 0..20_usize {
                let lane = lanes[(n + round) % 2].of(["a", "b", "c"][n % 3], &queue);
                let bounds = Bounds { plugin: 4, lane: 3, app: 5, queue: 1000, left: 0 };
                let patience = if n % 10 == 0 { Duration::from_micros(100) } else { LONG };
                let turn = queue.turn(lane, bounds, patience).await;
                assert!(turn.is_ok() || n % 10 == 0);
                tokio::task::yield_now().await;
            }
        })
    });
    for call in futures::future::join_all(calls).await {
        call.unwrap();
    }
    lanes.iter().for_each(|lanes| assert_idle(&queue, lanes));
}

#[tokio::test]
async fn pages_leave_half_of_the_turns_and_stand_before_nobody() {
    let (queue, lanes) = (Queue::new(), Lanes::default());
    let (messages, pages) = (lanes.of("shop", &queue), lanes.of_pages("shop", &queue));
    let bounds = Bounds { plugin: 4, lane: 4, queue: 3, ..BOUNDS };
    let visited: Vec<_> = (0..2).map(|_| start(&queue, &pages, bounds.of_pages()).now_or_never().unwrap()).collect();
    let mut waiting: Vec<_> = (0..3).map(|_| start(&queue, &pages, bounds.of_pages())).collect();
    assert!(matches!(start(&queue, &pages, bounds.of_pages()).await, Err(NoTurn::Shed(3))));
    let answered: Vec<_> = (0..2).map(|_| start(&queue, &messages, bounds).now_or_never().unwrap()).collect();
    let mut next = start(&queue, &messages, bounds);
    assert!(poll(&mut next).is_pending(), "all four turns are taken");
    drop(visited);
    // Two turns are free, as many as pages leave: one is for the message, and none for pages.
    let next = next.await.unwrap();
    assert!(waiting.iter_mut().all(|page| poll(page).is_pending()));
    drop((answered, next));
    let served: Vec<_> = waiting.iter_mut().filter_map(FutureExt::now_or_never).collect();
    assert_eq!(served.len(), 2);
    drop(served);
    drop(waiting);
    assert_idle(&queue, &lanes);
}

#[tokio::test]
async fn pages_of_all_plugins_leave_half_of_the_pool() {
    let queue = Queue::new();
    let plugins: Vec<_> = (0..4).map(|_| Lanes::default()).collect();
    let bounds = Bounds { plugin: 512, lane: 512, app: 512, ..BOUNDS };
    let page = |lanes: &Lanes| start(&queue, &lanes.of_pages("shop", &queue), bounds.of_pages()).now_or_never();
    let visited: Vec<_> = plugins.iter().cycle().take(512).map_while(page).collect();
    assert_eq!(visited.len(), 248);
    let message = start(&queue, &plugins[0].of("blog", &queue), bounds);
    assert!(message.now_or_never().unwrap().is_ok());
}
