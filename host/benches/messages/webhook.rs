//! Messages through the real server over loopback connections, against a handler that does nothing.

use std::{path::Path, time::Duration};

use super::{
    Effort, cpu,
    load::{CONNECTIONS, send},
    pool::{Endpoint, requests},
    report::{Row, Samples, Unit, table},
    server::{Kind, Running},
};

/// What the first messages, which find nothing ready, are fewer by.
const WARM_UP: u32 = 4;

/// How long a server needs to come to rest after its last answer.
const REST: Duration = Duration::from_millis(20);

pub(crate) fn measure(effort: Effort, folder: &Path) -> anyhow::Result<()> {
    let constant = Running::start(&Kind::Constant)?;
    let weft = Running::start(&Kind::Weft(folder.to_owned()))?;
    let server = |endpoint| if endpoint == Endpoint::Constant { &constant } else { &weft };
    for endpoint in Endpoint::ALL {
        send(endpoint, server(endpoint).address, requests(endpoint, effort.messages.div_ceil(WARM_UP))?)?;
    }
    let mut cpu = Endpoint::ALL.map(|_| Samples::default());
    let mut wall = Endpoint::ALL.map(|_| Samples::default());
    for _ in 0..effort.rounds {
        // In turn, so that whatever else the machine does meets all of them.
        for (endpoint, (cpu, wall)) in Endpoint::ALL.into_iter().zip(cpu.iter_mut().zip(&mut wall)) {
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
    println!(
        "{}",
        table(
            "CPU time of the server per message",
            Unit::Microseconds,
            &rows(cpu, ["1.0", "-", "1.2", "2.4", "2.7", "4.0"])
        )
    );
    println!(
        "{}",
        table("messages a second", Unit::PerSecond, &rows(wall, ["1.00", "-", "0.95", "0.62", "0.58", "0.35"]))
    );
    Ok(())
}

fn rows(samples: [Samples; 6], prototype: [&'static str; 6]) -> Vec<Row> {
    let names = [
        "constant handler",
        "webhook, nobody answers",
        "webhook, a rule",
        "webhook, greeter",
        "webhook, greeter, encrypted",
        "webhook, greeter, logged",
    ];
    let rows = names.into_iter().zip(samples).zip(prototype);
    rows.map(|((name, samples), prototype)| Row { name, samples, prototype }).collect()
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
