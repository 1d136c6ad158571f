"""Every fuzz target by name: parsers, dialects, and each door of each stand-in that stands alone."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from drivers.registry import DIALECTS
from firmware_sim.sessions.base import SessionFactory
from firmware_sim.sessions.portmap import PortMapper
from firmware_sim.standalone import STANDALONE
from tests.fuzz import seeds
from tests.fuzz.parsers import PARSERS, check_dialect
from tests.fuzz.plc_session import check_plc_session, plc_session_seeds
from tests.fuzz.sessions import Door
from tests.fuzz.tapes import check_tape, tape_seeds

SEED = 1
RECORDERS = ("DSO-X", "RTO", "MSO5", "WaveRunner", "DS1074Z")
"""Models that send records: their answers and their memory are as large as records are."""


@dataclass(frozen=True)
class Target:
    """What is fuzzed: ``run`` takes one input; ``seeds`` are where mutation begins."""

    name: str
    run: Callable[[bytes], object]
    seeds: tuple[bytes, ...]


def slug(text: str) -> str:
    """A name for folders and command lines."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _door(model: str, transport: str) -> Target:
    recorder = any(part in model for part in RECORDERS)

    def make() -> Mapping[str, SessionFactory]:
        return STANDALONE[model](SEED)

    found = tuple(dict.fromkeys(seeds.session_seeds(model, transport)))
    return Target(f"session-{slug(model)}-{transport}", Door(make, transport, recorder), found)


def _parser_seeds(name: str) -> tuple[bytes, ...]:
    framed = {
        "hislip": lambda: [b"\x1f" + one for one in seeds.hex_vectors("hislip")],
        "modbus": lambda: [b"\x1f" + one for one in seeds.hex_vectors("modbus")],
        "rpc": lambda: [b"\x1f" + one for one in seeds.portmap_talk()],
        "plc": lambda: seeds.hex_vectors("plc"),
        "block": lambda: [b"#800000005hello\n", b"\x05#15hello\n", b"WF #15hello\n", b"\x00#0hello\n"],
        "scpi": lambda: [
            *seeds.SCPI,
            b":CHAN1:RANG 20 mV,#H2F,'it''s',MAX;*OPC?;:A1:B2:C3 1e3HZ\n",
            b":A" * 200 + b"\n",
        ],
        "probus": lambda: [b"E0\n", b"E15"],
        "journal": lambda: [b'{"kind":"opened","data":{"version":1,"t_ns":5}}\n{"kind":"sealed","data":{"t_ns":1}}'],
        "labjack": lambda: [b"\x3f\x80\0\0", b"\0\1"],
        "texts": lambda: [b"2*(a+3)/b - 1e3", b"TCPIP::10.0.0.1::inst0::INSTR", b"GPIB0::7::INSTR@py", b"WAVEDESC"],
    }
    return tuple(framed[name]())


def _targets() -> dict[str, Target]:
    found = [Target(name, run, _parser_seeds(name)) for name, run in PARSERS.items()]
    for dialect in DIALECTS:
        start = tuple(dict.fromkeys(seeds.text_vectors(dialect.slug)))
        found.append(Target(f"dialect-{slug(dialect.slug)}", partial(check_dialect, dialect), start))
    for model, make in STANDALONE.items():
        found += [_door(model, transport) for transport in make(SEED)]
    mapper = Door(lambda: {"tcp": PortMapper().open_session}, "tcp")
    found.append(Target("session-portmap", mapper, tuple(seeds.portmap_talk())))
    found.append(Target("session-rig-plc-modbus", check_plc_session, plc_session_seeds()))
    found.append(Target("tape", check_tape, tape_seeds()))
    return {target.name: target for target in found}


TARGETS: Mapping[str, Target] = _targets()
"""By name."""
