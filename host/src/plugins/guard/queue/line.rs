//! The line of those who wait: which apps, in which lanes, and who is next.

use std::{collections::VecDeque, sync::Arc};

use tokio::sync::oneshot;

use super::room::{Bounds, Lane, Load};

/// All calls that wait, by app.
#[derive(Default)]
pub(super) struct Line(VecDeque<AppLine>);

/// The calls of one app that wait. An app that is served goes to the end of the line, and so does the lane within it.
struct AppLine {
    app: Arc<Load>,
    lanes: VecDeque<(Arc<Lane>, VecDeque<Waiter>)>,
}

/// A call that waits.
pub(super) struct Waiter {
    pub(super) bounds: Bounds,
    pub(super) granted: oneshot::Sender<()>,
}

impl Line {
    /// Puts a call behind those of its lane.
    pub(super) fn push(&mut self, lane: &Arc<Lane>, waiter: Waiter) {
        let at = self.place_of(lane).unwrap_or_else(|| {
            self.0.push_back(AppLine { app: Arc::clone(&lane.app), lanes: VecDeque::new() });
            self.0.len() - 1
        });
        if let Some(app) = self.0.get_mut(at) {
            app.waiters_of(lane).push_back(waiter);
        }
    }

    /// Takes out the next call for which `take` gets a turn, from the place `at` of the line on. `at` moves on to where
    /// no call before it can have one.
    pub(super) fn next(&mut self, at: &mut usize, take: impl Fn(&Lane, Bounds) -> bool) -> Option<(Arc<Lane>, Waiter)> {
        while let Some(app) = self.0.get_mut(*at) {
            let Some(next) = app.next(&take) else {
                *at += 1;
                continue;
            };
            if let Some(served) = self.0.remove(*at)
                && !served.lanes.is_empty()
            {
                self.0.push_back(served);
            }
            return Some(next);
        }
        None
    }

    /// Lets `out` take waiters of a lane out of the line, and tells how many it took.
    pub(super) fn take_out(&mut self, lane: &Arc<Lane>, out: impl FnOnce(&mut VecDeque<Waiter>)) -> usize {
        let Some(at) = self.place_of(lane) else { return 0 };
        let Some(app) = self.0.get_mut(at) else { return 0 };
        let waiters = app.waiters_of(lane);
        let before = waiters.len();
        out(waiters);
        let gone = before - waiters.len();
        app.lanes.retain(|(_, waiters)| !waiters.is_empty());
        if app.lanes.is_empty() {
            self.0.remove(at);
        }
        gone
    }

    /// How many calls of a lane wait.
    pub(super) fn waiting_of(&self, lane: &Arc<Lane>) -> usize {
        let lanes = self.0.iter().flat_map(|app| &app.lanes);
        lanes.filter(|(known, _)| Arc::ptr_eq(known, lane)).map(|(_, waiters)| waiters.len()).sum()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn place_of(&self, lane: &Lane) -> Option<usize> {
        self.0.iter().position(|line| Arc::ptr_eq(&line.app, &lane.app))
    }
}

impl AppLine {
    fn waiters_of(&mut self, lane: &Arc<Lane>) -> &mut VecDeque<Waiter> {
        let at = self.lanes.iter().position(|(known, _)| Arc::ptr_eq(known, lane)).unwrap_or_else(|| {
            self.lanes.push_back((Arc::clone(lane), VecDeque::new()));
            self.lanes.len() - 1
        });
        &mut self.lanes[at].1
    }

    fn next(&mut self, take: impl Fn(&Lane, Bounds) -> bool) -> Option<(Arc<Lane>, Waiter)> {
        for at in 0..self.lanes.len() {
            let (lane, waiters) = self.lanes.get_mut(at)?;
            if !waiters.front().is_some_and(|next| take(lane, next.bounds)) {
                continue;
            }
            let (lane, next) = (Arc::clone(lane), waiters.pop_front()?);
            let is_last = waiters.is_empty();
            if let Some(served) = self.lanes.remove(at)
                && !is_last
            {
                self.lanes.push_back(served);
            }
            return Some((lane, next));
        }
        None
    }
}
