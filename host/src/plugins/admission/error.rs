//! Why a file is not let in: a stable code, the cause, and what to do.

use std::time::Duration;

use semver::Version;

/// Why a file is not a plugin that can run. The text is the cause; `code` is stable, `remedy` says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// It could not be read.
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
    /// It was there and is gone.
    #[error("the file is gone: the plugin ends when it does not come back at once")]
    Missing,
    /// It is larger than `max_file_mib` of the plugin, or of all.
    #[error("the file has {actual} bytes and may have {limit}")]
    TooLarge {
        /// Bytes.
        actual: u64,
        /// Bytes.
        limit: u64,
    },
    /// It may be good, and is passed over in the folder.
    #[error("a server passes over `{0}`: it takes up NAME.wasm, whose NAME has 1 to 64 letters, digits, `_` or `-`")]
    Misnamed(String),
    /// It does not begin as WebAssembly does.
    #[error("this is not WebAssembly but {0}")]
    NotWebAssembly(&'static str),
    /// Compiled code, as wasmtime writes it: nobody can tell what is in it.
    #[error("this is compiled code (.cwasm) under another name, which could do anything")]
    Precompiled,
    /// A core module, as other targets make.
    #[error("this is a core module and not a component")]
    CoreModule,
    /// It is cut off.
    #[error("the file ends too early: {missing} bytes are missing at least")]
    Truncated {
        /// Bytes, at least.
        missing: u64,
    },
    /// It is damaged.
    #[error("the component is damaged: {0}")]
    Invalid(String),
    /// It has more of something than any plugin needs.
    #[error("the component has {actual} {what} and may have {limit}")]
    TooComplex {
        /// Functions, types and such.
        what: &'static str,
        /// How many it has, at least.
        actual: u32,
        /// How many it may have.
        limit: u32,
    },
    /// There is nothing in it.
    #[error("the component is empty: it has no export and no import")]
    EmptyComponent,
    /// It is for another host.
    #[error("it is no plugin of Weft: it exports {} and nothing of weft:plugin", list(exports))]
    WrongWorld {
        /// What it does export.
        exports: Vec<String>,
    },
    /// It was built for a later minor version.
    #[error("it was built for weft:plugin {found}, and this Weft has {host}")]
    NewerInterface {
        /// What it was built for.
        found: Version,
        /// What there is.
        host: Version,
    },
    /// It was built for a version that is not compatible.
    #[error("it was built for weft:plugin {found}, which has nothing in common with {host} of this Weft")]
    OtherMajor {
        /// What it was built for.
        found: String,
        /// What there is.
        host: Version,
    },
    /// It does not export what a plugin must.
    #[error("it does not export weft:plugin/manifest, in which a plugin says what it is")]
    NoManifest,
    /// It imports something that plugins may not have.
    #[error("it imports {}, which plugins do not have", list(names))]
    Import {
        /// With their versions.
        names: Vec<String>,
    },
    /// Compiling failed.
    #[error("it could not be compiled: {0}")]
    Compile(String),
    /// Compiling took too long.
    #[error("compiling it took more than {} s", limit.as_secs_f64())]
    CompileTimedOut {
        /// How long it may take.
        limit: Duration,
    },
    /// Compiling took too much memory.
    #[error("compiling it took more than {} MiB of memory", limit >> 20)]
    CompileOutOfMemory {
        /// Bytes.
        limit: u64,
    },
    /// Nothing could be compiled: that is the machine, and not the file.
    #[error("the compiler could not be run: {0}")]
    CompilerUnavailable(String),
    /// It needs more memory, tables or instances than one call may have.
    #[error("it needs more than a call may have: {0}")]
    BeyondLimits(String),
    /// An import or export has another shape than this host's.
    #[error("an import or export has another shape than in this host's weft:plugin: {0}")]
    Mismatch(String),
    /// No instance of it could be made.
    #[error("it could not be started: {reason}")]
    Instantiate {
        /// In words.
        reason: String,
        /// The machine was busy, and not the plugin wrong.
        busy: bool,
    },
    /// It did not say what it is.
    #[error("it could not describe itself: {reason}")]
    Describe {
        /// In words.
        reason: String,
        /// The machine was busy, and not the plugin wrong.
        busy: bool,
    },
    /// What it says of itself is not usable.
    #[error("its description is not usable: {0}")]
    Description(String),
    /// It asks for what cannot be granted.
    #[error("it asks for what nobody can grant: {0}")]
    Ungrantable(String),
}

