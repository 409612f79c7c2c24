//! What wit-bindgen makes of `wit/`, and the exports of the component: the one place with unsafe
//! code.

#![expect(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::pedantic,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::str_to_string,
    clippy::unwrap_used,
    reason = "generated; the WIT carries the documentation"
)]

wit_bindgen::generate!({
    path: "../wit",
    world: "plugin",
    additional_derives: [PartialEq],
    generate_unused_types: true,
    with: {
        "weft:plugin/types/error": crate::error::Error,
        "weft:plugin/types/wechat-error": crate::error::WechatError,
    },
});

pub(crate) use self::exports::weft::plugin as exported;
pub(crate) use self::weft::plugin as imported;

/// Answers the calls of the host; each interface implements its part.
pub(crate) struct Component;

// Elsewhere the host is `testing::Host`, which calls the component directly.
#[cfg(target_family = "wasm")]
export!(Component);
