//! The servers of a plant: nodes move between them, and the link to one of them, or to all, drops.

use super::*;

impl World {
    /// Whether what a node says is heard.
    pub(super) fn hears(&self, node: usize) -> bool {
        self.up[usize::from(self.servers[node].0)]
    }

    fn on(&self, servers: &[ServerId]) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| servers.contains(&self.servers[*node])).collect()
    }

    /// The link to a server drops, and comes back.
    pub(super) fn drop_link(&mut self, server: ServerId, rng: &mut fastrand::Rng) {
        for node in self.on(&[server]) {
            self.let_through(node);
        }
        self.bridge.handle_disconnected(server, self.now);
        self.drain();
        self.unheard(&[server], rng, 90_000);
        self.connect(server);
        self.reach("own drop");
        if self.on(&[server]).len() < self.nodes.len() {
            self.reach("one server lost");
        }
    }

    /// A node moves to the other server. Its will comes late, on the one that it has left.
    pub(super) fn move_away(&mut self, node: usize) {
        self.let_through(node);
        let before = self.servers[node];
        let (will, _) = self.nodes[node].death(self.wall());
        self.servers[node] = SERVERS[1 - usize::from(before.0)];
        self.come_back(node);
        self.pass(Duration::from_millis(20));
        self.hear(before, &will);
        let source = self.nodes[node].source(None);
        self.truth.suspect(&source);
        self.reach("moved");
    }

    /// The plant goes on while nobody listens at these servers.
    pub(super) fn unheard(&mut self, servers: &[ServerId], rng: &mut fastrand::Rng, longest: u64) {
        let unheard = self.on(servers);
        for node in &unheard {
            self.let_through(*node);
        }
        for server in servers {
            self.up[usize::from(server.0)] = false;
        }
        self.due.retain(|_, due| match due {
            Due::Births(node) | Due::Late(node, ..) => !unheard.contains(node),
        });
        let what = [What::Data, What::Death, What::Return, What::DeviceDeath, What::Birth];
        for _ in 0..rng.usize(..4) {
            let what = what[rng.usize(..what.len())];
            let (node, part, seed) = (rng.u8(..), rng.u8(..), rng.u32(..));
            self.act(&Act { what, node, part, seed });
        }
        self.pass(Duration::from_millis(rng.u64(..longest)));
    }

    pub(super) fn connect(&mut self, server: ServerId) {
        self.up[usize::from(server.0)] = true;
        for node in self.on(&[server]) {
            let source = self.nodes[node].source(None);
            self.truth.suspect(&source);
        }
        self.bridge.handle_connected(server, self.now.wall, self.now);
        self.drain();
    }
}
