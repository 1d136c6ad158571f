# ruff: noqa: E501 - table rows of the page cannot be wrapped
"""Renders docs/reference/plc-map.md from the register table; ``python -m tests.unit.plc.map_page`` writes it."""

from enum import IntEnum, IntFlag
from pathlib import Path

from drivers.wire import plc_map
from drivers.wire.plc import (
    EventCode,
    Flag,
    Guard,
    Input,
    Output,
    PlcCommand,
    PlcState,
    Refusal,
    Trip,
)
from drivers.wire.plc_run import InhibitCause, RunFlag

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "plc-map.md"

INTRODUCTION = """\
# Rig PLC: Modbus TCP register map

Written from `drivers/wire/plc_map.py` by `python -m tests.unit.plc.map_page`; a test compares the two.

The map is this project's own: no public map of a rig PLC exists. Registers are 16 bits, addresses count from 0 (a
tool that counts from 1, such as `mbpoll` without `-0`, needs one more). Wider values are big-endian, high word first.
Function codes: 3 and 4 read, 16 writes the whole request block, 23 does both in one exchange; 6 is understood but no
single register is writable. Exceptions: 1 unknown function, 2 address outside a block, 3 a part of the request block.

- One exchange is FC 23: write the request block, read the status block. The controller does it every 50 ms; without
  an accepted exchange for 500 ms an armed PLC trips.
- `sequence` rises with every exchange. `epoch` fences controllers: a higher one takes over only when the bench is not
  armed and its holder has been silent for the watchdog time. `age_echo` returns the last seen `scan`; 300 ms old is late.
- A command is judged in the scan after its exchange. `ack_sequence` and `ack` then answer it, in a later exchange. A
  request refused by the link (sequence, epoch, connection, age, checksum) is answered in the reply itself.
- DUMP is carried out whatever its sequence, epoch, connection and age are; only its checksum must be right.
- Anybody may read status and ring with FC 3; that feeds no watchdog.
"""

RUN_BLOCK = """\
## Run block

Only on benches whose PLC has a `run:` section in its limits file (../explanation/decisions/0015-plc-variant.md); an
illegal address on others. Read with FC 3; blocks only grow at their end, and what an address means never changes. State
RUN, commands RUN, HOLD and AUXILIARIES, the trips WINDOW, RETRIES and PULSE_OVERRUN and the last four guards belong to
such benches; others refuse the commands and never show the rest.
"""

ARGUMENTS = """\
## Arguments by command

Scale: volts and volts per second in tenths. Wider values take consecutive registers, high word first.

| Command | Argument registers |
|---|---|
| PERMIT | rig_id u32, epoch u32, profile_hash u64, shot u32, module_mask u16, target 0.1 V u16, ramp 0.1 V/s u16, tolerance 0.1 V u16; a target above 6553.5 V is u32, 15 registers in all |
| CHARGE, FIRE | shot u32, nonce u32 |
| RUN | shot u32, nonce u32, pulses u32 (0: until the permit's time is over) |
| AUXILIARIES | u16: one bit per auxiliary that is to be on, in the order of the limits file |
| FIRE_ENABLE | rig_id u32, epoch u32, profile_hash u64, shot u32, module_mask u16, nonce u32, fire_mask u16, gate time 1 us u32 |
| all others | none |

`nonce` is in the status block; it changes with PERMIT, FIRE_ENABLE, FIRE and RUN, so that each works once. A shot number is
accepted once per epoch and must rise.
"""

RING = f"""\
## Event ring

{plc_map.EVENTS_MAX} slots of {plc_map.EVENT_REGISTERS} registers from address {plc_map.RING_ADDRESS}: event `n` is in slot `n mod {plc_map.EVENTS_MAX}`, that is at
`{plc_map.RING_ADDRESS} + (n mod {plc_map.EVENTS_MAX}) * {plc_map.EVENT_REGISTERS}`. Up to {plc_map.EVENTS_PER_READ} slots fit one read of 125 registers. A slot never written is all zero. The
status block's `event_head` is the number the next event will get; compare `number` after reading, it may have been
overwritten meanwhile. Layout of slot 0:
"""

DETAILS = {
    EventCode.BOOT: "detail: boot id",
    EventCode.STATE: "detail: old state << 8 \\| new state; value: probe A in V",
    EventCode.TRIP: "detail: Trip bits that are new; value: probe A in V",
    EventCode.COMMAND: "detail: command << 8 \\| refusal; value: false guards",
    EventCode.SELF_TEST: "detail: failed paths, one bit each << 16 \\| paths passed << 8 \\| paths in all",
    EventCode.FIRE: "detail: shot; value: probe A in V",
    EventCode.LATCHES: "detail: current latches at the end of SHOT",
    EventCode.MISFIRE: "detail: 1 nothing fired, 2 some modules fired",
    EventCode.PROOF: "detail: 1 the proof of safe holds, 2 it failed; value: worst measured over expected time constant",
    EventCode.CONTROLLER: "detail: epoch that took over; value: connection id",
    EventCode.LIMITS: "detail: high 32 bits of the limits hash",
    EventCode.INHIBIT: "detail: InhibitCause bits << 16 \\| free places of the retry budget; value: pulses of this run",
    EventCode.WINDOWS: "detail: dead windows << 16 \\| lost windows, one bit each; value: reading of the first new one",
    EventCode.AUXILIARIES: "detail: auxiliaries that were on << 16 \\| that are on",
    EventCode.PULSES: "detail: pulses of the run that ended; value: how many it was asked for",
}


def render() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for title, rows in (("Request block", plc_map.REQUEST), ("Status block", plc_map.STATUS)):
        parts.append(f"## {title}\n\n{_registers(rows)}")
    parts.append(f"{RUN_BLOCK}\n{_registers(plc_map.RUN)}")
    parts += [ARGUMENTS, f"{RING}\n{_registers(plc_map.EVENT)}"]
    codes = "\n".join(f"| {code.value} | {code.name} | {DETAILS[code]} |" for code in EventCode)
    parts.append(f"| Code | Event | Detail and value |\n|---|---|---|\n{codes}\n")
    numbers: tuple[type[IntEnum], ...] = (PlcState, PlcCommand, Refusal)
    parts += [_values(kind) for kind in numbers]
    bits: tuple[type[IntFlag], ...] = (Input, Output, Flag, Trip, Guard, RunFlag, InhibitCause)
    parts += [_bits(kind) for kind in bits]
    return "\n".join(parts)


def _registers(rows: tuple[plc_map.Register, ...]) -> str:
    head = "| Address | Name | Type | Count | Scale | Unit | Access | Meaning |\n|---|---|---|---|---|---|---|---|\n"
    return head + "".join(
        f"| {r.address} | {r.name} | {r.type} | {r.count} | {r.scale:g} | {r.unit} | {r.access} | {r.meaning} |\n"
        for r in rows
    )


def _values(kind: type[IntEnum]) -> str:
    rows = "".join(f"| {member.value} | {member.name} |\n" for member in kind)
    return f"## {kind.__name__}\n\n| Value | Name |\n|---|---|\n{rows}"


def _bits(kind: type[IntFlag]) -> str:
    rows = "".join(f"| {member.value.bit_length() - 1} | {member.name} |\n" for member in kind)
    return f"## {kind.__name__}\n\n| Bit | Name |\n|---|---|\n{rows}"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
