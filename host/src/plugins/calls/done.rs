//! A call that is over, and what its receipt is made of.

use serde_json::Value;
use uuid::Uuid;

use super::{Call, Named, draft::Draft};
use crate::{
    histogram::micros,
    plugin_limits::PluginLimits,
    plugins::{
        CallError, Loaded, Receipt, ReceiptApp, ReceiptUse, Subject,
        bindings::imported::types,
        convert,
        sandbox::{Ran, Used},
        trace::Trace,
        wasi::Circumstances,
    },
    printable::printable,
};

/// The error of a call in which the plugin answered `error`.
pub(super) fn failed(error: &types::Error) -> CallError {
    CallError::Failed(printable(&convert::error(error)).into_owned())
}

/// A call that is over.
pub(super) struct Done<T> {
    pub(super) result: Result<T, CallError>,
    pub(super) used: Used,
    pub(super) trace: Trace,
    pub(super) circumstances: Circumstances,
    /// What the call was about.
    pub(super) subject: Option<Subject>,
}

impl<T> Done<T> {
    /// The end of a call, whether it ran or not. An error that the plugin answered is one of the call.
    pub(super) fn of(ran: Ran<Result<T, types::Error>>) -> Self {
        let Ran { result, used, subject, trace, circumstances } = ran;
        let result = match result {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(failed(&error)),
            Err(error) => Err(error),
        };
        Self { result, used, trace, circumstances, subject }
    }

    /// Why the call failed, if it did.
    pub(super) fn error(&self) -> Option<&CallError> {
        self.result.as_ref().err()
    }

    /// About how many bytes the receipt of the call has in which secrets are looked for, and those of the message.
    pub(super) fn searched<C: Call<Answer = T>>(&self, subject: &Subject, call: &C) -> usize {
        let config = subject.granted.as_ref().map_or(0, |granted| granted.config.as_str().len());
        let answer = self.result.as_ref().map_or(0, C::searched_answer);
        subject.raw.len() + config + call.searched() + answer + self.trace.recorded_bytes()
    }

    /// The result of the call, and a draft of its receipt.
    pub(super) fn draft<C: Call<Answer = T>>(
        self,
        subject: &Subject,
        loaded: &Loaded,
        limits: &PluginLimits,
        Named { entry, call }: &Named<C>,
    ) -> (Result<T, CallError>, Draft) {
        let Self { result, used, trace, circumstances, .. } = self;
        let error = result.as_ref().err();
        let receipt = Receipt {
            id: Uuid::now_v7().to_string(),
            at: circumstances.at,
            plugin: loaded.name.to_string(),
            version: loaded.description.version.clone(),
            digest: loaded.digest.clone(),
            kind: C::KIND,
            entry: entry.clone(),
            app: ReceiptApp::from(&*subject.app),
            delivery_id: subject.delivery_id.to_string(),
            raw: subject.raw.to_string(),
            input: Value::Null,
            config: Value::Object(serde_json::Map::new()),
            limits: *limits,
            seed: hex::encode(circumstances.seed()),
            outcome: error.map_or("ok", CallError::code).to_owned(),
            error: error.map(ToString::to_string),
            backtrace: error.and_then(CallError::backtrace).unwrap_or_default().to_owned(),
            answer: None,
            used: ReceiptUse {
                queued_us: micros(used.queued),
                took_us: micros(used.took.unwrap_or_default()),
                cpu_us: micros(used.cpu),
                memory_bytes: used.memory,
                fuel: used.fuel,
            },
            logs: Vec::new(),
            host_calls: Vec::new(),
            host_calls_more: trace.asked_more,
        };
        let (input, answer) = (call.kept(), result.as_ref().ok().map(C::kept_answer));
        let draft = Draft { receipt, input, answer, granted: subject.granted.clone(), trace };
        (result, draft)
    }
}
