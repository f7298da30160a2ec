//! Names that are not UTF-8: two that differ in a byte that cannot be read look alike. Each has a
//! name of its own here, and is known again by its bytes.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::table::InstanceId;
use super::text;

/// The names given, by what was sent.
type Given = FxHashMap<Box<[u8]>, Arc<str>>;

/// The names of one birth that are not UTF-8.
#[derive(Debug, Default)]
pub(crate) struct Alike(FxHashMap<(Option<InstanceId>, Box<str>), Given>);

impl Alike {
    /// The name given to what `owner` calls `bytes`, which read as `text`; none where only
    /// others that read so have one.
    pub(crate) fn find(
        &self,
        owner: Option<InstanceId>,
        bytes: &[u8],
        text: &str,
    ) -> Option<Arc<str>> {
        match self.0.get(&(owner, text.into())) {
            Some(given) => given.get(bytes).cloned(),
            None => Some(text.into()),
        }
    }

    /// Gives `bytes` a name: `text`, which they read as, unless that is `taken`; then one that
    /// says what the bytes are.
    pub(crate) fn give(
        &mut self,
        owner: Option<InstanceId>,
        bytes: &[u8],
        text: &str,
        taken: bool,
    ) -> Arc<str> {
        let given = self.0.entry((owner, text.into())).or_default();
        if let Some(name) = given.get(bytes) {
            return Arc::clone(name);
        }
        let name: Arc<str> = match taken {
            false => text.into(),
            true => format!("{text} ({})", text::broken(bytes)).into(),
        };
        given.insert(bytes.into(), Arc::clone(&name));
        name
    }
}
