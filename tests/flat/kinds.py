"""The twelve kinds of devices of the plant: their tags as engineers name them."""

from dataclasses import dataclass, field

# A line is a tag: name | type | unit | words. A unit with alternatives, `°C ~ °F`, differs from
# device to device. `?` is a tag that not every device of the kind has, `S` one with static
# properties, `late` one whose unit is told by later births alone.
_MOTOR = """
Motor/Speed | Double | rpm | S
Motor/Current | Float | A | S
Motor/Power | Double | kW
Motor/Running | Boolean
Motor/Starts | UInt32
Motor/Operating hours | Double | h
"""
_CARE = """
Maintenance/Due | Boolean
Maintenance/Last service | DateTime
Maintenance/Note | String
Maintenance/Cycle counter | Int64
"""

_KINDS = {
    "Pump": (
        _MOTOR
        + _CARE
        + """
Discharge pressure | Double | bar ~ psi | S
Suction pressure | Double | bar ~ psi | S
Flow rate | Float | m³/h | S
Bearing temperature | Double | °C ~ °F | S
Seal/Leakage (l/min) | Double | | late
Ölstand (Lager 1) | Int16 | %
Vibration/Drive end | Float | mm/s
Vibration/Non-drive end | Float | mm/s
Mode | String
Setpoint | Double | m³/h | S
Alarm word | UInt16
Interlock | Boolean
Inverter/Fault code | Int32 | | ?
Inverter/Heat sink | Float | °C ~ °F | ?
Dry run protection | Boolean | | ?
Priming level | Double | % | ?
"""
    ),
    "Valve": """
Online | Int32
Position/Actual | Double | % | S
Position/Setpoint | Double | % | S
Position/Deviation | Double | %
Open | Boolean
Closed | Boolean
Moving | Boolean
Torque | Float | N·m | S
Travel time | Double | s
Strokes | UInt32
Supply pressure | Double | bar
Mode | String
Fail position | String
Local control | Boolean
Stem temperature | Float | °C
Packing leak | Boolean
Last test | DateTime
Tag "A" | String
Partial stroke/Result | Int8 | | ?
Partial stroke/Due | Boolean | | ?
Heating | Boolean | | ?
""",
    "Meter": """
Total | Double | kWh ~ m³ ~ t | S
Rate | Double | kW | S
L1/Voltage | Float | V | S
L2/Voltage | Float | V
L3/Voltage | Float | V
L1/Current | Float | A
L2/Current | Float | A
L3/Current | Float | A
cos φ | Double
Frequency | Double | Hz | S
Serial number | String
Id | UUID
Tariff | UInt8
Pulse value | UInt32
Sealed | Boolean
Last reading | DateTime
speed | Int32
Speed | Int32
Reverse energy | Double | kWh | ?
Neutral current | Float | A | ?
Harmonics/THD | Float | % | ?
""",
    "Analyser": """
Analysis/Running | Boolean
Analysis/Sample | UInt32
Analysis/Result | String
Calibration/Due | Boolean
Calibration/Last | DateTime
Detector/Temperature | Double | °C
Detector/Gain | Int32
Carrier gas/Pressure | Float | bar
Carrier gas/Flow | Float | ml/min
Oven | Double | °C
""",
    "Compressor": (
        _MOTOR
        + """
Stage 1/Pressure | Double | bar | S
Stage 1/Temperature | Double | °C | S
Stage 2/Pressure | Double | bar | S
Stage 2/Temperature | Double | °C | S
Intercooler/ΔT | Double | K
Oil/Pressure | Float | bar
Oil/Temperature | Float | °C
Oil//Filter Δp | Float | mbar
Surge margin | Double | %
Inlet guide vane | Double | %
Load | Double | %
State | String
Emergency stop | Boolean
Trip code | UInt16
Dew point | Double | °C | ?
Condensate drain | Boolean | | ?
Anti-surge valve | Double | % | ?
"""
    ),
    "Fan": """
Speed | Double | 1/min | S
Torque | Double | N·m
Air flow | Double | m³/s | S
Static pressure | Double | Pa | S
Filter/Dirty | Boolean
Filter/Differential pressure | Double | Pa
Damper | Double | %
Belt/Wear | Int16 | %
Belt/Last change | DateTime
Winding | Float | °C
Noise | Float | dB(A)
Level | Int8
Direction | String
On | Boolean
Remote | Boolean
🔧 Wartung | Boolean
Zone/温度 | Double | °C
Balance/X | Float | mm/s | ?
Balance/Y | Float | mm/s | ?
Heater | Boolean | | ?
""",
    "Heat exchanger": """
Primary/In | Double | °C ~ °F | S
Primary/Out | Double | °C ~ °F | S
Secondary/In | Double | °C ~ °F | S
Secondary/Out | Double | °C ~ °F | S
Primary/Flow | Double | m³/h
Secondary/Flow | Double | m³/h
Duty | Double | kW | S
Fouling factor | Double
Pressure drop/Primary | Float | mbar
Pressure drop/Secondary | Float | mbar
Bypass | Double | %
Bypass open | Boolean
Plates | UInt16
Gasket/Type | String
Gasket/Changed | DateTime
Cleaning due | Boolean
Efficiency | Float | %
Leak detector | Boolean | | ?
Frost guard | Boolean | | ?
Steam trap/State | String | | ?
""",
    "Switchgear": """
Breaker/Closed | Boolean
Breaker/Operations | UInt32
Breaker/Spring charged | Boolean
Bus/Voltage | Double | kV
Bus/Frequency | Double | Hz
SF6/Pressure | Float | bar
SF6/Alarm | Boolean
Panel | String
Relay/Firmware | String
Relay/Last trip | DateTime
""",
    "Tank": """
Level | Double | m | S
Volume | Double | m³ | S
Temperature/Top | Float | °C
Temperature/Middle | Float | °C
Temperature/Bottom | Float | °C
Density | Double | kg/m³
Pressure | Double | mbar | S
High alarm | Boolean
Low alarm | Boolean
Product | String
Batch | String
Water content | Float | ppm
Inlet/Open | Boolean
Outlet/Open | Boolean
Filled since | DateTime
/Leading slash | Int32
Trailing slash/ | Int32
Agitator/On | Boolean | | ?
Agitator/Speed | Float | rpm | ?
Roof/Position | Double | m | ?
""",
    "Conveyor": """
Belt speed | Double | m/s | S
Belt load | Double | t/h | S
Drive 1/Current | Float | A
Drive 2/Current | Float | A
Drive 1/Winding | Float | °C
Drive 2/Winding | Float | °C
Pull cord/Tripped | Boolean
Misalignment/Left | Boolean
Misalignment/Right | Boolean
Metal detector | Boolean
Tons today | Double | t
Tons total | Int64 | t
Section | String
Running | Boolean
Direction | Int8
Start-up warning | Boolean
Slip | Float | %
Scale/Zero | Int32
Wash/On | Boolean | | ?
Wash/Water | Float | l/min | ?
Scraper wear | Int16 | % | ?
""",
    "Robot": """
Axis 1/Angle | Double | ° | S
Axis 2/Angle | Double | ° | S
Axis 3/Angle | Double | ° | S
Axis 4/Angle | Double | ° | S
Axis 5/Angle | Double | ° | S
Axis 6/Angle | Double | ° | S
Program/Name | String
Program/Step | UInt16
Program/Running | Boolean
Cycle/Time | Double | s
Cycle/Parts | UInt32
Tool/Number | UInt8
Tool/Clamped | Boolean
Payload | Float | kg
Override | UInt8 | %
Battery/Voltage | Float | V
Emergency stop/Pressed | Boolean
Controller/Uptime | Int64 | s
Safe zone/1 | Boolean | | ?
Safe zone/2 | Boolean | | ?
Vision/Score | Float | % | ?
""",
    "Battery rack": """
Rack/State of charge | Double | %
Rack/Voltage | Double | V
Rack/Current | Double | A
Rack/State | String
Rack/Contactor | Boolean
Rack/Cycles | UInt32
Rack/Commissioned | DateTime
BMS/Firmware | String
BMS/Heartbeat | UInt16
BMS/Warning word | UInt32
""",
}

