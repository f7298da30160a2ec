"""An edge node over MQTT: its session, its births and deaths, and what it does when it is asked for
a rebirth."""

import socket
import threading
from dataclasses import dataclass, field

import paho.mqtt.client as mqtt

from device import Said, Source, Stamps, now_ms
from wire import REBIRTH, Codec, Metric, asks_for_rebirth, payload

# Seconds that the MQTT server may take.
WITHIN = 30


@dataclass
class Manner:
    """How a gateway writes what it says."""

    codec: Codec = field(default_factory=Codec)
    stamps: Stamps = field(default_factory=Stamps)
    aliases: bool = False
    # Whether each session gives the aliases out anew.
    renumbers: bool = False
    # Whether data carries datatypes.
    typed: bool = True


class Gateway:
    def __init__(self, port: int, group: str, id: str, manner: Manner, itself: Source) -> None:
        self.port, self.group, self.id, self.manner = port, group, id, manner
        self.itself = itself
        self.devices: list[Source] = []
        self.rebirths = 0
        self._asked = threading.Event()
        self._bd_seq = 0
        self._seq = 0
        self._aliases = 0
        self._told = 0
        self._last: mqtt.MQTTMessageInfo | None = None

    @property
    def alive(self) -> bool:
        return self.itself.alive

    def connect(self) -> None:
        """A new session, with a will of its own, and all births."""
        self._bd_seq = (self._bd_seq + 1) % 256
        connected = threading.Event()
        client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=f"{self.group} {self.id}",
            reconnect_on_failure=False,
        )
        client.max_inflight_messages_set(1000)
        time = now_ms() if self.manner.stamps.payload else None
        will = payload(time, None, [self._bd_seq_metric()], self.manner.codec)
        client.will_set(self._topic("NDEATH"), will, qos=1)
        client.on_message = self._commanded
        client.on_subscribe = lambda *_: connected.set()
        client.on_connect = lambda client, *_: client.subscribe(self._topic("NCMD"), qos=1)
        client.connect("127.0.0.1", self.port, keepalive=60)
        client.loop_start()
        if not connected.wait(WITHIN):
            raise TimeoutError(f"{self.id} is not let in")
        self._client = client
        self._asked.clear()
        self.be_born()

    def be_born(self) -> None:
        """The births of the gateway and of all devices that are alive."""
        self._asked.clear()
        self._seq = 0
        if self.manner.renumbers:
            self._aliases = 0
        for source in [self.itself, *self.devices]:
            self._number(source, anew=self.manner.renumbers)
        control = Metric(REBIRTH, type="Boolean", value=False)
        metrics = [self._bd_seq_metric(), control, *self.itself.born(self.manner.stamps)]
        self._publish("NBIRTH", None, metrics)
        for device in self.devices:
            if device.alive:
                self._publish("DBIRTH", device, device.born(self.manner.stamps))

    def device_born(self, device: Source) -> None:
        self._number(device, anew=False)
        self._publish("DBIRTH", device, device.born(self.manner.stamps))

    def device_dies(self, device: Source) -> None:
        device.alive = False
        self._publish("DDEATH", device, [])

    def says(self, source: Source, *tags: Said, statics: bool = False) -> None:
        """Data: the tags as they are now, by exception."""
        metrics = [self._data(said) for said in tags]
        if statics:
            for said, metric in zip(tags, metrics, strict=True):
                metric.properties = {**said.statics, **(metric.properties or {})}
        self._say(source, metrics)

    def says_twice(self, source: Source, said: Said) -> None:
        """Two values of one tag in one message."""
        source.redraw(said)
        first = self._data(said)
        source.redraw(said)
        self._say(source, [first, self._data(said)])

    def recalls(self, source: Source, said: Said, ago: int) -> None:
        """A value of the past, which is not the tag's last."""
        metric = self._data(said)
        metric.time = said.changed - ago
        metric.historical = True
        metric.value = source.draw(said)
        metric.properties = None
        self._say(source, [metric])

    def skip(self) -> None:
        """The next number of the sequence is never heard."""
        self._seq = (self._seq + 1) % 256

    def answer(self) -> None:
        """Is born again if somebody has asked for it."""
        if self.alive and self._asked.is_set():
            self.rebirths += 1
            self.be_born()

    def die(self) -> None:
        """The connection breaks: the MQTT server publishes the will."""
        if self._last:
            self._last.wait_for_publish(WITHIN)
        connection = self._client.socket()
        assert connection
        connection.shutdown(socket.SHUT_RDWR)
        self._client.loop_stop()
        for source in [self.itself, *self.devices]:
            source.alive = False

    def come_back(self) -> None:
        """Connects again, with all devices that did not die before it."""
        for device in self.devices:
            device.alive = device.ever_born
        self.connect()

    def close(self) -> None:
        if self.alive:
            self._client.loop_stop()

    def _data(self, said: Said) -> Metric:
        manner = self.manner
        name = None if manner.aliases else manner.codec.bytes(said.name)
        properties = {"Quality": said.quality} if said.quality else None
        return Metric(
            name=name,
            alias=said.alias if manner.aliases else None,
            time=said.changed if manner.stamps.metric else None,
            type=said.type if manner.typed else None,
            packed_as=said.type,
            value=said.value,
            properties=properties,
        )

    def _say(self, source: Source, metrics: list[Metric]) -> None:
        is_node = source is self.itself
        self._publish("NDATA" if is_node else "DDATA", None if is_node else source, metrics)

    def _number(self, source: Source, anew: bool) -> None:
        if self.manner.aliases:
            for said in source.tags:
                if said.alias is None or anew:
                    said.alias = self._aliases
                    self._aliases += 1

    def _bd_seq_metric(self) -> Metric:
        return Metric(b"bdSeq", type="Int64", value=self._bd_seq)

    def _commanded(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        if asks_for_rebirth(message.payload):
            self._asked.set()

    def _topic(self, verb: str, device: Source | None = None) -> str:
        topic = f"spBv1.0/{self.group}/{verb}/{self.id}"
        return f"{topic}/{device.id}" if device else topic

    def _publish(self, verb: str, device: Source | None, metrics: list[Metric]) -> None:
        # No two messages of one millisecond: which of them is the later could not be told.
        self._told = max(now_ms(), self._told + 1)
        time = self._told if self.manner.stamps.payload else None
        message = payload(time, self._seq, metrics, self.manner.codec)
        self._seq = (self._seq + 1) % 256
        self._last = self._client.publish(self._topic(verb, device), message, qos=0)
