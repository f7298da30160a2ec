"""The plant: ten gateways with flat devices behind them, and what happens to them. At the end it
is quiet, and writes down what it has said.

    python plant.py PORT DEVICES ROUNDS SECONDS_A_ROUND TRUTH

It prints `late` when two thirds of the rounds are over: whoever listens may be away then, until a
line comes on stdin. What dies for good dies after that, since nobody else could tell of it. At the
end it prints `quiet`, and goes on to answer rebirths until stdin closes.
"""

import itertools
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from device import DAY, HOUR, Said, Source, Stamps, dumped, now_ms
from gateway import Gateway, Manner
from kinds import KINDS, NODE, Kind
from quality import SENT
from wire import Codec, Property

SEED = 11
GROUPS = ["Werk Nord", "Werk Süd", "Kläranlage"]
LATIN = Codec("latin-1")

# How each gateway writes; the numbers below are theirs.
MANNERS = [
    Manner(),
    Manner(aliases=True, typed=False),
    Manner(codec=LATIN),
    Manner(stamps=Stamps(payload=False, metric=False)),
    Manner(),
    Manner(aliases=True),
    Manner(),
    Manner(aliases=True, typed=False),
    Manner(stamps=Stamps(metric=False), aliases=True, renumbers=True),
    Manner(typed=False),
]
DIES_SHORTLY, DIES_FOR_A_WHILE, DIES_FOR_GOOD = 4, 5, 6
REBORN_BY_ITSELF, LOSES = 9, (1, 7)
STEADY = (0, 1, 2, 3, 7, 8, 9)

# Seconds that a gateway is away: less, and more, than until its values are called old.
SHORTLY, A_WHILE = 1, 12
# Seconds in which those who are asked for a rebirth are asked.
ANSWERED_WITHIN = 5


