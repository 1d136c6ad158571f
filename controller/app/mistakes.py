"""Mistakes that people make in files and with cables (safety.md 2.3 rows 39 and 40): a start with each must be refused.

They are tried while a shot is running: what is wrong for the next run may not touch this one.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from controller.app.benches import build_plant
from controller.app.instruments import open_bench
from controller.app.linked import Way
from controller.app.preflight import Prepared, read_bounded
from controller.app.rig_sim import SimulatedRig
from controller.rig import load_rig
from controller.rig.source import Refused
from controller.runtime.offload import inline
from controller.sequencer.compile import compile_profile
from controller.sequencer.profile import load_profile

RIG_MISTAKES: Mapping[str, tuple[str, str]] = {
    "a thousand times too much": ("max_voltage: 3.0 kV", "max_voltage: 3000 kV"),
    "a thousand times too little": ("overvoltage: 3.1 kV", "overvoltage: 3.1 V"),
    "no unit": ("max_voltage: 3.0 kV", "max_voltage: 3000"),
    "a decimal comma": ("max_voltage: 3.0 kV", "max_voltage: 3,0 kV"),
    "limits swapped": ("max_voltage: 3.0 kV", "max_voltage: 3.2 kV"),
    "a negative value": ("bleeder: 100 kohm", "bleeder: -100 kohm"),
    "the wrong dimension": ("bleeder: 100 kohm", "bleeder: 100 kV"),
}
"""What is wrong -> (what stands in rig.yaml, what stands there then)."""

PROFILE_MISTAKES: Mapping[str, tuple[str, str]] = {
    "no unit": ("timeout: 60 s", "timeout: 60"),
    "a decimal comma": ("timeout: 60 s", "timeout: 60,5 s"),
    "a negative value": ("timeout: 60 s", "timeout: -60 s"),
    "the wrong dimension": ("timeout: 60 s", "timeout: 60 V"),
    "a step that does not exist": ("{step: transfer", "{step: tranfser"),
    "another bench": ("rig: railgun_bench", "rig: another_bench"),
    "a load that the bench has not": ("\nload: ", "\nload: another_"),
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


def _all_refused(text: str, mistakes: Mapping[str, tuple[str, str]], load: Callable[[str], None]) -> str:
    for name, (old, new) in mistakes.items():
        if old not in text:
            return f"not tried: {old!r} is not in the file"
        try:
            load(text.replace(old, new, 1))
        except Refused:
            continue
        return f"ACCEPTED: {name} ({new})"
    return f"refused: {', '.join(mistakes)}"


async def wrong_instruments(prepared: Prepared) -> str:
    """Two scopes at each other's addresses, and two instruments of different kinds."""
    for one, other in (("scope_1", "scope_2"), ("charger", "delay_generator"), ("daq", "plc")):
        answer = await _open_swapped(prepared, prepared.config.rig, one, other)
        if answer:
            return answer
    return "refused: scopes swapped, charger and delay generator swapped, daq and PLC swapped"


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
