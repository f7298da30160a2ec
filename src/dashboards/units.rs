//! Units as Grafana knows them.

/// The spellings of senders, in lower case without blanks, and Grafana's names for them
/// (`packages/grafana-data/src/valueFormats/categories.ts`).
const KNOWN: [(&[&str], &str); 60] = [
    (&["%", "percent", "pct"], "percent"),
    (&["%rh", "%h"], "humidity"),
    (&["ppm"], "ppm"),
    (&["ppb"], "conppb"),
    (&["°c", "℃", "degc", "deg_c", "celsius"], "celsius"),
    (&["°f", "℉", "degf", "deg_f", "fahrenheit"], "fahrenheit"),
    (&["kelvin"], "kelvin"),
    (&["w", "watt", "watts"], "watt"),
    (&["kw", "kilowatt", "kilowatts"], "kwatt"),
    (&["megawatt", "megawatts"], "megwatt"),
    (&["gw", "gigawatt", "gigawatts"], "gwatt"),
    (&["w/m²", "w/m2"], "Wm2"),
    (&["va"], "voltamp"),
    (&["kva"], "kvoltamp"),
    (&["var"], "voltampreact"),
    (&["kvar"], "kvoltampreact"),
    (&["wh"], "watth"),
    (&["kwh"], "kwatth"),
    (&["j", "joule", "joules"], "joule"),
    (&["a", "amp", "amps", "ampere"], "amp"),
    (&["ka"], "kamp"),
    (&["v", "volt", "volts"], "volt"),
    (&["kv"], "kvolt"),
    (&["ohm", "ohms", "ω", "Ω"], "ohm"),
    (&["kohm", "kω"], "kohm"),
    (&["hz", "hertz"], "hertz"),
    (&["rpm", "1/min", "min-1", "u/min", "r/min"], "rotrpm"),
    (&["bar"], "pressurebar"),
    (&["mbar"], "pressurembar"),
    (&["hpa"], "pressurehpa"),
    (&["kpa"], "pressurekpa"),
    (&["psi"], "pressurepsi"),
    (&["m/s"], "velocityms"),
    (&["km/h", "kph"], "velocitykmh"),
    (&["mph"], "velocitymph"),
    (&["kn", "kt", "knot", "knots"], "velocityknot"),
    (&["mm"], "lengthmm"),
    (&["m", "metre", "meter"], "lengthm"),
    (&["km"], "lengthkm"),
    (&["ft", "feet"], "lengthft"),
    (&["mg"], "massmg"),
    (&["g", "gram"], "massg"),
    (&["kg"], "masskg"),
    (&["t", "tonne"], "masst"),
    (&["l", "litre", "liter"], "litre"),
    (&["ml"], "mlitre"),
    (&["m3", "m³"], "m3"),
    (&["l/h", "litre/h"], "litreh"),
    (&["l/min", "lpm"], "flowlpm"),
    (&["gpm"], "flowgpm"),
    (&["m3/s", "m³/s"], "flowcms"),
    (&["°", "deg", "degree", "degrees"], "degree"),
    (&["rad"], "radian"),
    (&["n·m", "n.m"], "forceNm"),
    (&["kn·m"], "forcekNm"),
    (&["lx", "lux"], "lux"),
    (&["ms", "milliseconds"], "ms"),
    (&["s", "sec", "second", "seconds"], "s"),
    (&["min", "minute", "minutes"], "m"),
    (&["h", "hr", "hour", "hours"], "h"),
];

/// Spellings whose case says what they mean.
const EXACT: [(&str, &str); 14] = [
    ("MW", "megwatt"),
    ("mW", "mwatt"),
    ("mA", "mamp"),
    ("mV", "mvolt"),
    ("MOhm", "Mohm"),
    ("MΩ", "Mohm"),
    ("K", "kelvin"),
    ("Pa", "pressurepa"),
    ("N", "forceN"),
    ("kN", "forcekN"),
    ("Nm", "forceNm"),
    ("kNm", "forcekNm"),
    ("d", "d"),
    ("dBm", "dBm"),
];

/// Spellings that mean something else in another case, and are nothing that Grafana knows.
const OTHERS: [&str; 6] = ["S", "H", "G", "mS", "T", "KN"];
/// Spellings that mean the same with a capital M. In all others it is mega, and no milli, metre or minute.
const CAPITAL: [&str; 8] =
    ["megawatt", "megawatts", "metre", "meter", "milliseconds", "minute", "minutes", "mph"];

/// The unit of a field; what Grafana does not know stands behind the number as it was sent.
pub(super) fn grafana(unit: Option<&str>) -> String {
    let Some(unit) = unit.map(str::trim).filter(|unit| !unit.is_empty()) else {
        return "none".to_owned();
    };
    if let Some((_, known)) = EXACT.iter().find(|(spelt, _)| *spelt == unit) {
        return (*known).to_owned();
    }
    let plain: String = unit.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
    let known = KNOWN.iter().find(|(spelt, _)| spelt.contains(&&*plain));
    let is_mega = unit.starts_with('M') && !CAPITAL.contains(&&*plain);
    match known.filter(|_| !is_mega && !OTHERS.contains(&unit)) {
        Some((_, known)) => (*known).to_owned(),
        None => format!("suffix: {unit}"),
    }
}

/// Every unit of Grafana that is used.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|(_, known)| *known).chain(EXACT.iter().map(|(_, known)| *known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_grafanas_or_stand_behind_the_number() {
        for (sent, shown) in [
            (Some("kW"), "kwatt"),
            (Some(" °C "), "celsius"),
            (Some("MW"), "megwatt"),
            (Some("mW"), "mwatt"),
            (Some("RPM"), "rotrpm"),
            (Some("W/m²"), "Wm2"),
            // Mega is more.
            (Some("MW/m²"), "suffix: MW/m²"),
            (Some("mW/m²"), "suffix: mW/m²"),
            (Some("m³/h"), "suffix: m³/h"),
            (Some("MHz"), "suffix: MHz"),
            // A gram is no gauss, a minute no metre.
            (Some("min"), "m"),
            (Some("m"), "lengthm"),
            (Some("K"), "kelvin"),
            (Some("Nm"), "forceNm"),
            (Some("kNm"), "forcekNm"),
            (Some("N·m"), "forceNm"),
            // Nanometres, nautical miles, megalitres, siemens, tesla, megametres.
            (Some("nm"), "suffix: nm"),
            (Some("NM"), "suffix: NM"),
            (Some("ML"), "suffix: ML"),
            (Some("MG"), "suffix: MG"),
            // Mega is no milli, and a kilonewton no knot.
            (Some("Ml"), "suffix: Ml"),
            (Some("Mg"), "suffix: Mg"),
            (Some("Mbar"), "suffix: Mbar"),
            (Some("Megawatt"), "megwatt"),
            (Some("MPH"), "velocitymph"),
            (Some("KN"), "suffix: KN"),
            (Some("mS"), "suffix: mS"),
            (Some("MS"), "suffix: MS"),
            (Some("T"), "suffix: T"),
            (Some("Mm"), "suffix: Mm"),
            (Some("mL"), "mlitre"),
            (Some("ms"), "ms"),
            (Some("t"), "masst"),
            (Some("mm"), "lengthmm"),
            (Some(" "), "none"),
            (None, "none"),
        ] {
            assert_eq!(grafana(sent), shown, "{sent:?}");
        }
        assert!(all().all(|unit| !unit.is_empty() && unit.is_ascii()));
    }
}
