//! What a metric's static properties say of its range: lines and bands in its panel.

use serde_json::{Value, json};

/// The range of a member, and where somebody has to look.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Limits {
    /// The end of the range below.
    pub low: Option<f64>,
    /// Its end above.
    pub high: Option<f64>,
    warn_low: Option<f64>,
    warn_high: Option<f64>,
    alarm_low: Option<f64>,
    alarm_high: Option<f64>,
}

/// What a static property says, by its name in lower case without all that is no letter or digit.
const LOW: [&str; 7] = ["englow", "engmin", "eulow", "eumin", "rangelow", "rangemin", "minimum"];
const HIGH: [&str; 7] =
    ["enghigh", "engmax", "euhigh", "eumax", "rangehigh", "rangemax", "maximum"];
const WARN_LOW: [&str; 5] = ["low", "lo", "lowlimit", "lowwarning", "warninglow"];
const WARN_HIGH: [&str; 5] = ["high", "hi", "highlimit", "highwarning", "warninghigh"];
const ALARM_LOW: [&str; 4] = ["lowlow", "lolo", "lowalarm", "alarmlow"];
const ALARM_HIGH: [&str; 4] = ["highhigh", "hihi", "highalarm", "alarmhigh"];

impl Limits {
    /// Takes what a static property says.
    pub(super) fn take(&mut self, name: &str, value: &str) {
        let plain: String =
            name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        let value = value.trim().parse::<f64>().ok().filter(|value| value.is_finite());
        let Some(value) = value else { return };
        let place = match plain.as_str() {
            name if LOW.contains(&name) => &mut self.low,
            name if HIGH.contains(&name) => &mut self.high,
            name if WARN_LOW.contains(&name) => &mut self.warn_low,
            name if WARN_HIGH.contains(&name) => &mut self.warn_high,
            name if ALARM_LOW.contains(&name) => &mut self.alarm_low,
            name if ALARM_HIGH.contains(&name) => &mut self.alarm_high,
            _ => return,
        };
        *place = Some(value);
    }

    /// Without what is no range: of two ends where the lower is not below the upper, as of a sender that
    /// fills in zeros, neither says anything.
    pub(super) fn in_order(mut self) -> Self {
        for (low, high) in [
            (&mut self.low, &mut self.high),
            (&mut self.warn_low, &mut self.warn_high),
            (&mut self.alarm_low, &mut self.alarm_high),
        ] {
            if low.zip(*high).is_some_and(|(low, high)| low >= high) {
                (*low, *high) = (None, None);
            }
        }
        self
    }

    /// Steps from below: red up to the alarm or the end of the range, yellow up to the warning,
    /// green, and the same upwards. Where they are not in order, as warnings outside of the range, without
    /// the warnings, and if need be without the alarms.
    pub(super) fn steps(&self) -> Option<Vec<Value>> {
        let calm = Self { warn_low: None, warn_high: None, ..*self };
        let ends = Self { alarm_low: None, alarm_high: None, ..calm };
        [*self, calm, ends].iter().find_map(Self::steps_in_order)
    }

