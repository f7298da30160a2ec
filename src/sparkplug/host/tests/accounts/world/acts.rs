//! What happens to a plant.

use super::*;

impl World {
    pub(in super::super) fn act(&mut self, act: Act) {
        let node = usize::from(act.node) % self.nodes.len();
        let devices: Vec<_> = self.nodes[node].devices.iter().copied().collect();
        let device = devices.get(usize::from(act.part) % devices.len().max(1)).copied();
        let alive = self.nodes[node].alive;
        let heard = self.up[usize::from(self.nodes[node].server)];
        // Each is sent a little after the other: two births of one millisecond and size are taken for one.
        self.pass(ms(1 + u64::from(act.part % 7)));
        match act.what {
            What::Data if alive => {
                let message = self.data(node, None);
                self.send(node, &message);
            }
            What::DeviceData if alive && device.is_some() => {
                let message = self.data(node, device);
                self.send(node, &message);
            }
            What::Birth if alive => self.births(node),
            What::Damaged if alive => {
                self.corners.insert("damaged birth");
                let mut birth = self.nbirth(node);
                birth.payload.truncate(birth.payload.len() - 3);
                self.send(node, &birth);
            }
            What::Oversized if alive => {
                self.corners.insert("oversized birth");
                let mut birth = match device.filter(|_| act.part.is_multiple_of(3)) {
                    Some(device) => self.dbirth(node, device),
                    None => self.nbirth(node),
                };
                // Past the limit of a packet, or of a payload.
                if act.part.is_multiple_of(2) {
                    self.send_oversized(node, &birth.topic);
                } else {
                    birth.payload = [0x12, 0x00].repeat(limits::PAYLOAD_PARTS + 1);
                    self.send(node, &birth);
                }
            }
            What::DamagedDevice if alive && device.is_some() => {
                let mut birth = self.dbirth(node, device.unwrap());
                birth.payload.truncate(birth.payload.len() - 3);
                self.send(node, &birth);
            }
            What::DamagedDeath if alive && device.is_some() => {
                let device = device.unwrap();
                let death = self.ddeath(node, device);
                self.nodes[node].devices.remove(device);
                self.send(node, &Message { payload: vec![0xff], ..death });
            }
            What::DamagedData if alive => {
                let mut data = self.data(node, device);
                data.payload.truncate(data.payload.len() - 3);
                self.send(node, &data);
            }
            What::NeverRead => self.nodes[node].damaged = true,
            What::Mended => self.nodes[node].damaged = false,
            // Where nobody hears it, its aliases change once at most: more cannot be told.
            What::Turned if alive && (heard || !self.nodes[node].unheard) => {
                self.corners.insert("turned");
                self.nodes[node].turned += 1;
                self.births(node);
                self.nodes[node].unheard = !heard;
            }
            What::Gap if alive => {
                self.corners.insert("gap");
                let lost = (act.part % 255) as u8;
                match &mut self.nodes[node].own_seq {
                    Some(own_seq) => own_seq.skip(device, lost),
                    None => self.nodes[node].edge.skip(lost),
                }
            }
            What::LostBirth if alive => {
                let _lost = self.nbirth(node);
            }
            What::Twice if alive => {
                self.corners.insert("duplicate");
                let message = self.data(node, device);
                self.send(node, &message);
                self.send(node, &message);
            }
            What::Reordered if alive => {
                let mut messages: VecDeque<_> = (0..4).map(|_| self.data(node, device)).collect();
                messages.rotate_left(usize::from(act.part) % 4);
                for message in messages {
                    self.send(node, &message);
                }
            }
            What::Ghost if alive => {
                let message = self.data(node, Some("ghost"));
                self.send(node, &message);
            }
            What::LateWill if alive => {
                self.corners.insert("late will");
                let will = self.nodes[node].edge.will();
                self.nodes[node].edge.reconnect();
                self.births(node);
                self.pass(ms(u64::from(act.part % 3000)));
                self.send(node, &will);
            }
            What::Death if alive => {
                self.corners.insert("death");
                self.nodes[node].alive = false;
                let death = self.nodes[node].edge.ndeath();
                self.send(node, &death);
            }
            What::Return if !alive => {
                self.nodes[node].alive = true;
                self.nodes[node].edge.reconnect();
                self.births(node);
            }
            What::DeviceDeath if alive && device.is_some() => {
                let device = device.unwrap();
                let death = self.ddeath(node, device);
                self.send(node, &death);
                self.nodes[node].devices.remove(device);
            }
            What::DeviceReturn if alive => {
                let device = ["d", "e", "f"][usize::from(act.part) % 3];
                self.nodes[node].devices.insert(device);
                let birth = self.dbirth(node, device);
                self.send(node, &birth);
            }
            What::Move if alive => {
                self.corners.insert("moved");
                let will = self.nodes[node].edge.will();
                let before = self.nodes[node].server;
                self.nodes[node].server = (before + 1) % SERVERS;
                self.nodes[node].edge.reconnect();
                self.births(node);
                self.deliver(before, &will);
            }
            What::Drop => self.lose(act.part % SERVERS),
            What::Answered if alive => self.answered(node),
            What::Connect => self.connect(act.part % SERVERS),
            What::Restart => self.restart(),
            What::Flood if alive => {
                self.corners.insert("flood");
                for _ in 0..act.part % 400 {
                    let message = self.data(node, device);
                    self.send(node, &message);
                    self.pass(ms(1));
                }
            }
            What::MadeUp | What::Retained => {
                self.corners.insert("made up");
                let retain = matches!(act.what, What::Retained);
                for _ in 0..act.part % 60 {
                    self.made_up += 1;
                    let name = format!("x{}", self.made_up);
                    let mut edge = Edge::new(EdgeNode::new("made-up", name), 0);
                    let message = match retain {
                        true => edge.nbirth(self.now.wall, [Metric::new("a", 0_i32)]),
                        false => edge.ndata(self.now.wall, [Metric::new("a", 0_i32)]),
                    };
                    let message = Message { retain, ..message };
                    self.deliver(act.part % SERVERS, &message);
                }
            }
            What::Pass => self.pass(ms(u64::from(act.part) % 5_000)),
            What::PassLong => self.pass(secs(u64::from(act.part) % 120)),
            _ => {}
        }
    }

