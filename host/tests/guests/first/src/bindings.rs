//! What wit-bindgen makes of the first released contract: never of `wit/` itself.

#![expect(unsafe_code, missing_docs, clippy::pedantic, reason = "generated; the WIT carries the documentation")]

wit_bindgen::generate!({
    path: "../../../../wit/released/1.0.0",
    world: "plugin",
});

pub(crate) use self::exports::weft::plugin as exported;
pub(crate) use self::weft::plugin as imported;

export!(First with_types_in self);

/// Answers the calls of the host.
pub(crate) struct First;
