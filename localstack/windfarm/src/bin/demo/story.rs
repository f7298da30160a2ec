//! What the demo tells: what it waits for, and of a gateway that dies and returns. Pure: time is an
//! argument, and what is to be done is returned.

use std::fmt::Debug;
use std::time::Duration;

use crate::times::span;

/// The gateway that dies, and its group.
pub(crate) const GATEWAY: &str = "Gateway Nord";
pub(crate) const GROUP: &str = "Nordsee";

/// From the moment when all is live until the gateway dies, the first time and later.
const FIRST: Duration = Duration::from_secs(15);
const AGAIN: Duration = Duration::from_secs(60);
/// How long it is dead: longer than the demo's `TWIN_STALE_AFTER`.
const DEAD_FOR: Duration = Duration::from_secs(25);
/// A start that takes longer is worth a word.
const LONG: Duration = Duration::from_secs(30);

/// Something that is told while it goes on.
pub(crate) trait Telling: Debug {
    /// What happens, and what it means or what comes next: two lines.
    fn lines(&self, at: Duration) -> [String; 2];

    /// What is told once when it begins; differs where that is something new.
    fn chapter(&self) -> String;

    /// What is worth a look at each moment.
    fn detail(&self) -> Option<String> {
        None
    }
}

/// What happens to the plant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plot {
    /// Nothing.
    Calm,
    /// A gateway dies, and returns, again and again.
    Eventful,
    /// No gateway dies, a gearbox runs hot.
    Loop,
}

/// What is to be done to the plant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// The gateway loses its network.
    Lose,
    /// It is back.
    Restore,
    /// A gearbox loses its cooling.
    BreakCooling,
}

/// What SiteWise shows, as far as it matters here.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) models: u64,
    pub(crate) assets: usize,
    pub(crate) live: usize,
    /// Twins whose last values are known to be old.
    pub(crate) stale: usize,
    /// Whether the gateway is online; none while that is not known.
    pub(crate) online: Option<bool>,
    /// Everything is there and GOOD.
    pub(crate) all_live: bool,
}

/// Where the story is. Moments are told by the time since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scene {
    Starting,
    Live {
        since: Duration,
        /// How long that took since its return, if the gateway has ever been dead.
        back: Option<Duration>,
    },
    Dead {
        since: Duration,
        /// When SiteWise showed it.
        shown: Option<Duration>,
    },
    Returning {
        since: Duration,
    },
}

/// The story so far.
#[derive(Debug)]
pub(crate) struct Story {
    plot: Plot,
    /// Assets when everything is there.
    expected: usize,
    scene: Scene,
    seen: Seen,
}

impl Story {
    pub(crate) fn new(plot: Plot, expected: usize) -> Self {
        Self { plot, expected, scene: Scene::Starting, seen: Seen::default() }
    }

    /// Goes on, with what SiteWise shows at a moment. Returns what is to be done now.
    pub(crate) fn go_on(&mut self, seen: Seen, at: Duration) -> Option<Act> {
        self.seen = seen;
        let death = self.death();
        match &mut self.scene {
            Scene::Starting if seen.all_live => {
                self.scene = Scene::Live { since: at, back: None };
            }
            Scene::Returning { since } if seen.all_live => {
                self.scene = Scene::Live { since: at, back: Some(at - *since) };
            }
            Scene::Live { .. } if death.is_some_and(|death| at >= death) => {
                self.scene = Scene::Dead { since: at, shown: None };
                return Some(Act::Lose);
            }
            Scene::Dead { since, .. } if at >= *since + DEAD_FOR => {
                self.scene = Scene::Returning { since: at };
                return Some(Act::Restore);
            }
            Scene::Dead { shown, .. } if seen.online == Some(false) => {
                shown.get_or_insert(at);
            }
            Scene::Starting | Scene::Live { .. } | Scene::Dead { .. } | Scene::Returning { .. } => {
            }
        }
        None
    }

    /// When the gateway dies next, if it is known.
    fn death(&self) -> Option<Duration> {
        match (self.plot, self.scene) {
            (Plot::Eventful, Scene::Live { since, back }) => {
                Some(since + if back.is_some() { AGAIN } else { FIRST })
            }
            _ => None,
        }
    }

    /// When the present scene began, or showed.
    fn moment(&self) -> Duration {
        match self.scene {
            Scene::Starting => Duration::ZERO,
            Scene::Live { since, .. } | Scene::Returning { since } => since,
            Scene::Dead { since, shown } => shown.unwrap_or(since),
        }
    }

    fn outlook(&self, at: Duration) -> String {
        match self.death() {
            Some(death) => {
                let left = span(death.saturating_sub(at));
                format!("In {left} {GATEWAY} loses its network; --calm leaves that out.")
            }
            None => "They follow the plant: their values change as the wind does.".to_owned(),
        }
    }

