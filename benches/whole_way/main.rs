//! The whole way over loopback sockets: from PUBLISH packets to requests that a stub takes at
//! once, beside a bare loop of full requests by the AWS SDK against the same stub.
//!
//! The plant with its MQTT server, and the stub, run in a process of their own, so that this
//! process's time is the bridge's alone, or the bare loop's. Rounds of both alternate; the first
//! creates models and assets and is not counted. A round that lost values says so.
//!
//! Without `--bench`, or with `--quick`, one small round shows that it works.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark ends where it cannot go on, and both ends of its sockets are its own"
)]

#[path = "../support/arguments.rs"]
mod arguments;
mod bare;
mod bridge;
mod child;
#[path = "../support/cpu.rs"]
mod cpu;
#[path = "../support/link.rs"]
mod link;
mod load;
mod measured;
#[path = "../support/memory.rs"]
mod memory;
#[path = "../support/mqtt.rs"]
mod mqtt;
mod peer;
mod plan;
#[path = "../support/plant.rs"]
mod plant;
#[path = "../../tests/support/sdk.rs"]
mod sdk;
#[path = "../support/stub.rs"]
mod stub;
mod taken;

use arguments::Arguments;
use child::Peer;
use measured::{Measured, summary};
use plan::{NODES, Plan};

const NAME: &str = "whole_way";

fn main() {
    let Arguments { quick, all } = Arguments::of_process();
    let plan = if quick { Plan::QUICK } else { Plan::WHOLE };
    if all.iter().any(|argument| argument == child::PEER) {
        return peer::run(plan);
    }
    if arguments::asks_for(&all, NAME) {
        let size = if quick { arguments::QUICK } else { arguments::BENCH };
        run(&plan, &mut Peer::start(&[size.to_owned()]));
    }
}

#[expect(clippy::print_stdout, reason = "the figures")]
fn run(plan: &Plan, peer: &mut Peer) {
    println!(
        "{NAME}: {NODES} edge nodes with {} turbines of {} members each, a turbine a message; \
         {} values a round",
        plan.turbines,
        plant::MEMBERS.len(),
        plan.values()
    );
    println!(
        "{:>5} {:>16} {:>9} {:>16} {:>9} {:>9} {:>9} {:>10} {:>9}",
        "round",
        "bridge values/s",
        "CPU s/M",
        "bare values/s",
        "CPU s/M",
        "values/s",
        "CPU",
        "peer CPU",
        "a request"
    );
    let mut rounds = Vec::new();
    for number in 0..plan.rounds {
        let round = bridge::round(peer, plan);
        let bare = bare::round(peer, plan);
        let (bridge, ledger) = (round.measured, &round.ledger);
        println!("{:>5} {}", number, row(&bridge, &bare));
        if number == 0 {
            println!("      (creates models and assets, not counted)");
        }
        if round.lost > 0 || round.rebirths > 0 {
            println!(
                "      LOST {} values, {} rebirths asked for: {:?}, {:?}, {} discarded by the outbox",
                round.lost,
                round.rebirths,
                ledger.values,
                ledger.delivery,
                ledger.losses.total()
            );
        }
        if number > 0 {
            rounds.push((bridge, bare, round.lost));
        }
    }
    report(&rounds);
}

fn row(bridge: &Measured, bare: &Measured) -> String {
    format!(
        "{:>16.0} {:>9.2} {:>16.0} {:>9.2} {:>9.2} {:>9.2} {:>10.2} {:>9.1}",
        bridge.values_per_second(),
        bridge.cpu_per_million(),
        bare.values_per_second(),
        bare.cpu_per_million(),
        bridge.values_per_second() / bare.values_per_second(),
        bridge.cpu_per_million() / bare.cpu_per_million(),
        bridge.peer_cpu_per_million(),
        bridge.values_per_request(),
    )
}

#[expect(clippy::print_stdout, reason = "the figures")]
fn report(rounds: &[(Measured, Measured, u64)]) {
    let line = |what: &str, unit: &str, number: &dyn Fn(&Measured, &Measured) -> f64| {
        let (median, least, most) =
            summary(rounds.iter().map(|(bridge, bare, _)| number(bridge, bare)));
        println!("{what:<28} {median:>12.2} {unit:<12} ({least:.2} to {most:.2})");
    };
    println!("median of {} rounds, and their ends:", rounds.len());
    line("bridge", "values/s", &|bridge, _| bridge.values_per_second());
    line("bare loop", "values/s", &|_, bare| bare.values_per_second());
    line("bridge : bare loop", "", &|bridge, bare| {
        bridge.values_per_second() / bare.values_per_second()
    });
    line("bridge", "CPU s/M", &|bridge, _| bridge.cpu_per_million());
    line("of it the engine's thread", "CPU s/M", &|bridge, _| bridge.engine_per_million());
    line("bare loop", "CPU s/M", &|_, bare| bare.cpu_per_million());
    line("bridge : bare loop", "in CPU", &|bridge, bare| {
        bridge.cpu_per_million() / bare.cpu_per_million()
    });
    line("plant and stub, with bridge", "CPU s/M", &|bridge, _| bridge.peer_cpu_per_million());
    line("stub, with bare loop", "CPU s/M", &|_, bare| bare.peer_cpu_per_million());
    line("values in a request, bridge", "", &|bridge, _| bridge.values_per_request());
    if let Some(peak) = memory::peak(std::process::id()) {
        println!("{:<28} {peak:>12.0} MiB", "most memory of this process");
    }
    let lost: u64 = rounds.iter().map(|(.., lost)| lost).sum();
    match lost {
        0 => println!("every value that was sent was delivered"),
        lost => println!("LOST {lost} values: these figures are those of a bridge that loses"),
    }
}
