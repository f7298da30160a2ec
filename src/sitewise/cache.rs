//! Cache of described models: single-flight, only ACTIVE ones.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use moka::future::Cache;
use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::api::{ApiFault, Model, ResourceState};

/// How long a cached model may be outdated by changes that others made.
const FRESH: Duration = Duration::from_secs(300);
/// Properties and hierarchies of all models kept, some 20 MB; the least used go first.
const WEIGHT: u64 = 200_000;

/// Described models that are active.
///
/// A key holds the number of writes to its model: what a description that began before a
/// write brings back lands under a key that nobody asks for any more.
#[derive(Debug)]
pub(super) struct ModelCache {
    described: Cache<(Uuid, u64), Model>,
    /// Bounded by the models that this process writes.
    writes: Mutex<FxHashMap<Uuid, u64>>,
}

/// Why a description was not kept.
enum NotCached {
    Fault(ApiFault),
    /// Its state is about to change, or needs somebody to look.
    NotActive(Model),
}

impl ModelCache {
    pub(super) fn new() -> Self {
        let described = Cache::builder()
            .name("models")
            .max_capacity(WEIGHT)
            .weigher(|_, model: &Model| {
                let parts = 1 + model.properties.len() + model.hierarchies.len();
                u32::try_from(parts).unwrap_or(u32::MAX)
            })
            .time_to_live(FRESH)
            .build();
        Self { described, writes: Mutex::default() }
    }

    /// The model as kept, else as `describe` tells it. Whoever asks meanwhile shares the answer.
    pub(super) async fn get(
        &self,
        id: Uuid,
        describe: impl Future<Output = Result<Model, ApiFault>>,
    ) -> Result<Model, ApiFault> {
        let key = (id, self.writes_to(id));
        let describe = async {
            match describe.await {
                Ok(model) if model.state == ResourceState::Active => Ok(model),
                Ok(model) => Err(NotCached::NotActive(model)),
                Err(fault) => Err(NotCached::Fault(fault)),
            }
        };
        match self.described.try_get_with(key, describe).await {
            Ok(model) => Ok(model),
            Err(not_kept) => match not_kept.as_ref() {
                NotCached::Fault(fault) => Err(fault.clone()),
                NotCached::NotActive(model) => Ok(model.clone()),
            },
        }
    }

    /// Forgets a model, and any description of it that is still on its way.
    pub(super) async fn forget(&self, id: Uuid) {
        let before = {
            let mut writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
            let count = writes.entry(id).or_default();
            *count += 1;
            *count - 1
        };
        self.described.invalidate(&(id, before)).await;
    }

    /// Forgets all: something was not found that should be there, so others write as well.
    pub(super) fn forget_all(&self) {
        self.described.invalidate_all();
    }

    fn writes_to(&self, id: Uuid) -> u64 {
        let writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        writes.get(&id).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_description_from_before_a_write_is_not_kept() {
        let models = ModelCache::new();
        let id = Uuid::from_u128(1);
        let (answer, answered) = tokio::sync::oneshot::channel();
        let slow = models.get(id, async { Ok(answered.await.unwrap()) });
        let write = async {
            models.forget(id).await;
            answer.send(model(id, "before")).unwrap();
        };
        let (described, ()) = tokio::join!(slow, write);
        assert_eq!(described.unwrap().name, "before");
        let described = models.get(id, async { Ok(model(id, "after")) }).await;
        assert_eq!(described.unwrap().name, "after");
    }

    #[tokio::test]
    async fn what_is_not_found_is_not_told_from_before() {
        let models = ModelCache::new();
        let id = Uuid::from_u128(1);
        let before = models.get(id, async { Ok(model(id, "before")) }).await;
        assert_eq!(before.unwrap().name, "before");
        models.forget_all();
        let described = models.get(id, async { Ok(model(id, "after")) }).await;
        assert_eq!(described.unwrap().name, "after");
    }

    fn model(id: Uuid, name: &str) -> Model {
        Model {
            id,
            external_id: None,
            name: name.to_owned(),
            state: ResourceState::Active,
            properties: Vec::new(),
            root: 0,
            composites: Vec::new(),
            hierarchies: Vec::new(),
            usable: None,
        }
    }
}
