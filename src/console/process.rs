//! What the system tells of the process, for `process_*` among the metrics.
//!
//! Source: proc(5). Prometheus' client libraries read the same files.

use std::fs;

/// Ticks a second in `/proc`: USER_HZ, which is the same on every Linux that Rust is built for.
const TICKS: f64 = 100.0;
/// Bytes of a kB in `/proc`.
const KILO: f64 = 1_024.0;

/// Figures of the process; none for those that the system does not report.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessStats {
    /// Seconds of processor time used.
    pub cpu_seconds: Option<f64>,
    /// Bytes in RAM.
    pub resident_bytes: Option<f64>,
    /// Bytes of address space.
    pub virtual_bytes: Option<f64>,
    /// Open files and sockets.
    pub open_files: Option<f64>,
    /// How many may be open.
    pub max_files: Option<f64>,
    /// When it began, in seconds of the epoch.
    pub start_time_seconds: Option<f64>,
}

impl ProcessStats {
    /// Reads the figures from `/proc`.
    pub fn read() -> Self {
        let text = |path| fs::read_to_string(path).unwrap_or_default();
        let stats = Self::parse(
            &text("/proc/self/stat"),
            &text("/proc/self/status"),
            &text("/proc/self/limits"),
            &text("/proc/stat"),
        );
        // The folder that is read is open meanwhile.
        let open = fs::read_dir("/proc/self/fd").ok();
        let open_files = open.map(|files| files.count().saturating_sub(1) as f64);
        Self { open_files, ..stats }
    }

    fn parse(stat: &str, status: &str, limits: &str, system: &str) -> Self {
        // The second field is the program's name, which may hold anything.
        let stat = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        // By proc(5)'s numbers, of which the third is the first behind the name.
        let field = |number: usize| stat.split_whitespace().nth(number - 3)?.parse::<f64>().ok();
        let kilos = |name| number(status, name).map(|kilos| kilos * KILO);
        let ticks = field(14).zip(field(15)).map(|(user, system)| user + system);
        let booted = number(system, "btime");
        Self {
            cpu_seconds: ticks.map(|ticks| ticks / TICKS),
            resident_bytes: kilos("VmRSS:"),
            virtual_bytes: kilos("VmSize:"),
            open_files: None,
            max_files: number(limits, "Max open files"),
            start_time_seconds: booted.zip(field(22)).map(|(at, ticks)| at + ticks / TICKS),
        }
    }
}

/// The number behind `name` at the beginning of a line.
fn number(text: &str, name: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_tells_is_read_by_its_fields() {
        let stat = "42 (a (strange) name) S 1 42 42 0 -1 4194560 900 0 0 0 250 50 0 0 20 0 9 0 12345 \
                    99 100 18446744073709551615";
        let status = "Name:\tsparkwise\nVmSize:\t    2048 kB\nVmRSS:\t     512 kB\n";
        let limits = "Limit  Soft Limit  Hard Limit  Units\n\
                      Max open files            1024                 524288               files\n";
        let system = "cpu  1 2 3\nbtime 1700000000\n";
        let stats = ProcessStats::parse(stat, status, limits, system);
        let expected = ProcessStats {
            cpu_seconds: Some(3.0),
            resident_bytes: Some(524_288.0),
            virtual_bytes: Some(2_097_152.0),
            open_files: None,
            max_files: Some(1_024.0),
            start_time_seconds: Some(1_700_000_123.45),
        };
        assert_eq!(stats, expected);
        assert_eq!(ProcessStats::parse("", "", "", ""), ProcessStats::default());
        let unlimited =
            "Max open files            unlimited            unlimited            files\n";
        assert_eq!(ProcessStats::parse("", "", unlimited, "").max_files, None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_told() {
        let stats = ProcessStats::read();
        assert!(stats.resident_bytes.is_some_and(|bytes| bytes > 1e5), "{stats:?}");
        assert!(stats.open_files.is_some_and(|files| files >= 3.0), "{stats:?}");
        assert!(stats.start_time_seconds.is_some_and(|at| at > 1.6e9), "{stats:?}");
        assert!(stats.cpu_seconds.is_some(), "{stats:?}");
    }
}