    /// None where they are not in order.
    fn steps_in_order(&self) -> Option<Vec<Value>> {
        let mut steps: Vec<(&str, Option<f64>)> = Vec::new();
        let red_below = self.alarm_low.or(self.low);
        let red_above = self.alarm_high.or(self.high);
        let mut base = "green";
        if let Some(warn) = self.warn_low {
            (base, _) = ("yellow", steps.push(("green", Some(warn))));
        }
        if let Some(red) = red_below {
            steps.insert(0, (if self.warn_low.is_some() { "yellow" } else { "green" }, Some(red)));
            base = "red";
        }
        steps.extend(self.warn_high.map(|warn| ("yellow", Some(warn))));
        steps.extend(red_above.map(|red| ("red", Some(red))));
        let values: Vec<f64> = steps.iter().filter_map(|(_, value)| *value).collect();
        if values.is_empty() || !values.is_sorted_by(|a, b| a < b) {
            return None;
        }
        steps.insert(0, (base, None));
        Some(steps.iter().map(|(color, value)| json!({"color": color, "value": value})).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(of: &[(&str, &str)]) -> Option<Vec<(String, Option<f64>)>> {
        let mut limits = Limits::default();
        for (name, value) in of {
            limits.take(name, value);
        }
        let steps = limits.in_order().steps()?;
        let step = |step: &Value| (step["color"].as_str().unwrap().into(), step["value"].as_f64());
        Some(steps.iter().map(step).collect())
    }

    fn told(of: &[(&str, Option<f64>)]) -> Option<Vec<(String, Option<f64>)>> {
        Some(of.iter().map(|(color, value)| ((*color).to_owned(), *value)).collect())
    }

    #[test]
    fn ranges_become_bands() {
        assert_eq!(
            steps(&[("engLow", "0"), ("engHigh", "3600")]),
            told(&[("red", None), ("green", Some(0.0)), ("red", Some(3600.0))])
        );
        assert_eq!(
            steps(&[("Eng_High", "100"), ("high", "80"), ("hiHi", "90")]),
            told(&[("green", None), ("yellow", Some(80.0)), ("red", Some(90.0))])
        );
        assert_eq!(
            steps(&[("low", "10"), ("lolo", "5"), ("engLow", "0")]),
            told(&[("red", None), ("yellow", Some(5.0)), ("green", Some(10.0))])
        );
        assert_eq!(steps(&[("low", "1")]), told(&[("yellow", None), ("green", Some(1.0))]));
    }

    /// The axis ran from 100 to 0, and the warning of a member whose range is 0 to 0 was gone.
    #[test]
    fn ends_that_are_reversed_or_equal_are_left_out_alone() {
        let ends = |of: &[(&str, &str)]| {
            let mut limits = Limits::default();
            of.iter().for_each(|(name, value)| limits.take(name, value));
            let limits = limits.in_order();
            (limits.low, limits.high)
        };
        assert_eq!(ends(&[("engLow", "100"), ("engHigh", "0")]), (None, None));
        assert_eq!(ends(&[("engHigh", "0"), ("engLow", "0")]), (None, None));
        assert_eq!(ends(&[("engLow", "-1"), ("engHigh", "0")]), (Some(-1.0), Some(0.0)));
        assert_eq!(ends(&[("engLow", "7")]), (Some(7.0), None));
        assert_eq!(
            steps(&[("engLow", "0"), ("engHigh", "0"), ("high", "80")]),
            told(&[("green", None), ("yellow", Some(80.0))])
        );
    }

    /// Of a range with a warning outside of it no line at all was drawn.
    #[test]
    fn a_warning_outside_of_the_range_leaves_the_range() {
        let range = told(&[("red", None), ("green", Some(0.0)), ("red", Some(100.0))]);
        let ends = [("engLow", "0"), ("engHigh", "100")];
        assert_eq!(steps(&[&ends[..], &[("low", "-20"), ("high", "120")]].concat()), range);
        assert_eq!(steps(&[&ends[..], &[("high", "120")]].concat()), range);
        let alarms = [("engLow", "0"), ("lolo", "110"), ("engHigh", "100")];
        assert_eq!(steps(&alarms), range);
    }

    #[test]
    fn a_range_that_is_none_has_no_bands() {
        for of in [
            &[("engLow", "0"), ("engHigh", "0")][..],
            &[("engLow", "10"), ("engHigh", "-10")],
            &[("low", "80"), ("high", "20"), ("lolo", "5"), ("hihi", "5")],
            &[("engHigh", "NaN")],
            &[("engHigh", "inf"), ("documentation", "7")],
            &[],
        ] {
            assert_eq!(steps(of), None, "{of:?}");
        }
    }
}
