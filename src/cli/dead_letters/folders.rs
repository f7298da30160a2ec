//! The dead letters of all bridges that share a folder: each process has a place of its own in it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Serialize;

use crate::app::bridge_folders;
use crate::outbox::dead_letters::requests::{
    self, DeadLetterAction, DeadLetterRequest, RequestPart,
};
use crate::outbox::dead_letters::{DeadLetterRecord, files};
use crate::outbox::disk::give_to_owner;

/// Which dead letter: each folder has numbers of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LetterId {
    /// The folder: 1 is `OUTBOX_DIR` itself, 2 is `bridge-2` in it.
    pub(super) bridge: usize,
    pub(super) number: u64,
}

impl LetterId {
    /// In `OUTBOX_DIR` itself.
    pub(super) fn of(number: u64) -> Self {
        Self { bridge: 1, number }
    }
}

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bridge {
            1 => write!(f, "{}", self.number),
            bridge => write!(f, "{bridge}-{}", self.number),
        }
    }
}

impl FromStr for LetterId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (bridge, number) = text.split_once('-').unwrap_or(("1", text));
        let id = bridge.parse().ok().zip(number.parse().ok());
        let id = id.map(|(bridge, number)| Self { bridge, number });
        id.ok_or_else(|| format!("{text:?} is not the id of a dead letter"))
    }
}

/// Dead letters as JSON.
#[derive(Debug, Serialize)]
pub(super) struct LetterJson<'a> {
    #[serde(flatten)]
    letter: &'a DeadLetterRecord,
    /// As the commands take it.
    letter_id: String,
    /// Only where it is in the folder of another bridge than the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    bridge: Option<usize>,
}

impl<'a> LetterJson<'a> {
    pub(super) fn new((id, letter): (&LetterId, &'a DeadLetterRecord)) -> Self {
        Self { letter, letter_id: id.to_string(), bridge: (id.bridge > 1).then_some(id.bridge) }
    }
}

fn letters_of(folder: &Path) -> PathBuf {
    folder.join("dead-letters")
}

/// All dead letters of a shared folder, whichever bridge has or had them.
pub(super) fn read(outbox: &Path) -> BTreeMap<LetterId, DeadLetterRecord> {
    let folders = (1..).zip(bridge_folders(outbox));
    let read = |(bridge, folder): (usize, PathBuf)| {
        let letters = files::read(&letters_of(&folder)).into_iter();
        letters.map(move |(number, letter)| (LetterId { bridge, number }, letter))
    };
    folders.flat_map(read).collect()
}

/// Asks the bridges of these letters for the same, each in its folder.
pub(super) fn submit(
    outbox: &Path,
    wish: DeadLetterAction,
    ids: &[LetterId],
) -> Result<Vec<RequestPart>, String> {
    let mut parts = Vec::new();
    for (bridge, folder) in (1..).zip(bridge_folders(outbox)) {
        let of = ids.iter().filter(|id| id.bridge == bridge).map(|id| id.number);
        let request = DeadLetterRequest { wish, ids: of.collect() };
        if request.ids.is_empty() {
            continue;
        }
        let letters = letters_of(&folder);
        let submitted = requests::submit(&letters, &request);
        parts.extend(
            submitted
                .map_err(|error| format!("{} cannot be written: {error}", letters.display()))?,
        );
        give_to_owner(&folder)?;
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_the_folder_of_another_bridge() {
        let read = |text: &str| text.parse::<LetterId>().ok();
        for text in ["17", "2-17", "3-1"] {
            assert_eq!(read(text).map(|id| id.to_string()).as_deref(), Some(text));
        }
        assert_eq!(read("17"), Some(LetterId::of(17)));
        assert_eq!(["x", "", "-1", "2-", "2-x"].map(read), [None; 5]);
    }

    /// It read one folder: what the other bridge had been refused was not shown.
    #[test]
    fn letters_of_every_bridge_that_shares_the_folder_are_shown_and_asked_for_in_their_own() {
        let outbox = std::env::temp_dir().join(format!("sparkwise-letters-{}", std::process::id()));
        let line = |number: u64| {
            let record = super::super::tests::letter(number, "Turbine", "no", 1);
            let record = serde_json::to_string(&record).unwrap();
            format!("{{\"letter\":{record}}}\n")
        };
        let folders: Vec<_> = bridge_folders(&outbox).collect();
        for (folder, numbers) in folders.iter().zip([vec![7], vec![], vec![7, 8]]) {
            std::fs::create_dir_all(letters_of(folder)).unwrap();
            let lines: String = numbers.into_iter().map(line).collect();
            std::fs::write(letters_of(folder).join("00000001.jsonl"), lines).unwrap();
        }
        let found = read(&outbox);
        let ids: Vec<_> = found.keys().map(ToString::to_string).collect();
        assert_eq!(ids, ["7", "3-7", "3-8"]);
        let ids: Vec<_> = found.keys().copied().collect();
        let json = found.iter().map(LetterJson::new).map(|one| serde_json::to_value(one).unwrap());
        let bridges: Vec<_> = json.map(|one| one.get("bridge").cloned()).collect();
        assert_eq!(bridges, [None, Some(3.into()), Some(3.into())]);
        let parts = submit(&outbox, DeadLetterAction::Retry, &ids).unwrap();
        let asked: Vec<_> = parts.iter().map(|part| (part.file.clone(), part.letters)).collect();
        assert_eq!(asked.len(), 2);
        assert!(asked[0].0.starts_with(letters_of(&outbox)) && asked[0].1 == 1, "{asked:?}");
        assert!(asked[1].0.starts_with(&folders[2]) && asked[1].1 == 2, "{asked:?}");
        std::fs::remove_dir_all(&outbox).unwrap();
    }
}