class Plant:
    def __init__(self, port: int, devices: int, heard: threading.Event) -> None:
        self.heard = heard
        self.random = random.Random(SEED)
        self.gateways = [self._gateway(port, n) for n in range(len(MANNERS))]
        for n in range(devices):
            self._add_device(n)
        self.later: list[tuple[Gateway, Source]] = []
        self.away: list[tuple[float, Gateway]] = []
        self._begin()

    def _gateway(self, port: int, n: int) -> Gateway:
        manner = MANNERS[n]
        node = Source(None, NODE, n % 2, self._random(), manner.codec)
        return Gateway(port, GROUPS[n % len(GROUPS)], f"Gateway {n + 1}", manner, node)

    def _add_device(self, n: int) -> None:
        kind = KINDS[n % len(KINDS)]
        gateway = self.gateways[n % len(self.gateways)]
        number = 1 + sum(device.kind.name == kind.name for device in gateway.devices)
        spelling = self.random.randrange(6)
        device = Source(
            f"{kind.name} {number}", kind, spelling, self._random(), gateway.manner.codec
        )
        gateway.devices.append(device)

    def _random(self) -> random.Random:
        return random.Random(self.random.random())

    def _begin(self) -> None:
        """Which devices are born without tags, with a tag of another type, or later."""
        steady = self.devices(STEADY)
        for n, (gateway, device) in enumerate(steady):
            device.empty = n % 9 == 4
            if n % 13 == 6:
                device.retype("String")
            if n % 11 == 5:
                self.later.append((gateway, device))
        later = {id(device) for _, device in self.later}
        for gateway in self.gateways:
            for device in gateway.devices:
                device.alive = id(device) not in later

    def devices(self, gateways: Iterable[int]) -> list[tuple[Gateway, Source]]:
        chosen = [self.gateways[n] for n in gateways]
        longest = max(len(gateway.devices) for gateway in chosen)
        return [
            (gateway, gateway.devices[n])
            for n in range(longest)
            for gateway in chosen
            if n < len(gateway.devices)
        ]

    def some(self, start: int, step: int) -> list[tuple[Gateway, Source]]:
        """Every so many of the devices that live and have tags, behind gateways that do not die."""
        found = self.devices(STEADY)[start::step]
        return [(gateway, device) for gateway, device in found if device.alive and not device.empty]

    def serve(self, seconds: float) -> None:
        """Lets time go by, in which rebirths are answered."""
        end = time.monotonic() + seconds
        while True:
            for due, gateway in list(self.away):
                if time.monotonic() >= due:
                    self.away.remove((due, gateway))
                    gateway.come_back()
            for gateway in self.gateways:
                gateway.answer()
            if time.monotonic() >= end:
                return
            time.sleep(0.05)

    def run(self, rounds: int, seconds: float) -> None:
        for gateway in self.gateways:
            gateway.connect()
            self.serve(0.2)
        acts: list[Callable[[], None]] = [
            self.get_tags,
            self.change_statics_in_data,
            self.change_statics_in_births,
            self.lose_messages,
            self.break_shortly,
            self.break_for_a_while,
            self.kill_devices,
            self.leave_tags_out,
            self.recall_history,
            self.change_types,
            self.be_born_late,
            self.statics_go_back,
            self.change_units,
            self.get_optional_tags,
            self.tell_units_late,
            self.revive_devices,
            self.be_reborn_unasked,
            self.say_nothing_good,
        ]
        for round in range(rounds):
            if round == rounds * 2 // 3:
                print("late", flush=True)
            self.talk()
            self.serve(0.1)
            for n, act in enumerate(acts):
                if n * rounds // len(acts) == round:
                    act()
            self.serve(seconds)
        while self.away or not self.heard.is_set():
            self.serve(0.5)
        # Time to be asked for births.
        self.serve(ANSWERED_WITHIN)
        self.talk()
        self.serve(seconds)
        self.kill_for_good()
        self.die_for_good()
        self.serve(seconds)

    def talk(self) -> None:
        """A few tags of every device have new values."""
        for gateway in self.gateways:
            if not gateway.alive:
                continue
            for source in [gateway.itself, *gateway.devices]:
                tags = [said for said in source.tags if not said.gone]
                if not source.alive or source.empty or not tags:
                    continue
                said = self.random.sample(tags, self.random.randint(1, min(6, len(tags))))
                for tag in said:
                    source.redraw(tag)
                gateway.says(source, *said)

    def get_tags(self) -> None:
        for gateway, device in self.devices(STEADY):
            if device.empty:
                device.empty = False
                if device.alive:
                    gateway.device_born(device)

    def change_statics_in_data(self) -> None:
        for gateway, device in self.some(0, 3):
            tag = self._with_statics(device)
            if tag:
                tag.statics["engHigh"] = Property("Double", 8000.0 + self.random.randrange(99))
                device.redraw(tag)
                gateway.says(device, tag, statics=True)

    def change_statics_in_births(self) -> None:
        for gateway, device in self.some(1, 3):
            tag = self._with_statics(device)
            if tag:
                tag.left_out = dict(tag.statics)
                tag.statics = {"engLow": Property("Double", -273.15)}
                gateway.device_born(device)

    def statics_go_back(self) -> None:
        for gateway, device in self.some(0, 3):
            tag = self._with_statics(device)
            if tag:
                tag.statics["engHigh"] = Property("Double", 100.0)
                gateway.device_born(device)

    def lose_messages(self) -> None:
        for n in LOSES:
            self.gateways[n].skip()
        self.talk()

    def break_shortly(self) -> None:
        self._break(DIES_SHORTLY, SHORTLY)

    def break_for_a_while(self) -> None:
        self._break(DIES_FOR_A_WHILE, A_WHILE)

    def _break(self, n: int, seconds: float) -> None:
        gateway = self.gateways[n]
        gateway.die()
        self.away.append((time.monotonic() + seconds, gateway))

    def kill_devices(self) -> None:
        self.dead = self.some(2, 8)
        for gateway, device in self.dead:
            gateway.device_dies(device)

    def revive_devices(self) -> None:
        for gateway, device in self.dead:
            gateway.device_born(device)

    def kill_for_good(self) -> None:
        for gateway, device in self.dead[::2]:
            gateway.device_dies(device)

    def leave_tags_out(self) -> None:
        for gateway, device in self.some(3, 5):
            device.tags[-1].gone = True
            gateway.device_born(device)

    def recall_history(self) -> None:
        for gateway, device in self.some(0, 4):
            if gateway.manner.stamps.metric:
                tag = self.random.choice([said for said in device.tags if not said.gone])
                gateway.recalls(device, tag, self.random.choice([1000, HOUR, 2 * DAY]))
                gateway.says_twice(device, tag)

    def change_types(self) -> None:
        """A number becomes a text, on few devices alone."""
        for gateway, device in self.some(4, 16):
            device.retype("String")
            gateway.device_born(device)

    def be_born_late(self) -> None:
        for gateway, device in self.later:
            gateway.device_born(device)

    def change_units(self) -> None:
        for gateway, device in self.some(1, 10):
            said = next(said for said in device.tags if said.unit and not said.gone)
            said.unit = "k" + said.unit
            gateway.device_born(device)

    def get_optional_tags(self) -> None:
        for gateway, device in self.some(2, 6):
            device.grow()
            gateway.device_born(device)

    def tell_units_late(self) -> None:
        for gateway in self.gateways:
            for device in gateway.devices:
                late = any(said.tag.late_unit for said in device.tags)
                if late and gateway.alive and device.alive:
                    gateway.device_born(device)

    def be_reborn_unasked(self) -> None:
        self.gateways[REBORN_BY_ITSELF].be_born()

    def say_nothing_good(self) -> None:
        """Nulls and qualities, each of them at least once."""
        devices = itertools.cycle(self.some(0, 1))
        for quality, _ in SENT:
            gateway, device = next(devices)
            tag = self.random.choice([said for said in device.tags if not said.gone])
            device.change(tag, device.draw(tag), quality)
            gateway.says(device, tag)

    def die_for_good(self) -> None:
        """A message is lost, one more comes, and then the gateway is gone."""
        gateway = self.gateways[DIES_FOR_GOOD]
        gateway.skip()
        for device in gateway.devices:
            tag = device.tags[0]
            device.redraw(tag)
            gateway.says(device, tag)
        gateway.die()

    def _with_statics(self, device: Source) -> Said | None:
        return next((said for said in device.tags if said.statics and not said.gone), None)

    def truth(self) -> str:
        nodes = [
            {
                "group": gateway.group,
                "node": gateway.id,
                "itself": gateway.itself.truth(),
                "devices": [device.truth() for device in gateway.devices],
            }
            for gateway in self.gateways
        ]
        sorts = {kind.name: kind.spellings + self._garbled(kind) for kind in KINDS}
        return dumped({"quiet": now_ms(), "sorts": sorts, "nodes": nodes})

    def _garbled(self, kind: Kind) -> bool:
        """Whether it is as good as another kind behind the gateway that writes Latin-1: more than a
        fifth of its tags have another name or unit to who reads UTF-8."""
        texts = [(tag.name, *tag.units) for tag in kind.tags]
        other = sum(any(LATIN.read(text) != text for text in some) for some in texts)
        return other * 5 > len(texts)

    def close(self) -> None:
        for gateway in self.gateways:
            gateway.close()


def main() -> None:
    port, devices, rounds, seconds, truth = sys.argv[1:]
    heard, over = threading.Event(), threading.Event()

    def wait() -> None:
        sys.stdin.readline()
        heard.set()
        sys.stdin.read()
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    plant = Plant(int(port), int(devices), heard)
    plant.run(int(rounds), float(seconds))
    Path(truth).write_text(plant.truth())
    print("quiet", flush=True)
    while not over.is_set():
        plant.serve(0.2)
    print("rebirths", *(gateway.rebirths for gateway in plant.gateways), flush=True)
    plant.close()
    # Clients' threads end with the process.
    os._exit(0)


if __name__ == "__main__":
    main()
