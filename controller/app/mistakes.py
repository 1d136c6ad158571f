"""Mistakes that people make in files and with cables (safety.md 2.3 rows 39 and 40): a start with each must be refused.

They are tried while a shot is running: what is wrong for the next run may not touch this one.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from itertools import combinations

from controller.app.benches import build_plant
from controller.app.instruments import open_bench
from controller.app.linked import Way
from controller.app.preflight import Prepared, read_bounded
from controller.app.rig_sim import SimulatedRig
from controller.rig import load_rig
from controller.rig.model import Rig
from controller.rig.source import Refused
from controller.runtime.offload import inline
from controller.sequencer.compile import compile_profile
from controller.sequencer.profile import load_profile

Edit = tuple[str, str]
"""A regular expression for what stands in the file, and what stands there then."""

RIG_MISTAKES: Mapping[str, Edit] = {
    "a thousand times too much": (r"(?m)^  max_voltage: (\S+) (\S+)", r"  max_voltage: \g<1>e3 \2"),
    "a thousand times too little": (r"(?m)^  overvoltage: (\S+) (\S+)", r"  overvoltage: \g<1>e-3 \2"),
    "no unit": (r"(?m)^  max_voltage: (\S+) \S+", r"  max_voltage: \1"),
    "a decimal comma": (r"(?m)^  max_voltage: [0-9.]+ (\S+)", r"  max_voltage: 3,0 \1"),
    "limits swapped": (
        r"(?ms)^  max_voltage: ([^\n#]+)(.*)^  overvoltage: ([^\n#]+)",
        r"  max_voltage: \3\2  overvoltage: \1",
    ),
    "a negative value": (r"(?m)^  bleeder: ", r"  bleeder: -"),
    "the wrong dimension": (r"(?m)^  bleeder: \S+ \S+", r"  bleeder: 100 kV"),
}
"""What is wrong -> how it is brought about in any rig.yaml."""

PROFILE_MISTAKES: Mapping[str, Edit] = {
    "no unit": (r"timeout: (\d+) s", r"timeout: \1"),
    "a decimal comma": (r"timeout: (\d+) s", r"timeout: \1,5 s"),
    "a negative value": (r"timeout: (\d+) s", r"timeout: -\1 s"),
    "the wrong dimension": (r"timeout: (\d+) s", r"timeout: \1 V"),
    "a step that does not exist": (r"\{step: transfer", "{step: tranfser"),
    "another bench": (r"(?m)^rig: \S+", "rig: another_bench"),
    "a load that the bench has not": (r"(?m)^load: ", "load: another_"),
}
"""The same for a profile; every shipped one has these lines."""


async def rig_files(prepared: Prepared) -> str:
    """Every mistake in rig.yaml is refused. Returns ``refused: ...`` or what was accepted."""
    files = prepared.files
    text, plc = files.rig.read_bytes().decode(), read_bounded(files.plc)

    def load(mistaken: str) -> None:
        load_rig(mistaken.encode(), str(files.rig), plc, str(files.plc))

    return _all_refused(text, RIG_MISTAKES, load)


async def profile_file(prepared: Prepared) -> str:
    """Every mistake in the profile is refused."""

    def load(mistaken: str) -> None:
        compile_profile(load_profile(mistaken.encode(), "mistaken.yaml"), prepared.rig, prepared.config.overrides)

    return _all_refused(prepared.plan.profile_text.decode(), PROFILE_MISTAKES, load)


def _all_refused(text: str, mistakes: Mapping[str, Edit], load: Callable[[str], None]) -> str:
    for name, (old, new) in mistakes.items():
        mistaken, made = re.subn(old, new, text, count=1)
        if not made:
            return f"not tried: nothing in the file is as {old!r}"
        try:
            load(mistaken)
        except Refused:
            continue
        return f"ACCEPTED: {name} ({new})"
    return f"refused: {', '.join(mistakes)}"


async def wrong_instruments(prepared: Prepared) -> str:
    """Any two instruments at each other's addresses, two of a kind first."""
    swaps = _swaps(prepared.rig)
    for one, other in swaps:
        answer = await _open_swapped(prepared, prepared.config.rig, one, other)
        if answer:
            return answer
    return "refused: " + ", ".join(f"{one} and {other} swapped" for one, other in swaps)


def _swaps(rig: Rig) -> tuple[tuple[str, str], ...]:
    """Pairs of one model; the charger and the delay generator; the DAQ and the PLC, which both speak Modbus."""
    alike = [(one.name, two.name) for one, two in combinations(rig.instruments, 2) if one.model == two.model]
    first = {spec.port: spec.name for spec in reversed(rig.instruments)}
    return (*alike, (first["CapacitorCharger"], first["DelayGenerator"]), (first["Daq"], first["RigPlc"]))


async def wrong_bench(prepared: Prepared) -> str:
    """The PLC at the address belongs to another bench."""
    other = replace(prepared, rig=replace(prepared.rig, rig_id=prepared.rig.rig_id + 1))
    return await _open_swapped(other, prepared.config.rig, "", "") or "refused: the PLC of another bench"


async def _open_swapped(prepared: Prepared, bench: str, one: str, other: str) -> str:
    """Open a bench of its own with two links swapped; empty when that was refused."""
    plc = read_bounded(prepared.files.plc).decode()
    rig = SimulatedRig(prepared.rig, build_plant(bench, 1), plc, str(prepared.files.plc), 1, inline)
    connects: dict[str, Way] = dict(rig.connects())
    if one:
        connects[one], connects[other] = connects[other], connects[one]
    rig.start()
    try:
        opened, _ = await open_bench(prepared.rig, connects)
    except Refused:
        return ""
    finally:
        await rig.stop()
    await opened.close()
    return f"ACCEPTED: {one or 'another PLC'} in the place of {other or 'this one'}"


MISTAKES: Mapping[str, Callable[[Prepared], Awaitable[str]]] = {
    "rig_files": rig_files,
    "profile_file": profile_file,
    "wrong_instruments": wrong_instruments,
    "wrong_bench": wrong_bench,
}
"""Name -> an attempt to start with it; it answers with ``refused: ...`` when every one was refused."""
