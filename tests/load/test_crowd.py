"""Made-up nodes by the thousand, live and retained, and a message that nobody takes."""

import time

from honest import now_ms
from packets import Client, publish
from wire import Codec, Metric, payload
from world import Case, scaled

MADE_UP = scaled(19_000)
RETAINED = scaled(120_000)
HUGE = 17 << 20
HEARD_WITHIN = 5.0


class Crowd(Case):
    def test_honest_nodes_are_heard_in_a_crowd(self) -> None:
        crowd = Client(self.stack.mqtt_url, "crowd")
        self.addCleanup(crowd.close)
        body = payload(now_ms(), 7, [Metric(alias=1, packed_as="Double", value=1.0)], Codec())
        began = time.time()
        for n in range(MADE_UP):
            crowd.send(publish(f"spBv1.0/Made up/NDATA/live {n}", body))
        crowd.flush()
        self.say(f"{MADE_UP} made-up nodes in {time.time() - began:.1f} s")
        self.say("heard", self.until_heard(time.time()))
        birth = payload(now_ms(), 0, [Metric(b"m", alias=1, type="Double", value=1.0)], Codec())
        verbs = (("NBIRTH", birth), ("NDATA", body), ("DDATA", body))
        for n in range(RETAINED):
            verb, what = verbs[n % 3]
            device = "/d" if verb == "DDATA" else ""
            topic = f"spBv1.0/Retained/{verb}/stored {n}{device}"
            crowd.send(publish(topic, what, retain=True))
        crowd.send(publish("spBv1.0/Retained/NBIRTH/huge", b"\x12" + b"\0" * HUGE, retain=True))
        crowd.flush()
        self.say("stored; heard", self.until_heard(time.time()))

        self.stack.link.cut(0.3)
        drop = self.until_heard(time.time())
        self.say("after a drop", drop)
        oversized = self.stack.metric(self.by_server("mqtt_messages_oversized_total"))
        self.say(f"oversized {oversized:.0f}, {self.stack.memory() / 1e6:.0f} MB")
        self.stack.kill_bridge()
        began = time.time()
        online = self.stack.start_bridge() / 1000
        restart = self.until_heard(online)
        self.say(f"online {online - began:.2f} s after a restart, then heard", restart)
        time.sleep(3)
        metrics = self.stack.metrics()
        told = {n: v for n, v in metrics.items() if v and any(of in n for of in ("dropped_total{s", "oversized", "edge_nodes", "values_unread", "rebirths_total", "too_many"))}
        self.say(told, f"{self.stack.memory() / 1e6:.0f} MB")
        self.assertGreaterEqual(oversized, 1)
        self.assertIn("spBv1.0/Retained/NBIRTH/huge", self.stack.log())
        self.assertLess(max(drop.values()), HEARD_WITHIN)
        self.assertLess(max(restart.values()), HEARD_WITHIN)

    def by_server(self, name: str) -> str:
        address = self.stack.link.url.removeprefix("mqtt://")
        (found,) = [n for n in self.stack.metrics() if n.startswith(name) and address in n]
        return found
