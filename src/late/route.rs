//! Whether a point is sent live or by file.

use std::time::Duration;

use super::row::{self, NoRow};
use crate::delivery::point::{Class, Point};
use crate::sitewise::limits;
use crate::time::{ClockAgreement, Timestamp};

/// A value that SiteWise soon rejects as too old, within this time, is not sent live: batching and
/// retries take a while.
const MARGIN: Duration = Duration::from_secs(600);

/// How a point is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// By BatchPutAssetPropertyValue.
    Live,
    /// By a file.
    Late,
    /// It is too old to be sent live, and cannot be sent by file.
    None(NoRoute),
}

/// Why a point that is too old cannot be sent by file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoRoute {
    /// It is the value of an attribute, a stale mark, or presence: only the plant's measurements are
    /// sent by file.
    Class,
    /// It is null, for which the files have no form.
    Null,
    /// It is from before 1970.
    BeforeEpoch,
    /// It is a text with a control character.
    ControlCharacter,
    /// It is an empty text.
    EmptyText,
}

impl NoRoute {
    /// Why, for people.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Class => "only values of measurements are sent by bulk import",
            Self::Null => "a null cannot be written in the CSV files of bulk import",
            Self::BeforeEpoch => "bulk import accepts no value from before 1970",
            Self::ControlCharacter => {
                "a text with control characters cannot be written in the CSV files of bulk import"
            }
            Self::EmptyText => {
                "an empty text cannot be told from no value in the CSV files of bulk import"
            }
        }
    }
}

/// How a point is sent whose turn has come, and which would `wait` for this long in delivery.
///
/// While our clock and SiteWise's differ, a value's age is not known: everything goes live, and what
/// SiteWise rejects as too old comes back with [`of_rejected`].
pub fn of(point: &Point, wait: Duration, clocks: ClockAgreement, wall: Timestamp) -> Route {
    let oldest = wall.minus(limits::OLDEST_VALUE);
    if clocks == ClockAgreement::Differ {
        return Route::Live;
    }
    if is_too_old(point, wall) {
        return of_rejected(point);
    }
    let near = point.class == Class::History && point.time < oldest.plus(wait.max(MARGIN));
    // If it cannot be sent by file, it is sent live, and may still be in time.
    if near && of_rejected(point) == Route::Late { Route::Late } else { Route::Live }
}

/// How presence or an attribute is sent: never by file.
pub fn of_own(point: &Point, wall: Timestamp) -> Route {
    if is_too_old(point, wall) { Route::None(NoRoute::Class) } else { Route::Live }
}

/// Whether SiteWise rejects a live value of this time as too old.
pub fn is_too_old(point: &Point, wall: Timestamp) -> bool {
    point.time < wall.minus(limits::OLDEST_VALUE)
}

/// How a point is sent that is too old to be sent live.
pub fn of_rejected(point: &Point) -> Route {
    match point.class {
        Class::Static | Class::Stale => return Route::None(NoRoute::Class),
        Class::Live | Class::Birth | Class::History => {}
    }
    match row::line(point) {
        Ok(_) => Route::Late,
        Err(NoRow::Null) => Route::None(NoRoute::Null),
        Err(NoRow::BeforeEpoch) => Route::None(NoRoute::BeforeEpoch),
        Err(NoRow::ControlCharacter) => Route::None(NoRoute::ControlCharacter),
        Err(NoRow::EmptyText) => Route::None(NoRoute::EmptyText),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::delivery::point::Stream;
    use crate::sitewise::api::{PropertyDataType, Quality, Variant};

    const WALL: i64 = 1_800_000_000_000;
    const DAY: i64 = 86_400_000;

    fn aged(millis: i64, class: Class) -> Point {
        Point {
            stream: Stream { asset: Uuid::from_u128(1), property: Uuid::from_u128(2) },
            time: Timestamp::from_millis(WALL - millis),
            quality: Quality::Good,
            value: Variant::Double(1.0),
            class,
        }
    }

    fn route(point: &Point, wait: u64) -> Route {
        let wall = Timestamp::from_millis(WALL);
        of(point, Duration::from_secs(wait), ClockAgreement::Agree, wall)
    }

    #[test]
    fn what_is_past_the_window_or_would_be_goes_by_file() {
        let class = Class::History;
        assert_eq!(route(&aged(0, class), 0), Route::Live);
        assert_eq!(route(&aged(7 * DAY + 1, class), 0), Route::Late);
        assert_eq!(route(&aged(7 * DAY - 599_000, class), 0), Route::Late);
        assert_eq!(route(&aged(7 * DAY - 601_000, class), 0), Route::Live);
        assert_eq!(route(&aged(7 * DAY - 601_000, class), 3_600), Route::Late);
        // A live value is sent at once: it does not wait behind others.
        assert_eq!(route(&aged(7 * DAY - 1_000, Class::Live), 0), Route::Live);
        assert_eq!(route(&aged(7 * DAY + 1, Class::Live), 0), Route::Late);
    }

    #[test]
    fn what_files_do_not_take_is_sent_live_while_it_can_be() {
        for class in [Class::Static, Class::Stale] {
            assert_eq!(route(&aged(7 * DAY + 1, class), 0), Route::None(NoRoute::Class));
            assert_eq!(route(&aged(7 * DAY - 1_000, class), 0), Route::Live);
        }
        let null = |millis| Point {
            value: Variant::Null(PropertyDataType::Double),
            ..aged(millis, Class::History)
        };
        assert_eq!(route(&null(7 * DAY + 1), 0), Route::None(NoRoute::Null));
        assert_eq!(route(&null(7 * DAY - 1_000), 0), Route::Live);
        let empty =
            |millis| Point { value: Variant::String("".into()), ..aged(millis, Class::History) };
        assert_eq!(route(&empty(7 * DAY + 1), 0), Route::None(NoRoute::EmptyText));
        assert_eq!(route(&empty(7 * DAY - 1_000), 0), Route::Live);
        let ancient = aged(WALL + 1, Class::History);
        assert_eq!(route(&ancient, 0), Route::None(NoRoute::BeforeEpoch));
    }

    #[test]
    fn while_clocks_differ_nothing_is_judged_by_its_age() {
        let old = aged(9 * DAY, Class::History);
        let wall = Timestamp::from_millis(WALL);
        assert_eq!(of(&old, Duration::ZERO, ClockAgreement::Differ, wall), Route::Live);
        assert_eq!(of_rejected(&old), Route::Late);
    }
}
