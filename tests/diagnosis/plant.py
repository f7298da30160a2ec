"""An edge node with one tag, and what it can do wrong."""

import socket
import threading
import time

import paho.mqtt.client as mqtt
from wire import REBIRTH, Codec, Metric, asks_for_rebirth, payload

# Seconds that the MQTT server may take.
WITHIN = 30
GROUP = "Plant"


class Gateway:
    def __init__(
        self,
        port: int,
        id: str = "gw",
        *,
        answers: bool = True,
        codec: Codec | None = None,
        clock: float = 0,
        bd_seq: int = 0,
        client_id: str | None = None,
        tags: int = 1,
    ) -> None:
        """`clock` is by how many seconds its own is ahead; `answers`, whether it obeys NCMD."""
        self.id, self.answers, self.clock = id, answers, clock
        self._codec = codec or Codec()
        self._bd_seq, self._seq, self._tags = bd_seq, 0, tags
        self._lock = threading.Lock()
        connected = threading.Event()
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=client_id or id, reconnect_on_failure=False
        )
        self._client.will_set(self._topic("NDEATH"), self._payload(None, [self._bd()]), qos=1)
        self._client.on_message = self._commanded
        self._client.on_subscribe = lambda *_: connected.set()
        self._client.on_connect = lambda client, *_: client.subscribe(self._topic("NCMD"), qos=1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        if not connected.wait(WITHIN):
            raise TimeoutError(f"{id} is not let in")

    def be_born(self, retain: bool = False) -> None:
        with self._lock:
            control = Metric(REBIRTH, type="Boolean", value=False)
            tags = [self._tag(n, 20.5) for n in range(self._tags)]
            maker = Metric(b"Maker", type="String", value="Müller")
            self._send("NBIRTH", 0, [self._bd(), control, maker, *tags], retain)
            self._seq = 0

    def say(self, value: float) -> None:
        with self._lock:
            self._seq = (self._seq + 1) % 256
            self._send("NDATA", self._seq, [self._tag(0, value)])

    def send(self, verb: str, message: bytes) -> None:
        """Any bytes."""
        self.publish(self._topic(verb), message)

    def publish(self, topic: str, message: bytes, retain: bool = False) -> None:
        """On any topic."""
        self._client.publish(topic, message, qos=0, retain=retain).wait_for_publish(WITHIN)

    def die(self) -> None:
        """Its power fails: the server publishes its will."""
        peer = self._client.socket()
        assert peer
        peer.shutdown(socket.SHUT_RDWR)
        self._client.loop_stop()

    def leave(self) -> None:
        """Away without a death."""
        self._client.disconnect()
        self._client.loop_stop()

    def _commanded(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        if self.answers and asks_for_rebirth(message.payload):
            # The loop that calls this also sends: it must not wait for itself.
            threading.Thread(target=self.be_born, daemon=True).start()

    def _tag(self, n: int, value: float) -> Metric:
        return Metric(f"Tag {n}".encode(), type="Double", value=value, time=self._now())

    def _bd(self) -> Metric:
        return Metric(b"bdSeq", type="Int64", value=self._bd_seq)

    def _now(self) -> int:
        return int((time.time() + self.clock) * 1000)

    def _payload(self, seq: int | None, metrics: list[Metric]) -> bytes:
        return payload(self._now(), seq, metrics, self._codec)

    def _send(self, verb: str, seq: int, metrics: list[Metric], retain: bool = False) -> None:
        self.publish(self._topic(verb), self._payload(seq, metrics), retain)

    def _topic(self, verb: str) -> str:
        return f"spBv1.0/{GROUP}/{verb}/{self.id}"