impl LoadError {
    /// Whether the same file may pass another time.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Unreadable(_)
                | Self::CompilerUnavailable(_)
                | Self::Instantiate { busy: true, .. }
                | Self::Describe { busy: true, .. }
        )
    }

    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Missing => "file_missing",
            Self::TooLarge { .. } => "too_large",
            Self::Misnamed(_) => "bad_name",
            Self::NotWebAssembly(_) => "not_webassembly",
            Self::Precompiled => "precompiled",
            Self::CoreModule => "core_module",
            Self::Truncated { .. } => "truncated",
            Self::Invalid(_) => "invalid_component",
            Self::TooComplex { .. } => "too_complex",
            Self::EmptyComponent => "empty_component",
            Self::WrongWorld { .. } => "wrong_world",
            Self::NewerInterface { .. } => "interface_too_new",
            Self::OtherMajor { .. } => "interface_of_another_major_version",
            Self::NoManifest => "no_manifest",
            Self::Import { .. } => "import_not_offered",
            Self::Compile(_) => "compile_failed",
            Self::CompileTimedOut { .. } => "compile_timed_out",
            Self::CompileOutOfMemory { .. } => "compile_out_of_memory",
            Self::CompilerUnavailable(_) => "compiler_unavailable",
            Self::BeyondLimits(_) => "beyond_limits",
            Self::Mismatch(_) => "interface_mismatch",
            Self::Instantiate { .. } => "instantiate_failed",
            Self::Describe { .. } => "describe_failed",
            Self::Description(_) => "bad_description",
            Self::Ungrantable(_) => "ungrantable",
        }
    }

    /// What to do.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "let the user that runs Weft read it",
            Self::Missing => "put it back, or delete the plugin",
            Self::TooLarge { .. } => {
                "build it with `opt-level = \"s\"`, `lto = true` and `strip = \"debuginfo\"`; or raise plugins.max_file_mib, or max_file_mib of this plugin: PATCH /api/v1/plugins/{plugin}"
            }
            Self::Misnamed(_) => "rename the file, without its version: that stands in the plugin itself",
            Self::NotWebAssembly(_) => "a plugin is what `cargo build --target wasm32-wasip2 --release` makes",
            Self::Precompiled => "drop the .wasm file that it was compiled from: Weft compiles it itself",
            Self::CoreModule => "build it with `cargo build --target wasm32-wasip2 --release`",
            Self::Truncated { .. } | Self::Invalid(_) => {
                "copy or build it again; compare `sha256sum` of the file with the one that was built"
            }
            Self::TooComplex { .. } => "leave out dependencies that it does not need, and split what is generated",
            Self::EmptyComponent => {
                "build it with the weft-plugin crate and annotate a function with #[message_handler]; where the file has a few bytes alone it was cut off: copy it again"
            }
            Self::WrongWorld { exports } => wrong_world(exports),
            Self::NewerInterface { .. } => "update Weft, or build the plugin with the weft-plugin crate of its version",
            Self::OtherMajor { .. } => "build the plugin with the weft-plugin crate of this Weft's version",
            Self::NoManifest => "build it with the weft-plugin crate and annotate a function with #[message_handler]",
            Self::Import { names } => not_offered(names),
            Self::Compile(_) => {
                "build it with --target wasm32-wasip2 and no further target features: threads, 64-bit memories and garbage collection are not there"
            }
            Self::CompileTimedOut { .. } => "make it smaller, or raise plugins.compile_timeout_ms",
            Self::CompileOutOfMemory { .. } => "make it smaller, or raise plugins.compile_memory_mib",
            Self::CompilerUnavailable(_) => {
                "Weft tries again by itself; see that the machine has memory and processes left"
            }
            Self::BeyondLimits(_) => "build it so that it begins with less, or raise plugins.memory_mib",
            Self::Mismatch(_) => "build it with the weft-plugin crate, or from the files in `wit/` as they are",
            Self::Instantiate { .. } => {
                "see that nothing before its handlers fails; where it needs more than plugins.memory_mib or plugins.cpu_ms, raise that for this plugin: PATCH /api/v1/plugins/{plugin}"
            }
            Self::Describe { .. } => {
                "manifest.describe must answer within two seconds, without any grant, and within the limits of the plugin's calls: PATCH /api/v1/plugins/{plugin} raises those"
            }
            Self::Description(_) => "mend what the plugin says of itself and build it again",
            Self::Ungrantable(_) => "mend what the plugin asks for and build it again",
        }
    }
}

fn wrong_world(exports: &[String]) -> &'static str {
    let exports_any = |beginning: &str| exports.iter().any(|name| name.starts_with(beginning));
    if exports_any("wasi:cli/run") {
        "this is a program: a plugin is a library, with `[lib] crate-type = [\"cdylib\"]` and no main function"
    } else if exports_any("wasi:http/") {
        "this is a server of wasi:http: a plugin answers messages, with #[message_handler], and HTTP in its pages"
    } else {
        "build it with the weft-plugin crate, or for world `plugin` of the files in `wit/`"
    }
}

fn not_offered(names: &[String]) -> &'static str {
    let imports_any = |beginning: &str| names.iter().any(|name| name.starts_with(beginning));
    if imports_any("wasi:filesystem") {
        "there is no file system: put what the plugin reads into the program with include_str!, or into its configuration"
    } else if imports_any("wasi:sockets") || imports_any("wasi:http") {
        "there are no sockets: weft_plugin::http calls the hosts that the operator grants"
    } else if imports_any("weft:plugin/") {
        "this Weft does not offer it yet: a newer one may"
    } else if imports_any("wasi:") {
        "there are WASI 0.2's clocks, randomness and standard output: build it with --target wasm32-wasip2"
    } else {
        "they have weft:plugin and WASI 0.2's clocks, randomness and standard output"
    }
}

/// The first few of them.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 if names.is_empty() => "nothing".to_owned(),
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
