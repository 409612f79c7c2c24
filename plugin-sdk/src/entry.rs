//! An annotated function: how the manifest names it and how it is called.
//!
//! The attribute macros hand each function to `inventory`, so there is no central list.

use std::fmt;

use crate::{
    bindings::exported::manifest,
    context::{self, Context},
    error::{Error, IntoError},
    hooks::{OrderEvent, RefundEvent},
    message::Message,
    observers::Observation,
    pages::{PageRequest, PageResponse},
    reply::Reply,
};

/// The author's package.
#[derive(Debug, Clone, Copy)]
pub struct Package {
    /// As `Cargo.toml` has it.
    pub name: &'static str,
    /// As `Cargo.toml` has it.
    pub version: &'static str,
    /// As `Cargo.toml` has it.
    pub description: &'static str,
}

/// What the manifest says of a function.
#[derive(Debug)]
pub struct Entry {
    /// Unique within its kind.
    pub name: &'static str,
    /// For the operator.
    pub description: &'static str,
    /// The apps that it may run for; every app when empty.
    pub apps: &'static [&'static str],
    /// Where it comes from.
    pub package: Package,
    /// Module, line and column, by which the manifest sorts: the modules' paths as texts, the source of each within it.
    pub place: (&'static str, u32, u32),
}

/// A function that the host may call by name.
pub struct Export<Input: 'static, Output: 'static> {
    /// How it is named.
    pub entry: Entry,
    /// The function.
    pub run: fn(Input, Context) -> Result<Output, Error>,
}

impl<Input, Output> fmt::Debug for Export<Input, Output> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entry.fmt(f)
    }
}

impl Entry {
    pub(crate) fn describe(&self) -> manifest::Entry {
        manifest::Entry {
            name: self.name.to_owned(),
            description: self.description.to_owned(),
            apps: self.apps.iter().map(|&app| app.to_owned()).collect(),
            options: Vec::new(),
        }
    }
}

/// What a call is about.
pub(crate) trait Subject {
    /// The user whom it is about, if there is one.
    fn openid(&self) -> Option<&str>;
}

/// Every function of a kind.
pub(crate) fn entries<Input, Output>() -> Vec<&'static Entry>
where
    Export<Input, Output>: inventory::Collect,
{
    let mut entries: Vec<_> =
        inventory::iter::<Export<Input, Output>>.into_iter().map(|export| &export.entry).collect();
    entries.sort_by_key(|entry| entry.place);
    entries
}

/// Two functions of a kind that have one name are the author's mistake, which ends the plugin's test and its loading.
pub(crate) fn assert_distinct(kind: &str, entries: &[&Entry]) {
    for (at, entry) in entries.iter().enumerate() {
        let other = entries.iter().take(at).find(|other| other.name == entry.name);
        assert!(
            other.is_none(),
            "two {kind}s are called `{}`, in `{}` and `{}`: `name = \"…\"` gives one of them another name",
            entry.name,
            other.map_or("", |other| other.place.0),
            entry.place.0
        );
    }
}

/// Every function of every kind.
pub(crate) fn all() -> impl Iterator<Item = &'static Entry> {
    [
        entries::<Message, Option<Reply>>(),
        entries::<Message, bool>(),
        entries::<OrderEvent, ()>(),
        entries::<RefundEvent, ()>(),
        entries::<Observation, ()>(),
        entries::<PageRequest, PageResponse>(),
    ]
    .into_iter()
    .flatten()
}

/// Whether a module is the plugin's own: of a crate that has annotated functions.
pub(crate) fn is_in_plugin(module: &str) -> bool {
    let package = |module: &str| module.split("::").next().map(str::to_owned);
    all().any(|entry| package(entry.place.0) == package(module))
}

/// Calls the function of that kind and name.
pub(crate) fn call<Input, Output>(kind: &str, name: &str, input: Input) -> Result<Output, Error>
where
    Input: Subject,
    Export<Input, Output>: inventory::Collect,
{
    prepare();
    let export = inventory::iter::<Export<Input, Output>>
        .into_iter()
        .find(|export| export.entry.name == name)
        .ok_or_else(|| Error::NotFound(format!("this plugin has no {kind} `{name}`")))?;
    context::set_openid(input.openid());
    (export.run)(input, Context::of_this_call())
}

/// What has to be there before anything of the author's runs: each call is a new instance.
pub(crate) fn prepare() {
    #[cfg(target_family = "wasm")]
    crate::panic::install();
    crate::logger::install();
}

/// What a function other than a message handler may return: `T`, or a `Result` of it.
#[diagnostic::on_unimplemented(
    message = "this function has to return `{T}` or `Result<{T}, Error>`, not `{Self}`",
    label = "not `{T}`"
)]
pub trait Returns<T> {
    /// As the host reads it.
    fn returns(self) -> Result<T, Error>;
}

impl Returns<bool> for bool {
    fn returns(self) -> Result<bool, Error> {
        Ok(self)
    }
}

impl Returns<()> for () {
    fn returns(self) -> Result<(), Error> {
        Ok(())
    }
}

impl<T, E: IntoError> Returns<T> for Result<T, E> {
    fn returns(self) -> Result<T, Error> {
        self.map_err(IntoError::into_error)
    }
}
