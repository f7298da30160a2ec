"""The MQTT server is killed and comes back."""

from case import Case
from stack import now_ms


class MqttServer(Case):
    repeats = True

    def test_killed_and_started_again(self) -> None:
        self.start()
        self.wait_until_known()
        for _ in range(2):
            self.publish(500)
            self.stack.restart_server()
            self.wait_until_newer(now_ms())
        accounts = self.end()
        self.assertEqual(set(accounts.named("refused", "discarded")) - {"overwritten"}, set())

    def check_read(self, read: int, published: int) -> None:
        """What was on the wire is nobody's."""
        self.assertLessEqual(read, published)

    def check_missing(self, missing: int, named: int) -> None:
        """What the bridge never had is none of its accounts."""
        self.assertGreaterEqual(missing, named)
