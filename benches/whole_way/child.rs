//! The other process, from this side.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The argument that makes this program the other process.
pub(crate) const PEER: &str = "--peer";

/// The other process; it ends with this value.
pub(crate) struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// Ports of its MQTT server and of its stub.
    pub(crate) mqtt: u16,
    pub(crate) http: u16,
}

impl Peer {
    /// Starts this program once more, as the other process.
    pub(crate) fn start(arguments: &[String]) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut child = Command::new(program)
            .arg(PEER)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut peer = Self { child, input, output, mqtt: 0, http: 0 };
        let [mqtt, http] = peer.hear("ready");
        peer.mqtt = u16::try_from(mqtt).unwrap();
        peer.http = u16::try_from(http).unwrap();
        peer
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to go on.
    pub(crate) fn go(&mut self) {
        self.input.write_all(b"go\n").unwrap();
    }

    /// Waits for the numbers that it says with this word.
    pub(crate) fn hear<const N: usize>(&mut self, word: &str) -> [u64; N] {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let mut words = line.split_ascii_whitespace();
        assert_eq!(words.next(), Some(word), "the other process says {line:?}");
        let numbers: Vec<u64> = words.map(|number| number.parse().unwrap()).collect();
        numbers.try_into().unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
