//! Why a file is not let in: a stable code, the cause, and what to do.

use std::time::Duration;

use semver::Version;

use crate::bilingual::{because, languages};

/// Why a file is not a plugin that can run. The text is the cause; `code` is stable, `remedy` says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// It could not be read.
    #[error("the file cannot be read: {0} · 无法读取文件")]
    Unreadable(String),
    /// Something else has its name.
    #[error(
        "this is not a file but {en} · 这不是文件，而是{zh}",
        en = languages(.0).0,
        zh = languages(.0).1
    )]
    NotAFile(&'static str),
    /// It was there and is gone.
    #[error(
        "the file is gone: the plugin ends when it does not come back at once · 文件不见了，若不马上放回，插件就会停止"
    )]
    Missing,
    /// It lay on a file system that is not there now.
    #[error(
        "the plugins folder is empty and on another file system than the file was: the plugin runs on · 插件目录是空的，而且与原来的文件不在同一个文件系统：插件继续运行"
    )]
    NotMounted,
    /// It is larger than `max_file_mib` of the plugin, or of all.
    #[error("the file has {actual} bytes and may have {limit} · 文件有 {actual} 字节，最多 {limit} 字节")]
    TooLarge {
        /// Bytes.
        actual: u64,
        /// Bytes.
        limit: u64,
    },
    /// It may be good, and is passed over in the folder.
    #[error(
        "a server passes over `{0}`: it takes up NAME.wasm, whose NAME has 1 to 64 letters, digits, `_` or `-` · 服务不会加载 `{0}`：文件名应为 NAME.wasm，NAME 由 1 到 64 个字母、数字、`_` 或 `-` 组成"
    )]
    Misnamed(String),
    /// It does not begin as WebAssembly does.
    #[error("{}", not_webassembly(.0))]
    NotWebAssembly(&'static str),
    /// Compiled code, as wasmtime writes it: nobody can tell what is in it.
    #[error(
        "this is compiled code (.cwasm) under another name, which could do anything · 这是改了名的编译结果（.cwasm），可能做任何事"
    )]
    Precompiled,
    /// A core module, as other targets make.
    #[error("this is a core module and not a component · 这是 core module，不是组件")]
    CoreModule,
    /// It is cut off.
    #[error("the file ends too early: {missing} bytes are missing at least · 文件不完整，至少缺 {missing} 字节")]
    Truncated {
        /// Bytes, at least.
        missing: u64,
    },
    /// It is damaged.
    #[error("{}", because("the component is damaged · 组件已损坏", .0))]
    Invalid(String),
    /// It has more of something than any plugin needs.
    #[error(
        "the component has {actual} {en} and may have {limit} · 组件太复杂：{zh}为 {actual}，最多 {limit}",
        en = languages(what).0,
        zh = languages(what).1
    )]
    TooComplex {
        /// Functions, types and such, in both languages.
        what: &'static str,
        /// How many it has, at least.
        actual: u32,
        /// How many it may have.
        limit: u32,
    },
    /// There is nothing in it.
    #[error("the component is empty: it has no export and no import · 组件是空的，既没有导出也没有导入")]
    EmptyComponent,
    /// It is for another host.
    #[error("it is no plugin of Weft: it exports {names} and nothing of weft:plugin · 这不是 Weft 插件：导出的是 {names}，没有 weft:plugin", names = list(exports))]
    WrongWorld {
        /// What it does export.
        exports: Vec<String>,
    },
    /// It was built for a later minor version.
    #[error(
        "it was built for weft:plugin {found}, and this Weft has {host} · 插件用的是 weft:plugin {found}，这个 Weft 只到 {host}"
    )]
    NewerInterface {
        /// What it was built for.
        found: Version,
        /// What there is.
        host: Version,
    },
    /// It was built for a version that is not compatible.
    #[error(
        "it was built for weft:plugin {found}, which has nothing in common with {host} of this Weft · 插件用的是 weft:plugin {found}，与这个 Weft 的 {host} 不兼容"
    )]
    OtherMajor {
        /// What it was built for.
        found: String,
        /// What there is.
        host: Version,
    },
    /// It does not export what a plugin must.
    #[error(
        "it does not export weft:plugin/manifest, in which a plugin says what it is · 没有导出 weft:plugin/manifest，插件信息由它提供"
    )]
    NoManifest,
    /// It imports something that plugins may not have.
    #[error("it imports {names}, which plugins do not have · 它导入了插件不能用的 {names}", names = list(names))]
    Import {
        /// With their versions.
        names: Vec<String>,
    },
    /// Compiling failed.
    #[error("it could not be compiled: {0} · 编译失败")]
    Compile(String),
    /// Compiling took too long.
    #[error("compiling it took more than {s} s · 编译超过了 {s} 秒", s = limit.as_secs_f64())]
    CompileTimedOut {
        /// How long it may take.
        limit: Duration,
    },
    /// Compiling took too much memory.
    #[error("compiling it took more than {mib} MiB of memory · 编译占用的内存超过了 {mib} MiB", mib = limit >> 20)]
    CompileOutOfMemory {
        /// Bytes.
        limit: u64,
    },
    /// Compiling was ended by somebody else: that is the machine, and not the file.
    #[error(
        "the compiler was ended from outside, as the system does where no memory is left · 编译进程被外部终止，例如系统内存耗尽时"
    )]
    CompilerKilled,
    /// It becomes more code than its file's size allows.
    #[error("compiled it has more than {mib} MiB of code · 编译后的代码超过了 {mib} MiB", mib = limit >> 20)]
    CodeTooLarge {
        /// Bytes: so many for each that the file may have.
        limit: u64,
    },
    /// Nothing could be compiled: that is the machine, and not the file.
    #[error("the compiler could not be run: {0} · 无法运行编译器")]
    CompilerUnavailable(String),
    /// It needs more memory, tables or instances than one call may have.
    #[error("it needs more than a call may have: {0} · 它需要的资源超过了一次调用的上限")]
    BeyondLimits(String),
    /// An import or export has another shape than this host's.
    #[error(
        "an import or export has another shape than in this host's weft:plugin: {0} · 导入或导出的类型与这个宿主的 weft:plugin 不同"
    )]
    Mismatch(String),
    /// No instance of it could be made.
    #[error("{}", because("it could not be started · 无法启动", reason))]
    Instantiate {
        /// In words.
        reason: String,
        /// The machine was busy, and not the plugin wrong.
        busy: bool,
    },
    /// It did not say what it is.
    #[error("{}", because("it could not describe itself · 读取插件信息失败", reason))]
    Describe {
        /// In words.
        reason: String,
        /// The machine was busy, and not the plugin wrong.
        busy: bool,
    },
    /// What it says of itself is not usable.
    #[error("its description is not usable: {0} · 插件信息不可用")]
    Description(String),
    /// It asks for what cannot be granted.
    #[error("{}", because("it asks for what nobody can grant · 它声明的授权无法授予", .0))]
    Ungrantable(String),
}

