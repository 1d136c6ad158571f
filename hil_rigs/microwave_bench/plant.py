"""The simulated physics of microwave_bench: reads plant.yaml into the plant of ``firmware_sim.plant.tube_bench``."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from firmware_sim.plant.breakdown.parameters import breakdown_parameters
from firmware_sim.plant.modulator.chargers import build_charging
from firmware_sim.plant.modulator.parameters import read
from firmware_sim.plant.modulator.pulse import build_modulator
from firmware_sim.plant.rf.chain import RfParameters
from firmware_sim.plant.rf.line import Arc
from firmware_sim.plant.tube_bench.bench import TubeBench
from firmware_sim.plant.tube_bench.parameters import (
    DaqParameters,
    DriveParameters,
    FieldParameters,
    GaugeParameters,
    LimiterParameters,
    ProbeParameters,
    SiteParameters,
    SlowParameters,
    StrayParameters,
    TransmitterParameters,
    TubeBenchParameters,
    VacuumLatchParameters,
)
from firmware_sim.plant.utilities.plantroom import UtilityParameters

VERSION = 1
"""The only version of plant.yaml there has been."""

T = TypeVar("T")


def build(text: str, seed: int) -> TubeBench:
    """The bench of a plant.yaml text. Raises ValueError naming the key that is missing, unknown or not a number."""
    return TubeBench(parse(text), seed)


@lru_cache(maxsize=2)
def parse(text: str) -> TubeBenchParameters:
    """The parameters of a plant.yaml text (numbers are SI, the unit is in the key). Raises ValueError as build does."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        data = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise ValueError(f"plant.yaml: {error}") from error
    if not isinstance(data, Mapping):
        raise ValueError(f"plant.yaml: {data!r} is not a mapping of the sections {', '.join(SECTIONS)}")
    if data.get("version") != VERSION:
        raise ValueError(f"plant.yaml: version: {data.get('version')!r}; this reader knows version {VERSION}")
    found = {name: value for name, value in data.items() if name != "version"}
    if set(found) != set(SECTIONS):
        names = ", ".join(sorted(map(str, set(found) ^ set(SECTIONS))))
        raise ValueError(f"plant.yaml: {names}: missing, or unknown; right would be {', '.join(SECTIONS)}")
    try:
        return TubeBenchParameters(**{name: of(found[name], name) for name, of in SECTIONS.items()})
    except ValueError as error:
        raise ValueError(f"plant.yaml: {error}") from error


def _one(kind: type[T]) -> Callable[[Any, str], T]:
    return lambda data, where: read(kind, data, where)


def _named(kind: type[T]) -> Callable[[Any, str], Mapping[str, T]]:
    def make(data: Any, where: str) -> Mapping[str, T]:
        if not isinstance(data, Mapping):
            raise ValueError(f"{where}: {data!r} is not a mapping of names")
        return {str(name): read(kind, value, f"{where}.{name}") for name, value in data.items()}

    return make


def _sites(data: Any, where: str) -> Mapping[str, SiteParameters]:
    if not isinstance(data, Mapping):
        raise ValueError(f"{where}: {data!r} is not a mapping of loads")
    return {str(name): _site(value, f"{where}.{name}") for name, value in data.items()}


def _site(data: Any, where: str) -> SiteParameters:
    if not isinstance(data, Mapping) or set(data) != {"surface", "breakdown"}:
        raise ValueError(f"{where}: {data!r}; right would be the keys surface and breakdown")
    if not isinstance(data["breakdown"], Mapping):
        raise ValueError(f"{where}.breakdown: {data['breakdown']!r} is not a mapping")
    return SiteParameters(
        read(FieldParameters, data["surface"], f"{where}.surface"), breakdown_parameters(data["breakdown"])
    )


def _transmitters(data: Any, where: str) -> tuple[TransmitterParameters, ...]:
    if not isinstance(data, list):
        raise ValueError(f"{where}: {data!r} is not a list")
    return tuple(read(TransmitterParameters, value, f"{where}[{n}]") for n, value in enumerate(data))


SECTIONS: Mapping[str, Callable[[Any, str], Any]] = {
    "modulator": build_modulator,
    "charging": build_charging,
    "slow": _one(SlowParameters),
    "rf": _one(RfParameters),
    "mismatch": _one(Arc),
    "drive": _one(DriveParameters),
    "sites": _sites,
    "limiter": _one(LimiterParameters),
    "vacuum_latch": _one(VacuumLatchParameters),
    "utilities": _one(UtilityParameters),
    "emi": _one(StrayParameters),
    "transmitters": _transmitters,
    "gauges": _named(GaugeParameters),
    "daq": _named(DaqParameters),
    "probes": _named(ProbeParameters),
}
"""The sections of plant.yaml, and what reads each."""