    /// Our link drops, what a node says before it answers may be read by the rule of the same session,
    /// and is.
    fn answered(&mut self, node: usize) {
        let server = self.nodes[node].server;
        self.connect(server);
        let Node { damaged, unheard, .. } = self.nodes[node];
        // Where there is little room tables go.
        if damaged || unheard || self.host.config.unproven_table_bytes < 1024 {
            return;
        }
        self.corners.insert("read after a drop");
        // Until it is known how its senders count, a birth of one may be taken for a late one.
        let edge = self.nodes[node].edge.node();
        let session = self.host.sessions.iter().find(|session| session.edge() == edge);
        let is_known = session.is_some_and(|session| {
            session.found().any(|record| record.finding == Finding::SeqNumbering)
        });
        let is_unclear = self.nodes[node].own_seq.is_some() && !is_known;
        self.births(node);
        self.pass(secs(4));
        let mut said = self.say(node);
        self.pass(secs(1));
        self.lose(server);
        self.pass(ms(500));
        self.connect(server);
        // Without a number nobody knows whether the session is the same: names alone tell. Nor does
        // the number of one sender say that it is that of another.
        let of = &self.nodes[node];
        let is_unsure = if self.setup.asks { of.without_bd_seq } else { of.own_seq.is_some() };
        let by_alias = of.has_aliases && is_unsure;
        for _ in 0..3 {
            let further = self.say(node);
            if !by_alias {
                said.extend(further);
            }
            self.pass(ms(20));
        }
        self.pass(secs(5));
        for value in said.into_iter().filter(|_| !is_unclear) {
            if !self.ledger.is_told(value) && !self.ledger.is_excluded(value) {
                let edge = self.nodes[node].edge.node();
                self.violations.push(format!("{edge}: {value} is not read, though it may be"));
            }
        }
    }
}
