//! What wit-bindgen makes of `wit/`, and the exports of the component: the one place with unsafe
//! code. The documentation of what authors see of it is that of the WIT, and the compiler asks for it.

#![cfg_attr(target_family = "wasm", expect(unsafe_code, reason = "what a component exports is declared so"))]
#![expect(clippy::pedantic, reason = "generated")]

wit_bindgen::generate!({
    path: "../wit",
    world: "plugin",
    additional_derives: [PartialEq],
    generate_unused_types: true,
    with: {
        "weft:plugin/types@1.1.0/error": crate::error::Error,
        "weft:plugin/types@1.1.0/wechat-error": crate::error::WechatError,
    },
});

pub(crate) use self::exports::weft::plugin as exported;
pub(crate) use self::weft::plugin as imported;

/// Answers the calls of the host; each interface implements its part.
pub(crate) struct Component;

// Elsewhere the host is `testing::TestHost`, which calls the component directly.
#[cfg(target_family = "wasm")]
export!(Component);
