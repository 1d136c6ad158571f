"""A bench that pulses, for tests of plans and of the controller: no plant, the PLC's limits of the real one."""

from functools import lru_cache
from pathlib import Path

from controller.rig import Rig, load_rig
from controller.sequencer.compile import compile_profile
from controller.sequencer.plan import Plan
from controller.sequencer.profile import load_profile

ROOT = Path(__file__).parents[2]
PROFILES = ROOT / "configs" / "profiles" / "microwave_bench"
NAMES = tuple(sorted(path.stem for path in PROFILES.glob("*.yaml")))


@lru_cache
def rig() -> Rig:
    """The bench."""
    plc = ROOT / "hil_rigs" / "microwave_bench" / "plc.yaml"
    return load_rig((Path(__file__).parent / "rig.yaml").read_bytes(), "rig.yaml", plc.read_bytes(), "plc.yaml")


def text(name: str) -> bytes:
    """A profile's bytes."""
    return (PROFILES / f"{name}.yaml").read_bytes()


@lru_cache
def plan(name: str) -> Plan:
    """A profile's plan."""
    return compile_profile(load_profile(text(name), f"{name}.yaml"), rig(), {})