fn not_webassembly(what: &str) -> String {
    let (what, in_chinese) = languages(what);
    format!("this is not WebAssembly but {what} · 这不是 WebAssembly 文件，而是{in_chinese}")
}

impl LoadError {
    /// Whether the same file may pass another time. One for which there was no time may when the machine has less to do.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Unreadable(_)
                | Self::CompileTimedOut { .. }
                | Self::CompilerKilled
                | Self::CompilerUnavailable(_)
                | Self::Instantiate { busy: true, .. }
                | Self::Describe { busy: true, .. }
        )
    }

    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::NotAFile(_) => "not_a_file",
            Self::Missing => "file_missing",
            Self::NotMounted => "not_mounted",
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
            Self::CompilerKilled => "compiler_killed",
            Self::CodeTooLarge { .. } => "code_too_large",
            Self::CompilerUnavailable(_) => "compiler_unavailable",
            Self::BeyondLimits(_) => "beyond_limits",
            Self::Mismatch(_) => "interface_mismatch",
            Self::Instantiate { .. } => "instantiate_failed",
            Self::Describe { .. } => "describe_failed",
            Self::Description(_) => "bad_description",
            Self::Ungrantable(_) => "ungrantable",
        }
    }

    /// Why, and what to do.
    pub fn explained(&self) -> String {
        because(&self.to_string(), self.remedy())
    }

    /// What to do.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "let the user that runs Weft read it · 请让运行 Weft 的用户可以读取",
            Self::NotAFile(_) => {
                "put the plugin's file there, or set the link to it; remove what is there to end the plugin · 请放入插件文件，或让链接指向它；若要停用插件，请删除它"
            }
            Self::Missing => "put it back, or delete the plugin · 请放回文件，或删除插件",
            Self::NotMounted => {
                "mount the volume of the plugins folder; if it is to be an empty one, stop Weft, remove plugin-versions/folder.json in data_dir and start again: the plugins are written into it · 请挂载插件目录所在的卷；若目录本应为空，请停止 Weft，删除 data_dir 中的 plugin-versions/folder.json 后重新启动，插件会写入该目录"
            }
            Self::TooLarge { .. } => {
                "build it with `opt-level = \"s\"`, `lto = true` and `strip = \"debuginfo\"`; or raise plugins.max_file_mib, or max_file_mib of this plugin: PATCH /api/v1/plugins/{plugin} · 编译时设置 `opt-level = \"s\"`、`lto = true` 和 `strip = \"debuginfo\"`；或调高 plugins.max_file_mib，或用 PATCH /api/v1/plugins/{plugin} 调高这个插件的 max_file_mib"
            }
            Self::Misnamed(_) => {
                "rename the file, without its version: that stands in the plugin itself · 请改文件名，不要带版本号，版本写在插件里"
            }
            Self::NotWebAssembly(_) => {
                "a plugin is what `cargo build --target wasm32-wasip2 --release` makes · 插件用 `cargo build --target wasm32-wasip2 --release` 编译"
            }
            Self::Precompiled => {
                "drop the .wasm file that it was compiled from: Weft compiles it itself · 请放入编译前的 .wasm 文件，Weft 会自己编译"
            }
            Self::CoreModule => {
                "build it with `cargo build --target wasm32-wasip2 --release` · 请用 `cargo build --target wasm32-wasip2 --release` 编译"
            }
            Self::Truncated { .. } | Self::Invalid(_) => {
                "copy or build it again; compare `sha256sum` of the file with the one that was built · 请重新复制或编译；用 `sha256sum` 与编译出的文件核对"
            }
            Self::TooComplex { .. } => {
                "leave out dependencies that it does not need, and split what is generated · 请去掉用不到的依赖，拆分自动生成的代码"
            }
            Self::EmptyComponent => {
                "build it with the weft-plugin crate and annotate a function with #[message_handler]; where the file has a few bytes alone it was cut off: copy it again · 请依赖 weft-plugin，给函数加上 #[message_handler]；文件只有几个字节则是没有复制完，请重新复制"
            }
            Self::WrongWorld { exports } => wrong_world(exports),
            Self::NewerInterface { .. } => {
                "update Weft, or build the plugin with the weft-plugin crate of its version · 请升级 Weft，或用与 Weft 同版本的 weft-plugin 编译插件"
            }
            Self::OtherMajor { .. } => {
                "build the plugin with the weft-plugin crate of this Weft's version · 请用与这个 Weft 同版本的 weft-plugin 编译插件"
            }
            Self::NoManifest => {
                "build it with the weft-plugin crate and annotate a function with #[message_handler] · 请依赖 weft-plugin，给函数加上 #[message_handler]"
            }
            Self::Import { names } => not_offered(names),
            Self::Compile(_) => {
                "build it with --target wasm32-wasip2 and no further target features: threads, 64-bit memories and garbage collection are not there · 请用 --target wasm32-wasip2 编译，不要打开其他目标特性：不支持线程、64 位内存和垃圾回收"
            }
            Self::CompileTimedOut { .. } => {
                "make it smaller, or raise plugins.compile_timeout_ms · 请精简插件，或调高 plugins.compile_timeout_ms"
            }
            Self::CompileOutOfMemory { .. } => {
                "make it smaller, or raise plugins.compile_memory_mib · 请精简插件，或调高 plugins.compile_memory_mib"
            }
            Self::CompilerKilled => {
                "Weft tries a file of the plugins folder, or what is to run, again by itself; see that the machine, or the container, has the memory that plugins.compile_memory_mib says, or lower that · 插件目录中的文件和应运行的版本，Weft 会自动重试；请确认机器或容器有 plugins.compile_memory_mib 所设的内存，或将其调低"
            }
            Self::CodeTooLarge { .. } => {
                "make it smaller, or raise plugins.max_file_mib, or max_file_mib of this plugin (PATCH /api/v1/plugins/{plugin}): its code may have eight times as much · 请精简插件，或调高 plugins.max_file_mib，或用 PATCH /api/v1/plugins/{plugin} 调高这个插件的 max_file_mib：编译后的代码最多为它的八倍"
            }
            Self::CompilerUnavailable(_) => {
                "Weft tries again by itself; see that the machine has memory and processes left · Weft 会自动重试；请确认机器还有可用的内存和进程数"
            }
            Self::BeyondLimits(why) => beyond_limits(why),
            Self::Mismatch(_) => {
                "build it with the weft-plugin crate, or from the files in `wit/` as they are · 请用 weft-plugin 编译，或原样使用 `wit/` 中的文件"
            }
            Self::Instantiate { .. } => {
                "see that nothing before its handlers fails; where it needs more than plugins.memory_mib or plugins.cpu_ms, raise that for this plugin: PATCH /api/v1/plugins/{plugin} · 请检查处理函数之前的代码；若超出 plugins.memory_mib 或 plugins.cpu_ms，可用 PATCH /api/v1/plugins/{plugin} 为这个插件调高"
            }
            Self::Describe { .. } => {
                "manifest.describe must answer within two seconds, without any grant, and within the limits of the plugin's calls: PATCH /api/v1/plugins/{plugin} raises those · manifest.describe 须在两秒内返回，不用任何授权，也不超过插件调用的限额；限额可用 PATCH /api/v1/plugins/{plugin} 调高"
            }
            Self::Description(_) => "mend what the plugin says of itself and build it again · 请改正插件信息，重新编译",
            Self::Ungrantable(_) => "mend what the plugin asks for and build it again · 请改正插件声明的授权，重新编译",
        }
    }
}

