//! The closed loop: a gearbox runs hot, a rule in the cloud sees it and writes `Derate`, it cools.
//! Pure: what is seen and the time are arguments, what is to be done is returned.

use std::time::Duration;

use crate::story::Telling;
use crate::times::span;

/// The turbine whose gearbox runs hot.
pub(crate) const TURBINE: &str = "T01";

/// From the moment when all is live until the cooling fails.
const WELL_FOR: Duration = Duration::from_secs(3);
/// Oil above it is too warm for the rule, in degrees Celsius: no gearbox with its cooling gets
/// there. At 95 the turbine stops itself.
const TOO_WARM: f64 = 75.0;
/// Oil below it has cooled.
const COOL: f64 = 70.0;
/// How long the oil may take until it has cooled.
const PATIENCE: Duration = Duration::from_secs(90);

/// What SiteWise shows of the turbine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sight {
    /// In degrees Celsius.
    pub(crate) oil: Option<f64>,
    /// Whether the turbine has stopped itself.
    pub(crate) stopped: bool,
}

/// How far the command is that the rule sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Execution {
    /// Such as `SUCCEEDED`.
    pub(crate) status: String,
    /// Such as `CONFIRMED`.
    pub(crate) code: String,
    /// From the bridge's sending to the turbine's own value, in milliseconds.
    pub(crate) confirmed_after: Option<String>,
}

impl Execution {
    fn has_ended(&self) -> bool {
        !matches!(self.status.as_str(), "CREATED" | "IN_PROGRESS")
    }

    fn how(&self) -> String {
        let Self { status, code, confirmed_after } = self;
        match confirmed_after {
            Some(milliseconds) => format!("{status} {code} after {milliseconds} ms"),
            None => format!("{status} {code}"),
        }
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// At the plant: the gearbox loses its cooling.
    BreakCooling,
    /// In the cloud: start a command that sets `Derate`.
    Derate,
}

#[derive(Clone, Debug, PartialEq)]
enum Scene {
    /// Until all twins are live.
    Starting,
    Well {
        since: Duration,
    },
    Heating {
        since: Duration,
    },
    Ordered {
        since: Duration,
        /// The oil that was too warm.
        oil: f64,
    },
    Cooling {
        since: Duration,
        /// How the command ended.
        how: String,
        /// The warmest oil.
        highest: f64,
    },
    Cooled {
        highest: f64,
        oil: f64,
    },
    Failed(String),
}

/// The loop so far.
#[derive(Clone, Debug)]
pub(crate) struct Remedy {
    scene: Scene,
    sight: Sight,
}

impl Remedy {
    pub(crate) const fn new() -> Self {
        Self { scene: Scene::Starting, sight: Sight { oil: None, stopped: false } }
    }

    /// Whether there is something to tell.
    pub(crate) fn has_begun(&self) -> bool {
        self.scene != Scene::Starting
    }

    /// Whether the gearbox has cooled by the command.
    ///
    /// # Errors
    ///
    /// Why it will not.
    pub(crate) fn has_cooled(&self) -> Result<bool, String> {
        match &self.scene {
            Scene::Failed(reason) => Err(reason.clone()),
            scene => Ok(matches!(scene, Scene::Cooled { .. })),
        }
    }

    /// Goes on, with what is seen at a moment.
    pub(crate) fn go_on(
        &mut self,
        all_live: bool,
        sight: Sight,
        execution: Option<&Execution>,
        at: Duration,
    ) -> Option<Deed> {
        self.sight = sight;
        let oil = sight.oil.unwrap_or_default();
        let in_trouble = matches!(
            self.scene,
            Scene::Heating { .. } | Scene::Ordered { .. } | Scene::Cooling { .. }
        );
        if in_trouble && sight.stopped {
            self.fail(format!("{TURBINE} stopped itself before it had cooled"));
            return None;
        }
        match &mut self.scene {
            Scene::Starting if all_live => self.scene = Scene::Well { since: at },
            Scene::Well { since } if at >= *since + WELL_FOR => {
                self.scene = Scene::Heating { since: at };
                return Some(Deed::BreakCooling);
            }
            Scene::Heating { .. } if oil > TOO_WARM => {
                self.scene = Scene::Ordered { since: at, oil };
                return Some(Deed::Derate);
            }
            Scene::Ordered { .. } => match execution {
                Some(execution) if execution.status == "SUCCEEDED" => {
                    let how = execution.how();
                    self.scene = Scene::Cooling { since: at, how, highest: oil };
                }
                Some(execution) if execution.has_ended() => {
                    self.fail(format!("the command ended {}", execution.how()));
                }
                Some(_) | None => {}
            },
            Scene::Cooling { highest, .. } if sight.oil.is_some_and(|oil| oil < COOL) => {
                self.scene = Scene::Cooled { highest: *highest, oil };
            }
            Scene::Cooling { since, highest, .. } => {
                *highest = highest.max(oil);
                if at > *since + PATIENCE {
                    self.fail(format!("the oil of {TURBINE} does not cool: {oil:.1} °C"));
                }
            }
            Scene::Starting
            | Scene::Well { .. }
            | Scene::Heating { .. }
            | Scene::Cooled { .. }
            | Scene::Failed(_) => {}
        }
        None
    }

    pub(crate) fn fail(&mut self, reason: String) {
        self.scene = Scene::Failed(reason);
    }

