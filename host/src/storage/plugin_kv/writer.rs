//! The task that writes to the key-value stores, of all plugins and apps.
//!
//! It begins with the first write and ends with the last store that could ask for one: commands and tests, which have a
//! store and no server, need not know of it. Who asks for a write waits until it is done, so a server that has ended its
//! handlers has nothing to flush.

use std::sync::{Arc, OnceLock};

use tokio_util::task::AbortOnDropHandle;

use super::row::KvRow;
use crate::storage::{BatchWriter, Store};

/// The way to it. Clones share it.
#[derive(Debug, Clone, Default)]
pub(in crate::storage) struct KvWriter(Arc<OnceLock<Running>>);

#[derive(Debug)]
struct Running {
    writer: BatchWriter<KvRow>,
    _task: AbortOnDropHandle<()>,
}

impl KvWriter {
    /// The one that writes to `store`.
    pub(super) fn of(&self, store: &Store) -> &BatchWriter<KvRow> {
        let running = self.0.get_or_init(|| {
            // The task's own store does not hold the task: neither would ever end.
            let store = Store { kv_writer: Self::default(), ..store.clone() };
            let writer = BatchWriter::new(store);
            let task = tokio::spawn(writer.clone().run());
            Running { writer, _task: AbortOnDropHandle::new(task) }
        });
        &running.writer
    }
}
