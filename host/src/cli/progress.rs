//! What takes its time is shown while it does, on a terminal.

use std::{pin::pin, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

/// What is done sooner is not shown.
const SHORT: Duration = Duration::from_millis(300);

/// How often what is shown moves.
const TICK: Duration = Duration::from_millis(100);

/// Waits for what is done, and shows that, and for how long, on standard error where that is a terminal.
pub(super) async fn shown<T>(what: &str, doing: impl Future<Output = T>) -> T {
    let mut doing = pin!(doing);
    if let Ok(done) = tokio::time::timeout(SHORT, doing.as_mut()).await {
        return done;
    }
    let bar = ProgressBar::new_spinner().with_message(what.to_owned());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(TICK);
    let done = doing.await;
    bar.finish_and_clear();
    done
}