    fn oil(&self) -> String {
        self.sight.oil.map_or_else(|| "unknown".to_owned(), |oil| format!("{oil:.1} °C"))
    }
}

impl Telling for Remedy {
    fn lines(&self, at: Duration) -> [String; 2] {
        let chapter = self.chapter();
        let oil = self.oil();
        let then = match &self.scene {
            Scene::Starting => String::new(),
            Scene::Well { since } => {
                let left = span((*since + WELL_FOR).saturating_sub(at));
                format!("In {left} the gearbox of {TURBINE} loses its cooling.")
            }
            Scene::Heating { .. } => {
                format!(
                    "Its oil: {oil}. A rule in the cloud watches it; its limit is {TOO_WARM} °C."
                )
            }
            Scene::Ordered { since, .. } => {
                let ago = span(at.saturating_sub(*since));
                format!("{ago} ago. The bridge checks the command and sends it to the turbine.")
            }
            Scene::Cooling { highest, .. } => {
                format!("Its oil: {oil}, {highest:.1} °C at most. It feeds half of its power.")
            }
            Scene::Cooled { .. } => "It still runs, with half of its power.".to_owned(),
            Scene::Failed(_) => format!("Its oil: {oil}."),
        };
        [chapter, then]
    }

    fn chapter(&self) -> String {
        match &self.scene {
            Scene::Starting => String::new(),
            Scene::Well { .. } => "All twins are live.".to_owned(),
            Scene::Heating { .. } => format!("The gearbox of {TURBINE} has lost its cooling."),
            Scene::Ordered { oil, .. } => {
                format!("Rule: {oil:.1} °C is too warm. Command to {TURBINE}: Derate = true.")
            }
            Scene::Cooling { how, .. } => {
                format!("The command ended {how}: {TURBINE} is derated.")
            }
            Scene::Cooled { highest, oil, .. } => {
                format!(
                    "Cooled by the command: {TURBINE}'s oil fell from {highest:.1} to {oil:.1} °C."
                )
            }
            Scene::Failed(reason) => format!("Not cooled: {reason}."),
        }
    }

    fn detail(&self) -> Option<String> {
        self.has_begun().then(|| format!("oil of {TURBINE} {}", self.oil()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn sight(oil: f64) -> Sight {
        Sight { oil: Some(oil), stopped: false }
    }

    fn execution(status: &str, code: &str) -> Execution {
        let confirmed_after = (code == "CONFIRMED").then(|| "12".to_owned());
        Execution { status: status.to_owned(), code: code.to_owned(), confirmed_after }
    }

    /// A loop whose rule has sent its command in second 5.
    fn ordered() -> Remedy {
        let mut remedy = Remedy::new();
        assert_eq!(remedy.go_on(false, sight(60.0), None, SECOND), None);
        assert!(!remedy.has_begun());
        assert_eq!(remedy.go_on(true, sight(60.0), None, SECOND), None);
        assert_eq!(remedy.go_on(true, sight(60.0), None, SECOND * 3), None);
        assert_eq!(remedy.go_on(true, sight(60.0), None, SECOND * 4), Some(Deed::BreakCooling));
        assert_eq!(remedy.go_on(true, sight(75.0), None, SECOND * 4), None);
        assert_eq!(remedy.go_on(true, sight(76.0), None, SECOND * 5), Some(Deed::Derate));
        remedy
    }

    #[test]
    fn a_command_is_sent_once_and_the_oil_cools() {
        let mut remedy = ordered();
        let running = execution("IN_PROGRESS", "SENT");
        assert_eq!(remedy.go_on(true, sight(79.0), None, SECOND * 6), None);
        assert_eq!(remedy.go_on(true, sight(82.0), Some(&running), SECOND * 7), None);
        let done = execution("SUCCEEDED", "CONFIRMED");
        assert_eq!(remedy.go_on(true, sight(84.0), Some(&done), SECOND * 8), None);
        let told = "The command ended SUCCEEDED CONFIRMED after 12 ms: T01 is derated.";
        assert_eq!(remedy.chapter(), told);
        assert_eq!(remedy.has_cooled(), Ok(false));
        for (oil, at) in [(85.5, 9), (75.0, 20), (70.0, 30)] {
            assert_eq!(remedy.go_on(true, sight(oil), Some(&done), SECOND * at), None);
            assert_eq!(remedy.has_cooled(), Ok(false));
        }
        assert_eq!(remedy.go_on(true, sight(69.9), Some(&done), SECOND * 31), None);
        assert_eq!(remedy.has_cooled(), Ok(true));
        assert!(remedy.chapter().contains("from 85.5 to 69.9"), "{}", remedy.chapter());
    }

    #[test]
    fn a_gearbox_that_cools_without_a_command_is_no_success() {
        let mut refused = ordered();
        let end = execution("REJECTED", "NOT_ALLOWED");
        refused.go_on(true, sight(60.0), Some(&end), SECOND * 6);
        assert!(refused.has_cooled().unwrap_err().contains("REJECTED NOT_ALLOWED"));

        let mut unanswered = ordered();
        for at in 6..200 {
            unanswered.go_on(true, sight(60.0), None, SECOND * at);
        }
        assert_eq!(unanswered.has_cooled(), Ok(false));

        let mut stopped = ordered();
        stopped.go_on(true, Sight { oil: Some(95.0), stopped: true }, None, SECOND * 6);
        assert!(stopped.has_cooled().unwrap_err().contains("stopped itself"));

        let mut hot = ordered();
        let done = execution("SUCCEEDED", "CONFIRMED");
        for at in 6..100 {
            hot.go_on(true, sight(80.0), Some(&done), SECOND * at);
        }
        assert!(hot.has_cooled().unwrap_err().contains("does not cool"));
    }
}
