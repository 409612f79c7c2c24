//! The SDK for plugins, which `weft plugin new` hands out.

use include_dir::{Dir, include_dir};
use weft::cli::Sdk;

/// As it is beside this package.
pub(crate) const SDK: Sdk = Sdk {
    workspace: include_str!("../../Cargo.toml"),
    lock: include_str!("../../Cargo.lock"),
    files: &[
        ("plugin-sdk/Cargo.toml", include_str!("../../plugin-sdk/Cargo.toml")),
        ("plugin-sdk/README.md", include_str!("../../plugin-sdk/README.md")),
        ("plugin-sdk/README.zh-CN.md", include_str!("../../plugin-sdk/README.zh-CN.md")),
        ("plugin-sdk/docs/wechat-api.md", include_str!("../../plugin-sdk/docs/wechat-api.md")),
        ("plugin-sdk/macros/Cargo.toml", include_str!("../../plugin-sdk/macros/Cargo.toml")),
    ],
    folders: &[("plugin-sdk/src", SOURCE), ("plugin-sdk/macros/src", MACROS), ("wit", WIT)],
};

const SOURCE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../plugin-sdk/src");
const MACROS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../plugin-sdk/macros/src");
const WIT: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../wit");
