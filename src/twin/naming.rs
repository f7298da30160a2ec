//! A namespace that is not known at the start.
//!
//! It is part of every id. Until it is known SiteWise is asked nothing, so the initial sync does not
//! begin, and what the plant says is buffered or stored as before any initial sync.

use super::Twin;
use super::identity::Namespace;
use super::world::DesiredWorld;

impl Twin {
    /// The namespace of the configuration is none: the real one is handed over later.
    pub fn await_namespace(&mut self) {
        self.writer.world.plan.await_namespace();
    }

    /// Why the namespace is not known yet.
    pub fn namespace_unknown(&mut self, why: &str) {
        self.writer.world.plan.namespace_unknown(why);
    }

    /// The namespace that was awaited. The initial sync begins.
    pub fn handle_namespace(&mut self, namespace: Namespace) {
        if !self.writer.world.plan.is_unnamed() {
            return;
        }
        self.config.namespace = namespace;
        let DesiredWorld { models, assets, plan, .. } = &mut self.writer.world;
        models.set_namespace(namespace);
        models.reserve_presence(self.config.kinds.models());
        assets.set_namespace(namespace);
        plan.handle_namespace(namespace);
    }
}
