//! Messages through the real server over loopback connections, against a handler that does nothing.

use std::{path::Path, time::Duration};

use super::{
    Effort, cpu,
    load::{CONNECTIONS, send},
    pool::{Endpoint, requests},
    report::{Row, Samples, Unit, table},
    server::{Kind, Running},
};

/// How long a server needs to come to rest after its last answer.
const REST: Duration = Duration::from_millis(20);

/// Measures the endpoints whose names have `word`, beside the one that all are compared with.
pub(crate) fn measure(effort: Effort, folder: &Path, word: Option<&str>) -> anyhow::Result<()> {
    let chosen = |endpoint: &Endpoint| word.is_none_or(|word| endpoint.name().contains(word));
    let mut endpoints = vec![Endpoint::Constant];
    endpoints.extend(Endpoint::ALL.into_iter().filter(|one| *one != Endpoint::Constant && chosen(one)));
    if endpoints.len() == 1 {
        return Ok(());
    }
    let plain = Running::start(&Kind::Plain(folder.to_owned()))?;
    let weft = Running::start(&Kind::Weft(folder.to_owned()))?;
    let server = |endpoint: Endpoint| if endpoint.is_weft() { &weft } else { &plain };
    // Weft remembers the deliveries of a minute, 100,000 at least: until it has as many, it asks the system for memory
    // with each, as it does not after some seconds at such a rate.
    let (part, mut left) = (effort.messages, effort.before);
    while endpoints.iter().any(|endpoint| endpoint.is_weft()) && left > 0 {
        send(Endpoint::Rule, weft.address, requests(Endpoint::Rule, left.min(part))?)?;
        left = left.saturating_sub(part);
    }
    // The first messages find nothing ready.
    for endpoint in endpoints.iter().copied() {
        send(endpoint, server(endpoint).address, requests(endpoint, effort.messages)?)?;
    }
    let mut cpu: Vec<Samples> = endpoints.iter().map(|_| Samples::default()).collect();
    let mut wall: Vec<Samples> = endpoints.iter().map(|_| Samples::default()).collect();
    for _ in 0..effort.rounds {
        // In turn, so that whatever else the machine does meets all of them.
        for (endpoint, (cpu, wall)) in endpoints.iter().copied().zip(cpu.iter_mut().zip(&mut wall)) {
            let (took, used) = round(endpoint, server(endpoint), effort.messages)?;
            wall.push(took);
            if let Some(used) = used {
                cpu.push(used);
            }
        }
    }
    println!(
        "\nHTTP: {CONNECTIONS} kept connections, a server with two threads, {} x {} messages each\n",
        effort.rounds, effort.messages
    );
    let rows = |samples: Vec<Samples>, prototype: fn(Endpoint) -> &'static str| {
        let rows = endpoints.iter().copied().zip(samples);
        rows.map(|(endpoint, samples)| Row { name: endpoint.name(), samples, prototype: prototype(endpoint) }).collect()
    };
    let (cpu, wall): (Vec<_>, Vec<_>) = (rows(cpu, prototype_cpu), rows(wall, prototype_wall));
    println!("{}", table("CPU time of the server per message", Unit::Microseconds, &cpu));
    println!("{}", table("messages a second", Unit::PerSecond, &wall));
    Ok(())
}

fn prototype_cpu(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Constant => "1.0",
        Endpoint::Silent => "-",
        Endpoint::Rule | Endpoint::LeastRule => "1.2",
        Endpoint::Plain | Endpoint::LeastPlain => "2.4",
        Endpoint::Safe | Endpoint::LeastSafe => "2.7",
        Endpoint::Logged => "4.0",
    }
}

fn prototype_wall(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Constant => "1.00",
        Endpoint::Silent => "-",
        Endpoint::Rule | Endpoint::LeastRule => "0.95",
        Endpoint::Plain | Endpoint::LeastPlain => "0.62",
        Endpoint::Safe | Endpoint::LeastSafe => "0.58",
        Endpoint::Logged => "0.35",
    }
}

/// Wall clock and the server's CPU time, of one message.
fn round(endpoint: Endpoint, server: &Running, messages: u32) -> anyhow::Result<(Duration, Option<Duration>)> {
    let requests = requests(endpoint, messages)?;
    let before = cpu::process(server.id());
    let took = send(endpoint, server.address, requests)?;
    std::thread::sleep(REST);
    let after = cpu::process(server.id());
    let used = after.zip(before).map(|(after, before)| after.since(&before) / messages);
    Ok((took / messages, used))
}