# The kinds with more tags than a model has room for at its root: name of a tag, type and unit of
# each, with the number of which there are, until the device has 600.
LARGE_TAGS = 600
_REPEATED = {
    "Analyser": [("Channel {:03}/Value", "Double", "ppm"), ("Channel {:03}/State", "Int16", "")],
    "Switchgear": [("Feeder {:03}/Strom", "Float", "A"), ("Feeder {:03}/Ein", "Boolean", "")],
    "Battery rack": [("Zelle {:03}/Spannung", "Float", "V"), ("Zelle {:03}/°C", "Float", "°C")],
}


@dataclass(frozen=True)
class Tag:
    name: str
    type: str
    # What its unit may be; nothing where it has none.
    units: tuple[str, ...] = ()
    optional: bool = False
    statics: bool = False
    late_unit: str | None = None


@dataclass(frozen=True)
class Kind:
    name: str
    tags: tuple[Tag, ...] = field(repr=False)

    @property
    def spellings(self) -> int:
        """How many sets of units its devices may have."""
        return max((len(tag.units) for tag in self.tags), default=1) or 1


def _tag(line: str) -> Tag:
    name, type, *rest = [part.strip() for part in line.split("|")]
    units = tuple(u.strip() for u in rest[0].split("~") if u.strip()) if rest else ()
    words = rest[1].split() if len(rest) > 1 else []
    late = "l/min" if "late" in words else None
    return Tag(name, type, units, "?" in words, "S" in words, late)


def _kind(name: str, text: str) -> Kind:
    tags = [_tag(line) for line in text.splitlines() if line.strip()]
    number = 0
    while name in _REPEATED and len(tags) < LARGE_TAGS:
        number += 1
        for pattern, type, unit in _REPEATED[name]:
            tags.append(Tag(pattern.format(number), type, (unit,) if unit else ()))
    return Kind(name, tuple(tags))


KINDS = [_kind(name, text) for name, text in _KINDS.items()]

# What a gateway tells of itself.
NODE = _kind(
    "Gateway",
    """
Temperature | Double | °C ~ °F | S
CPU/Load | Float | %
Memory/Free | UInt32 | kB
Uptime | Int64 | s
Firmware | String
Modem/Signal | Int16 | dBm
Door open | Boolean
""",
)
