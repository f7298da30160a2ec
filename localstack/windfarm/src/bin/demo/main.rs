//! The whole way on one machine, in one process: a wind farm, an MQTT server, the bridge with
//! the code that runs in production, and an emulated SiteWise, read back over its HTTP API.

mod api;
mod arguments;
mod cloud;
mod picture;
mod remedy;
mod screen;
mod story;
mod times;
mod tree;
mod twins;
mod world;

use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing_subscriber::EnvFilter;

use self::arguments::Arguments;
use self::cloud::Cloud;
use self::screen::Screen;
use self::story::{GATEWAY, Plot, Seen, Story, Telling};
use self::twins::Snapshot;
use self::world::World;

/// Between two looks at the twins.
const REFRESH: Duration = Duration::from_secs(1);
/// Until every twin must be live with `--once`; then as long again until a gearbox has cooled.
const PATIENCE: Duration = Duration::from_secs(120);
/// Twins that are named where not all are live.
const NAMED: usize = 5;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            screen::print(arguments::HELP);
            return ExitCode::SUCCESS;
        }
        Err(reason) => {
            screen::complain(&format!("demo: {reason}\n\n{}", arguments::HELP));
            return ExitCode::from(64);
        }
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match Box::pin(run(&arguments)).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            screen::complain(&format!("demo: {reason}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Whether all went as it should.
async fn run(arguments: &Arguments) -> Result<bool, String> {
    let mut world = World::start(arguments).await?;
    let mut screen = Screen::new(&world.addresses, arguments);
    let mut ended = Box::pin(ending(arguments));
    let mut ticks = interval(REFRESH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let began = Instant::now();
    let mut story = Story::new(arguments.plot, world.expected.assets);
    let mut cloud = world.addresses.iot.map(Cloud::new);
    let mut last: Option<Snapshot> = None;
    let mut all_live = false;
    let mut is_well = false;
    let mut trouble = None;
    loop {
        tokio::select! {
            biased;
            () = &mut ended => break,
            reason = world.failure() => return Err(reason),
            _ = ticks.tick() => {}
        }
        let now = twins::read(world.addresses.sitewise).await.map_err(|error| error.to_string())?;
        all_live = now.live() == world.expected.assets
            && now.assets() == world.expected.assets
            && now.roots.len() == world.expected.roots;
        let act = story.go_on(Seen { all_live, ..now.seen(GATEWAY) }, began.elapsed());
        let mut act = act.filter(|_| !arguments.once);
        let mut telling: &dyn Telling = &story;
        is_well = all_live;
        if let Some(cloud) = &mut cloud {
            act = cloud.go_on(&now, all_live, began.elapsed()).await?;
            (is_well, trouble) = match cloud.has_cooled() {
                Ok(has_cooled) => (has_cooled, None),
                Err(reason) => (false, Some(reason)),
            };
            telling = cloud.telling().unwrap_or(&story);
        }
        screen.show(&now, telling, began.elapsed());
        last = Some(now);
        if let Some(act) = act {
            world.act(act).await;
        }
        let patience = if cloud.is_some() { PATIENCE * 2 } else { PATIENCE };
        let is_over = is_well || trouble.is_some() || began.elapsed() > patience;
        if arguments.once && is_over {
            break;
        }
    }
    let expected = world.expected.assets;
    let tree = last.as_ref().filter(|_| arguments.once || !screen.is_live());
    screen.end(tree, &world.stop().await?);
    if arguments.once && !is_well {
        screen::complain(&match (trouble, arguments.plot) {
            (Some(reason), _) => format!("demo: not cooled: {reason}\n"),
            (None, Plot::Loop) if all_live => "demo: nothing has cooled\n".to_owned(),
            (None, _) => lacking(last.as_ref(), expected),
        });
    }
    Ok(is_well || !arguments.once)
}

/// Which twins are not live, and why.
fn lacking(last: Option<&Snapshot>, expected: usize) -> String {
    let live = last.map_or(0, Snapshot::live);
    let named = last.map(|last| last.not_live(NAMED)).unwrap_or_default();
    let named: String = named.iter().map(|twin| format!("demo:   {twin}\n")).collect();
    format!("demo: {live} of {expected} twins are live; RUST_LOG=info tells more\n{named}")
}

/// Ready when the demo shall end.
async fn ending(arguments: &Arguments) {
    let over = async {
        match arguments.duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    let asked = async {
        match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
            (Ok(mut terminate), Ok(mut interrupt)) => tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            },
            // Without handlers the signals end the process by themselves.
            _ => std::future::pending().await,
        }
    };
    tokio::select! {
        () = over => {}
        () = asked => {}
    }
}
