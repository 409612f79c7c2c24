//! Hands what is logged to the host.

use log::{
    Level, LevelFilter, Log, Metadata, Record,
    kv::{Error, Key, Value, VisitSource},
};

use crate::{bindings::imported::log::Level as Written, entry, imports};

struct ToHost;

/// From here on it arrives. Who has set another logger before keeps it.
pub(crate) fn install() {
    if log::set_logger(&ToHost).is_ok() {
        log::set_max_level(LevelFilter::Debug);
    }
}

impl Log for ToHost {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Debug
    }

    fn log(&self, record: &Record<'_>) {
        let module = record.module_path().unwrap_or(record.target());
        let of_plugin = entry::is_in_plugin(module);
        let level = match record.level() {
            Level::Error => Written::Error,
            Level::Warn => Written::Warn,
            Level::Info => Written::Info,
            Level::Debug if of_plugin => Written::Debug,
            Level::Debug | Level::Trace => return,
        };
        let mut fields = Fields(Vec::new());
        // A line of the plugin itself has its module for a target, unless its author chose another.
        if !of_plugin || record.target() != module {
            fields.0.push(("target".to_owned(), record.target().to_owned()));
        }
        // Nothing in it fails.
        let _ = record.key_values().visit(&mut fields);
        imports::log::write(level, &record.args().to_string(), &fields.0);
    }

    fn flush(&self) {}
}

struct Fields(Vec<(String, String)>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        self.0.push((key.to_string(), value.to_string()));
        Ok(())
    }
}
