//! The types and traits that wasmtime makes of `wit/`: the only place that does.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "plugin",
    imports: { default: async | trappable },
    exports: { default: async },
    additional_derives: [serde::Serialize, serde::Deserialize],
    trappable_error_type: { "weft:plugin/types.error" => super::host::HostError },
});

pub(super) use self::exports::weft::plugin as exported;
pub(super) use self::weft::plugin as imported;