fn wrong_world(exports: &[String]) -> &'static str {
    let exports_any = |beginning: &str| exports.iter().any(|name| name.starts_with(beginning));
    if exports_any("wasi:cli/run") {
        "this is a program: a plugin is a library, with `[lib] crate-type = [\"cdylib\"]` and no main function · 这是可执行程序，而插件是库：需要 `[lib] crate-type = [\"cdylib\"]`，不要 main 函数"
    } else if exports_any("wasi:http/") {
        "this is a server of wasi:http: a plugin answers messages, with #[message_handler], and HTTP in its pages · 这是 wasi:http 服务，而插件用 #[message_handler] 回复消息，用网页应答 HTTP"
    } else {
        "build it with the weft-plugin crate, or for world `plugin` of the files in `wit/` · 请用 weft-plugin 编译，或按 `wit/` 中的 world `plugin` 编译"
    }
}

fn not_offered(names: &[String]) -> &'static str {
    let imports_any = |beginning: &str| names.iter().any(|name| name.starts_with(beginning));
    if imports_any("wasi:filesystem") {
        "there is no file system: put what the plugin reads into the program with include_str!, or into its configuration · 没有文件系统：要读的内容用 include_str! 编进程序，或放进插件的配置"
    } else if imports_any("wasi:sockets") || imports_any("wasi:http") {
        "there are no sockets: weft_plugin::http calls the hosts that the operator grants · 没有网络套接字：请用 weft_plugin::http 访问部署者授权的主机"
    } else if imports_any("weft:plugin/") {
        "this Weft does not offer it yet: a newer one may · 这个 Weft 还没有，较新的版本可能有"
    } else if imports_any("wasi:") {
        "there are WASI 0.2's clocks, randomness and standard output: build it with --target wasm32-wasip2 · 只有 WASI 0.2 的时钟、随机数和标准输出：请用 --target wasm32-wasip2 编译"
    } else {
        "they have weft:plugin and WASI 0.2's clocks, randomness and standard output · 插件只有 weft:plugin 和 WASI 0.2 的时钟、随机数、标准输出"
    }
}

/// By which limit it was, as wasmtime's text says: its errors have no names.
fn beyond_limits(why: &str) -> &'static str {
    if why.contains("minimum byte size") {
        "build it so that it begins with less memory, or raise plugins.memory_mib · 请减少插件启动时占用的内存，或调高 plugins.memory_mib"
    } else if why.contains("minimum element size") {
        "build it so that its tables begin with fewer elements, or raise plugins.table_elements · 请减少插件启动时表的元素数，或调高 plugins.table_elements"
    } else if why.contains("core module instances, which exceeds") {
        "build it of fewer core modules: plugins.core_instances can be no more than 64 · 请减少插件中的核心模块；plugins.core_instances 最多为 64"
    } else {
        "build it so that it needs fewer or smaller ones: no setting allows more · 请减少它的数量或大小，没有可以放宽它的设置"
    }
}

/// The first few of them.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 if names.is_empty() => "nothing".to_owned(),
        0 => shown,
        more => format!("{shown} … (+{more})"),
    }
}
