//! Scheduling of classes: by priority, and none starved.

use super::point::Class;

/// All classes that have turns, the best first.
pub(crate) const CLASSES: [Class; 4] = [Class::Live, Class::Birth, Class::Stale, Class::History];

/// How often a waiting class is passed over before its turn: births get at least every fourth turn,
/// stale marks and history every eighth each, and so live values half of all.
const MAX_PASSED_OVER: [u8; 4] = [0, 3, 7, 7];

/// One value for each class.
#[derive(Clone, Debug, Default)]
pub(crate) struct ByClass<T>([T; 4]);

impl<T> ByClass<T> {
    pub(crate) fn get(&self, class: Class) -> &T {
        let [live, birth, stale, history] = &self.0;
        match class {
            Class::Live => live,
            Class::Birth | Class::Static => birth,
            Class::Stale => stale,
            Class::History => history,
        }
    }

    pub(crate) fn get_mut(&mut self, class: Class) -> &mut T {
        let [live, birth, stale, history] = &mut self.0;
        match class {
            Class::Live => live,
            Class::Birth | Class::Static => birth,
            Class::Stale => stale,
            Class::History => history,
        }
    }
}

/// How often each class was passed over.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClassScheduler {
    passed_over: ByClass<u8>,
}

impl ClassScheduler {
    /// The class whose turn it is among those that `has` something.
    pub(crate) fn next(&mut self, has: impl Fn(Class) -> bool) -> Option<Class> {
        let best = CLASSES.into_iter().find(|&class| has(class))?;
        let max_passed_over = ByClass(MAX_PASSED_OVER);
        let starved = CLASSES.into_iter().find(|&class| {
            class != best && has(class) && self.passed_over.get(class) >= max_passed_over.get(class)
        });
        let chosen = starved.unwrap_or(best);
        for class in CLASSES {
            let passed = self.passed_over.get_mut(class);
            *passed = match class != chosen && has(class) {
                true => passed.saturating_add(1),
                false => 0,
            };
        }
        Some(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_share() {
        let mut turns = ClassScheduler::default();
        let mut taken = ByClass::<u32>::default();
        for _ in 0..800 {
            *taken.get_mut(turns.next(|_| true).unwrap()) += 1;
        }
        assert!(*taken.get(Class::Live) >= 400, "{taken:?}");
        assert!(*taken.get(Class::Birth) >= 170, "{taken:?}");
        assert!(*taken.get(Class::Stale) >= 85, "{taken:?}");
        assert!(*taken.get(Class::History) >= 85, "{taken:?}");
    }

    #[test]
    fn history_has_at_least_every_eighth_turn_beside_live() {
        let mut turns = ClassScheduler::default();
        let order: Vec<Class> = (0..16)
            .filter_map(|_| turns.next(|class| matches!(class, Class::Live | Class::History)))
            .collect();
        let history: Vec<usize> = (0..16).filter(|&at| order[at] == Class::History).collect();
        assert_eq!(history, [7, 15]);
    }
}