    /// What the start waits for.
    fn stage(&self) -> &'static str {
        let Seen { models, assets, .. } = self.seen;
        if models == 0 {
            "Waiting for births: the gateways connect and tell what equipment they have."
        } else if assets < self.expected {
            "Waiting for SiteWise, which makes models and assets of what was born."
        } else {
            "Waiting for values: every asset is there, some lack a first value."
        }
    }

    fn waiting(&self) -> String {
        let Seen { models, assets, live, .. } = self.seen;
        let expected = self.expected;
        if models == 0 {
            self.stage().to_owned()
        } else if assets < expected {
            format!("Waiting for SiteWise to make {} of {expected} assets.", expected - assets)
        } else {
            let left = expected.saturating_sub(live);
            format!("Waiting for values: {left} of {expected} twins have not got all of theirs.")
        }
    }
}

impl Telling for Story {
    fn lines(&self, at: Duration) -> [String; 2] {
        match self.scene {
            Scene::Starting => [self.waiting(), starting(at)],
            Scene::Live { since, back } => {
                let all = self.expected;
                let what = match back {
                    None => format!("All {all} twins are live, {} after the start.", span(since)),
                    Some(took) => format!(
                        "{GATEWAY} was born again: all {all} twins live {} after its return.",
                        span(took)
                    ),
                };
                [what, self.outlook(at)]
            }
            Scene::Dead { since, shown } => {
                let ago = span(at - since);
                let what = match shown {
                    None => format!("{GATEWAY} lost its network {ago} ago; SiteWise will show it."),
                    Some(shown) => format!(
                        "{GATEWAY} lost its network {ago} ago; its twin was offline {} later.",
                        span(shown - since)
                    ),
                };
                let left = span((since + DEAD_FOR).saturating_sub(at));
                let then = match self.seen.stale {
                    0 => "Values that stay old are soon marked UNCERTAIN.".to_owned(),
                    stale => format!("The values of {stale} twins are old: UNCERTAIN (◐)."),
                };
                [what, format!("{then} It returns in {left}.")]
            }
            Scene::Returning { since } => [
                format!(
                    "{GATEWAY} is back since {}: {} of {} twins are live again.",
                    span(at - since),
                    self.seen.live,
                    self.expected
                ),
                "It is born again, and what differs from SiteWise is written.".to_owned(),
            ],
        }
    }

    fn chapter(&self) -> String {
        let [what, _] = self.lines(self.moment());
        match self.scene {
            Scene::Starting => self.stage().to_owned(),
            Scene::Returning { .. } => format!("{GATEWAY} is back."),
            Scene::Live { .. } | Scene::Dead { .. } => what,
        }
    }
}

fn starting(at: Duration) -> String {
    if at < LONG {
        "Plant, MQTT server, bridge and SiteWise run in this process.".to_owned()
    } else {
        "Longer than usual: RUST_LOG=info cargo demo 2>log writes the bridge's log.".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn live() -> Seen {
        Seen { models: 8, assets: 47, live: 47, online: Some(true), all_live: true, stale: 0 }
    }

    fn first(story: &Story, at: u32) -> String {
        story.lines(SECOND * at)[0].clone()
    }

    #[test]
    fn the_first_seconds_say_what_they_wait_for() {
        let mut story = Story::new(Plot::Eventful, 47);
        for (seen, told) in [
            (Seen::default(), "Waiting for births"),
            (Seen { models: 3, assets: 5, ..Seen::default() }, "to make 42 of 47 assets"),
            (Seen { models: 8, assets: 47, live: 40, ..Seen::default() }, "7 of 47 twins have not"),
        ] {
            assert_eq!(story.go_on(seen, SECOND), None);
            assert!(first(&story, 1).contains(told), "{}", first(&story, 1));
        }
        assert!(story.lines(LONG)[1].contains("RUST_LOG"));
        story.go_on(live(), SECOND * 8);
        assert_eq!(first(&story, 9), "All 47 twins are live, 8 s after the start.");
    }

    #[test]
    fn a_gateway_dies_and_returns_again_and_again() {
        let mut story = Story::new(Plot::Eventful, 47);
        let (mut acts, mut told) = (Vec::new(), Vec::new());
        let mut online = true;
        for second in 0..200 {
            let seen = Seen { online: Some(online), all_live: online, ..live() };
            let act = story.go_on(seen, SECOND * second);
            if let Some(act) = act {
                online = act == Act::Restore;
                acts.push((act, second));
            }
            let chapter = story.chapter();
            if told.last() != Some(&chapter) {
                told.push(chapter);
            }
        }
        let dead_for = u32::try_from(DEAD_FOR.as_secs()).unwrap();
        let back = 15 + dead_for;
        let again = back + 1 + 60;
        assert_eq!(
            acts,
            [
                (Act::Lose, 15),
                (Act::Restore, back),
                (Act::Lose, again),
                (Act::Restore, again + dead_for),
                (Act::Lose, again + dead_for + 61),
            ]
        );
        assert!(told[2].ends_with("its twin was offline 1 s later."), "{told:?}");
        assert!(told[3].ends_with("is back."), "{told:?}");
        assert!(told[4].contains("was born again"), "{told:?}");
    }

    #[test]
    fn a_calm_demo_does_nothing_to_the_plant() {
        let mut story = Story::new(Plot::Calm, 47);
        for second in 0..500 {
            assert_eq!(story.go_on(live(), SECOND * second), None);
        }
        assert!(!story.lines(SECOND * 500).concat().contains(GATEWAY));
    }
}
