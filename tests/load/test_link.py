"""Our own link drops, again and again, while the plant goes on."""

import time

from stack import eventually
from world import WHOLE, Case

# Seven in ten minutes. Without all of it, three in less: each session outlasts STABLE_SESSION of the
# bridge (10 s), which resets its backoff.
DROPS = 7 if WHOLE else 3
TIME = 600 if WHOLE else 15 * DROPS
# Seconds for which the link is down, and in which everybody is to be heard again.
DOWN = 0.3
HEARD_WITHIN = 3.0


class OwnLink(Case):
    # What is in SiteWise is paged by the emulator's small pages: all of it is kept.
    sitewise = ("--history", "100000")

    def test_drops_of_our_own_link(self) -> None:
        times = []
        for _ in range(DROPS):
            began = time.time()
            self.stack.link.cut(DOWN)
            times.append(max(self.until_heard(began + DOWN).values()))
            time.sleep(max(0.0, began + TIME / DROPS - time.time()))
        for node in self.honest:
            node.halt()
        self.say(f"heard again after {times} s")

        def total() -> float:
            carried = sum(map(len, self.stack.numbers.values())) + self.stack.births.total()
            metrics = self.stack.metrics()
            unread = {n: v for n, v in metrics.items() if "values_unread" in n and v}
            self.account = (carried, metrics["values_read_total"], unread)
            return carried - metrics["values_read_total"] - sum(unread.values())

        eventually(total, lambda left: left == 0, within=10)
        carried, read, unread = self.account
        asked = sum(len(node.asked) for node in self.honest)
        self.say(f"carried {carried}, read {read:.0f}, unread {unread}, {asked} requests")
        eventually(lambda: self.stack.metric('values_waiting{place="outbox"}'), lambda n: not n)

        def missing() -> dict[str, list[float]]:
            held = self.held()
            lost = {d: sorted(n - held.get(d, set())) for d, n in self.stack.numbers.items()}
            return {device: numbers for device, numbers in lost.items() if numbers}

        lost = eventually(missing, lambda found: not found, within=60 if WHOLE else 15)
        sent = sum(node.sent for node in self.honest)
        numbers = sum(map(len, self.stack.numbers.values()))
        count = sum(map(len, lost.values()))
        self.say(f"sent {sent}, carried {numbers}, of these not in SiteWise {count}")
        self.assertLess(max(times), HEARD_WITHIN)
        self.assertEqual(carried, read + sum(unread.values()), "not accounted for")
        self.assertEqual((unread, lost), ({}, {}))
