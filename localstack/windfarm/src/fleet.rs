//! All gateways of the company, started and stopped together, and what can go wrong with them.

use std::time::Duration;

use sparkwise::config::ServerUrl;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::fault::Fault;
use crate::gateway::{Command, Gateway, Which};
use crate::model::{Company, Farm, Obedience};
use crate::spelling::Spelling;

/// How far a wrong clock is ahead.
const WRONG_CLOCK: Duration = Duration::from_secs(3600);

/// The company's gateways on the network. Dropped, they vanish without a word.
#[derive(Debug)]
pub struct Fleet {
    company: Company,
    url: ServerUrl,
    rate: f64,
    spelling: Spelling,
    gateways: Vec<Member>,
    tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Member {
    group: &'static str,
    turbines: Vec<String>,
    commands: mpsc::Sender<Command>,
}

impl Fleet {
    /// Connects a gateway for each farm of `company` to the server at `url`, each with `rate`
    /// steps a second. They keep trying while there is no server.
    pub fn start(company: &Company, url: &ServerUrl, rate: f64) -> Self {
        Self::start_spelled(company, url, rate, Spelling::default())
    }

    /// As [`start`](Self::start), with the turbines spelled in a way of choice.
    pub fn start_spelled(
        company: &Company,
        url: &ServerUrl,
        rate: f64,
        spelling: Spelling,
    ) -> Self {
        let (company, url, gateways, tasks) = (*company, url.clone(), Vec::new(), JoinSet::new());
        let mut fleet = Self { company, url, rate, spelling, gateways, tasks };
        for farm in company.farms() {
            fleet.add(farm, Which::Itself);
        }
        fleet
    }

    fn add(&mut self, farm: Farm, which: Which) {
        let (commands, received) = mpsc::channel(16);
        self.gateways.push(Member {
            group: farm.group,
            turbines: farm.turbines().map(|turbine| turbine.name.clone()).collect(),
            commands,
        });
        let (url, rate, spelling) = (self.url.clone(), self.rate, self.spelling);
        self.tasks.spawn(Gateway::new(farm, url, rate, spelling, which, received).run());
    }

    /// Lets something go wrong at the first farm. False if it has no gateway any more.
    pub async fn provoke(&mut self, fault: Fault) -> bool {
        let Some(farm) = self.company.farms().into_iter().next() else { return false };
        let group = farm.group;
        let turbine = farm.turbines().next().map(|turbine| turbine.name.clone());
        let first = |gateway: &Member| gateway.group == group;
        match fault {
            Fault::HotGearbox => self.break_cooling(&turbine.unwrap_or_default()).await,
            Fault::LostGateway => self.tell(first, Command::Lose).await,
            Fault::WrongClock => self.tell(first, Command::SetClock { ahead: WRONG_CLOCK }).await,
            Fault::NoBirth => self.tell(first, Command::ForgetBirths).await,
            Fault::TwoSenders => {
                self.add(farm, Which::Impostor);
                true
            }
            Fault::DeafTurbine => {
                let (turbine, obedience) = (turbine.unwrap_or_default(), Obedience::Ignores);
                self.tell(first, Command::Obey { turbine, obedience }).await
            }
        }
    }

    /// Breaks the cooling of a turbine's gearbox: it heats up until the turbine stops itself.
    /// False if there is no such turbine.
    pub async fn break_cooling(&self, turbine: &str) -> bool {
        self.gearbox(turbine, true).await
    }

    /// Repairs it. False if there is no such turbine.
    pub async fn repair_cooling(&self, turbine: &str) -> bool {
        self.gearbox(turbine, false).await
    }

    /// Takes the gateway of `group` off the network without a word: the server publishes its
    /// will. False if there is no such group.
    pub async fn lose_gateway(&self, group: &str) -> bool {
        self.tell(|gateway| gateway.group == group, Command::Lose).await
    }

    /// Brings it back, with new births. False if there is no such group.
    pub async fn restore_gateway(&self, group: &str) -> bool {
        self.tell(|gateway| gateway.group == group, Command::Restore).await
    }

    /// Ends all gateways in order, each with its death.
    pub async fn stop(mut self) {
        self.gateways.clear();
        while self.tasks.join_next().await.is_some() {}
    }

    async fn gearbox(&self, turbine: &str, hot: bool) -> bool {
        let command = Command::Gearbox { turbine: turbine.to_owned(), hot };
        self.tell(|gateway| gateway.turbines.iter().any(|name| name == turbine), command).await
    }

    async fn tell(&self, is_meant: impl Fn(&Member) -> bool, command: Command) -> bool {
        match self.gateways.iter().find(|gateway| is_meant(gateway)) {
            Some(gateway) => gateway.commands.send(command).await.is_ok(),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests;
