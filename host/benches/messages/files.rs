//! What it takes until a plugin's file can be called: compiled, and from the cache.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::anyhow;
use bytes::Bytes;
use wasmtime::component::Component;
use weft::{clock::Clock, server::Server};

use super::{
    Effort, floor,
    neighbours::custom_section,
    report::{Row, Samples, Unit, table},
    server::config,
};

/// Files of one round.
const FILES: u64 = 4;

pub(crate) fn measure(effort: Effort, folder: &Path) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut config = config(folder, "data-of-files");
    config.plugins.compiler = Some(PathBuf::from(env!("CARGO_BIN_EXE_weft")));
    let server = runtime.block_on(Server::prepare(config, Clock::system()))?;
    let plugins = &server.state().plugins;
    let greeter = fs::read(folder.join("plugins/greeter.wasm"))?;
    let engine = floor::engine()?;
    let [mut bare, mut compiled, mut cached] = [(); 3].map(|()| Samples::default());
    for number in 0..u64::from(effort.rounds) * FILES {
        let file = Bytes::from([greeter.as_slice(), &custom_section(number)].concat());
        let began = Instant::now();
        Component::new(&engine, &file)?;
        bare.push(began.elapsed());
        for samples in [&mut compiled, &mut cached] {
            let began = Instant::now();
            let checked = runtime.block_on(plugins.check("greeter", file.clone()));
            checked.map_err(|refused| anyhow!("{refused}"))?;
            samples.push(began.elapsed());
        }
    }
    println!("\nFiles: the greeter's, {} of them, each with another digest\n", u64::from(effort.rounds) * FILES);
    let rows = [
        Row { name: "wasmtime alone compiles it", samples: bare, prototype: "-" },
        Row { name: "let in: compiled in a process", samples: compiled, prototype: "-" },
        Row { name: "let in: from the cache", samples: cached, prototype: "-" },
    ];
    println!("{}", table("until it can be called", Unit::Milliseconds, &rows));
    Ok(())
}
