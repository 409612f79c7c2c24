//! The receipt of a call that is over. What it takes is copied at once, as the answer leaves; what is long is written down
//! later.

use std::sync::Arc;

use serde_json::Value;

use super::{Call, Done, Named};
use crate::{
    model::AppPlugin,
    plugin_limits::PluginLimits,
    plugins::{CallError, Line, LineLevel, Loaded, Plugins, Receipt, Receipts, receipts::redacted, trace::Trace},
};

/// Bytes of a receipt in which secrets are looked for where the call is answered. What guests can put into as many takes
/// less than a millisecond.
const SEARCHED_AT_ONCE: usize = 4 << 10;

/// The line in a receipt from which what the call was given and asked is left out.
const CUT: &str = "what the call was given, was set and asked the host for is left out: failures of the app with so much of \
                   it come faster than they are written";

/// Makes a part of a receipt when that is written: to look for secrets in it takes time.
pub(super) type Kept = Box<dyn FnOnce() -> Value + Send>;

/// A receipt that is still to be written.
pub(super) struct Draft {
    /// The parts of the receipt in which no secrets are looked for, without the log.
    pub(super) receipt: Receipt,
    pub(super) input: Kept,
    pub(super) answer: Option<Kept>,
    pub(super) granted: Option<Arc<AppPlugin>>,
    pub(super) trace: Trace,
}

impl Draft {
    /// The whole receipt, with its secrets hidden.
    pub(super) fn receipt(self) -> Receipt {
        let Self { mut receipt, input, answer, granted, trace } = self;
        receipt.input = input();
        receipt.answer = answer.map(|answer| answer());
        if let Some(granted) = granted {
            receipt.config = Value::Object(granted.config.read());
            redacted::redact(&mut receipt.config);
        }
        receipt.host_calls = trace.host_calls();
        receipt.logs = trace.lines;
        receipt
    }

    /// The receipt with `input` and nothing hidden, to make the call again.
    pub(super) fn whole(&self, input: Value) -> Receipt {
        let of_app = self.granted.as_ref().map(|granted| Value::Object(granted.config.read()));
        let config = of_app.unwrap_or_else(|| self.receipt.config.clone());
        Receipt { input, config, host_calls: self.trace.whole_host_calls(), ..self.receipt.clone() }
    }

    /// The receipt without the parts in which secrets would have to be looked for.
    fn cut(self) -> Receipt {
        let Self { mut receipt, trace, .. } = self;
        receipt.host_calls_more += trace.asked.len() as u64;
        receipt.logs = trace.lines;
        receipt.logs.push(Line { level: LineLevel::Warn, text: CUT.to_owned() });
        receipt
    }
}

impl Plugins {
    /// Keeps what became of a call, and gives back what came of it. To look for secrets in much takes longer than many
    /// calls: that is done in the background, for a few calls of an app at a time. Beyond them a failure is kept without,
    /// and a success is not.
    pub(super) fn leave_receipt<C: Call>(
        &self,
        receipts: &Arc<Receipts>,
        loaded: &Loaded,
        limits: &PluginLimits,
        named: &Named<C>,
        done: Done<C::Answer>,
    ) -> Result<C::Answer, CallError> {
        let Some(subject) = done.subject.clone() else { return done.result };
        let searched = done.searched(&subject, &named.call);
        let (result, draft) = done.draft(&subject, loaded, limits, named);
        if searched < SEARCHED_AT_ONCE {
            receipts.keep(draft.receipt());
        } else if let Some(place) = self.0.drafts.place(&subject.app.name) {
            let receipts = Arc::clone(receipts);
            self.0.loader.sandbox().in_background(subject.app, move || {
                receipts.keep(draft.receipt());
                drop(place);
            });
        } else if result.is_err() {
            receipts.keep(draft.cut());
        }
        result
    }
}
