//! Times as people write them.

use std::time::Duration;

use sparkwise::time::Timestamp;

/// Such as `8 s`, `1 min 5 s` or `2 h 3 min`.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// Such as `2026-11-29 16:10:01 UTC`; of seconds since the epoch.
pub(crate) fn moment(seconds: f64) -> String {
    let whole = Timestamp::from_millis((seconds as i64).saturating_mul(1_000)).to_string();
    whole.replace('T', " ").replace('Z', " UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_write_them() {
        for (seconds, told) in [
            (0, "0 s"),
            (8, "8 s"),
            (65, "1 min 5 s"),
            (120, "2 min"),
            (3_600, "1 h"),
            (7_385, "2 h 3 min"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), told);
        }
        assert_eq!(moment(1_795_968_601.25), "2026-11-29 16:10:01 UTC");
    }
}
