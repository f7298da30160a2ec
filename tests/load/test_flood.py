"""More than the engine takes: what it does meanwhile, what it tells, and how soon it is over."""

import threading
import time

from honest import Honest, now_ms
from packets import Client, publish, subscribe
from stack import STATE_TOPIC, eventually
from wire import Codec, Metric, payload
from world import WHOLE, Case

SECONDS = 30 if WHOLE else 8
# Seconds in which the engine's own speed is measured, after what its queue takes at first.
MEASURED = 5
METRICS = 20
# Seconds that a timer may be late: what came before it waits in the queue, too.
LATE = 5.0
WELL_WITHIN = 5.0


class Flood(Case):
    def test_a_flood_of_twice_what_the_engine_takes(self) -> None:
        stack = self.stack
        fastest = self.flood(MEASURED, None)
        self.say(f"the engine takes {fastest:.0f} messages of {METRICS} values a second")
        self.until_heard(time.time())
        dropped = self.dropped()
        answers: list[float] = []
        replies: list[float] = []
        over = threading.Event()
        watchers = [
            threading.Thread(target=self.probe_console, args=(over, answers), daemon=True),
            threading.Thread(target=self.contradict, args=(over, replies), daemon=True),
        ]
        for watcher in watchers:
            watcher.start()
        began = time.time()
        # Of these something is lost at once: none has a request behind it that was in vain.
        fresh: list[Honest] = []
        coming = threading.Timer(2, self.come, (fresh,))
        coming.start()
        taken = self.flood(SECONDS, 2 * fastest)
        degraded = {n: v for n, v in stack.metrics().items() if n.startswith("degraded") and v}
        heard = self.until_heard(time.time())
        over.set()
        for watcher in watchers:
            watcher.join(20)
        asked = [round(node.asked[0] - began - 2, 2) if node.asked else 99 for node in fresh]
        lost = self.dropped() - dropped
        self.say(f"twice that for {SECONDS} s: {taken:.0f} a second taken, {lost:.0f} messages lost")
        self.say(f"asked {asked} s after they came, console within {max(answers):.2f} s")
        self.say(f"STATE put right within {[round(r, 2) for r in replies]} s")
        self.say(f"{degraded}; heard again", heard, f"{stack.memory() / 1e6:.0f} MB")
        # Later all is as before.
        eventually(lambda: stack.metric("values_buffered"), lambda n: not n)
        since = time.time()
        self.say("a second later", self.until_heard(since))
        self.assertGreater(lost, 0, "that was no flood")
        self.assertIn('degraded{reason="mqtt_messages_lost"}', degraded)
        self.assertLess(max(asked), LATE)
        self.assertTrue(replies)
        self.assertLess(max(replies), LATE + 2)
        self.assertLess(max(heard.values()), WELL_WITHIN)

    def flood(self, seconds: float, per_second: float | None) -> float:
        """As much as the bridge's socket takes, or so much, and at least twice what the engine
        reads meanwhile: it reads more where less is written. Messages that it reads a second."""
        node = "Flood"
        birth = [Metric(b"%d" % n, alias=n, type="Double", value=0.0) for n in range(METRICS)]
        now = now_ms()
        parts = [publish(f"spBv1.0/Flood/NBIRTH/{node}", payload(now, 0, birth, Codec()))]
        metrics = [Metric(alias=n, packed_as="Double", value=1.0) for n in range(METRICS)]
        for seq in range(1, 256):
            body = payload(now + seq, seq, metrics, Codec())
            parts.append(publish(f"spBv1.0/Flood/NDATA/{node}", body))
        block, count = b"".join(parts), len(parts)
        started = last = measured = time.monotonic()
        before = known = self.stack.metric("sparkplug_messages_total")
        sent, due = 0, 0.0
        while (current := time.monotonic()) - started < seconds:
            if per_second:
                due += (current - last) * per_second
                last = current
                if last - measured > 1:
                    read = self.stack.metric("sparkplug_messages_total")
                    per_second = max(per_second, 2 * (read - known) / (last - measured))
                    known, measured = read, last
                if sent > due:
                    time.sleep(0.005)
                    continue
            self.assertTrue(self.stack.link.inject(block), "the link is gone")
            sent += count
        took = time.monotonic() - started
        read = self.stack.metric("sparkplug_messages_total") - before
        self.say(f"[{sent / took:.0f} sent, {read / took:.0f} read a second]")
        return read / took

    def come(self, fresh: list[Honest]) -> None:
        for n in range(4):
            fresh.append(Honest(self.stack.mqtt_url, "Fresh", n, 100))
            self.addCleanup(fresh[-1].close)

    def dropped(self) -> float:
        found = self.stack.metrics().items()
        return sum(v for n, v in found if n.startswith("mqtt_messages_dropped_total"))

    def probe_console(self, over: threading.Event, answers: list[float]) -> None:
        while not over.wait(0.3):
            began = time.monotonic()
            self.stack.metrics()
            answers.append(time.monotonic() - began)

    def contradict(self, over: threading.Event, replies: list[float]) -> None:
        """Somebody says that the bridge is offline; it must say that it is not."""
        client = Client(self.stack.mqtt_url, "liar")
        mine: list[float] = []

        def listen() -> None:
            for _, message in client.received():
                if b"true" in message and mine:
                    replies.append(time.monotonic() - mine[0])
                    mine.clear()

        client.send(subscribe(STATE_TOPIC))
        threading.Thread(target=listen, daemon=True).start()
        while not over.wait(0.25):
            if not mine:
                time.sleep(2)
                mine.append(time.monotonic())
            body = b'{"online":false,"timestamp":%d}' % now_ms()
            client.send(publish(STATE_TOPIC, body, retain=True))
        client.close()
