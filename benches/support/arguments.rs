//! The command line of a benchmark without a framework.

/// What cargo adds for `cargo bench`, and leaves out for `cargo test`.
pub(crate) const BENCH: &str = "--bench";
/// Asks for a small round.
pub(crate) const QUICK: &str = "--quick";

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Arguments {
    /// Whether a small round is wanted, which only shows that the benchmark works.
    pub(crate) quick: bool,
    /// All, as they came.
    pub(crate) all: Vec<String>,
}

impl Arguments {
    pub(crate) fn of_process() -> Self {
        let all: Vec<String> = std::env::args().skip(1).collect();
        let has = |word: &str| all.iter().any(|argument| argument == word);
        Self { quick: has(QUICK) || !has(BENCH), all }
    }
}

/// Whether the benchmark of this name is meant: no words, or one that is a part of its name.
pub(crate) fn asks_for(all: &[String], name: &str) -> bool {
    let mut words = all.iter().filter(|argument| !argument.starts_with('-')).peekable();
    words.peek().is_none() || words.any(|word| name.contains(word.as_str()))
}
