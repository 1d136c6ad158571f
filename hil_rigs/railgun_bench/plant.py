"""The simulated physics of railgun_bench: reads plant.yaml into the plant of ``firmware_sim.plant``."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import lru_cache
from typing import Any, TypeVar

from firmware_sim.plant.bench import BenchPlant
from firmware_sim.plant.parameters import (
    BankParameters,
    BenchParameters,
    ChargerParameters,
    DummyLoad,
    EmiParameters,
    ProbeParameters,
    PulseParameters,
    RailLoad,
    RelayParameters,
    SlowProbeParameters,
    TriggerParameters,
)
from firmware_sim.plant.pulse import load_solver

VERSION = 1
"""The only version of plant.yaml there has been."""

T = TypeVar("T")


def build(text: str, seed: int) -> BenchPlant:
    """The bench of a plant.yaml text. Raises ValueError naming the key that is missing, unknown or not a number."""
    load_solver()
    return BenchPlant(parse(text), seed)


@lru_cache(maxsize=2)
def parse(text: str) -> BenchParameters:
    """The parameters of a plant.yaml text (numbers are SI, the unit is in the key). Raises ValueError as build does.

    Parsing takes as long as seconds of virtual time and a campaign builds thousands of benches: texts are remembered.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        data = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise ValueError(f"plant.yaml: {error}") from error
    top = _mapping(data, "plant.yaml")
    if top.get("version") != VERSION:
        raise ValueError(f"plant.yaml: version: {top.get('version')!r}; this reader knows version {VERSION}")
    rails = _make(RailLoad, top, "rails")
    bank = dict(_mapping(top.get("bank"), "bank"))
    branches = bank.get("absorption", [])
    bank["absorption"] = [[branch["fraction"], branch["tau_s"]] for branch in branches]
    probes = _mapping(top.get("probes"), "probes")
    parameters = BenchParameters(
        pulse=_make(PulseParameters, {"pulse": {**_mapping(top.get("pulse"), "pulse"), "load": rails}}, "pulse"),
        dummy_load=_make(DummyLoad, top, "dummy_load"),
        bank=_make(BankParameters, {"bank": bank}, "bank"),
        charger=_make(ChargerParameters, top, "charger"),
        contactor=_make(RelayParameters, top, "contactor"),
        dump_a=_make(RelayParameters, top, "dump_a"),
        dump_b=_make(RelayParameters, top, "dump_b"),
        trigger=_make(TriggerParameters, top, "trigger"),
        emi=_make(EmiParameters, top, "emi"),
        slow_probe=_make(SlowProbeParameters, top, "slow_probe"),
        probes={name: _make(ProbeParameters, probes, name) for name in probes},
        pulse_end_s=float(top["pulse_end_s"]),
    )
    _check_lengths(parameters)
    return parameters


def _make(kind: type[T], parent: Mapping[str, Any], key: str) -> T:
    """A parameter dataclass from the mapping under ``key``; keys are its fields, no more and no fewer than it needs."""
    data = _mapping(parent.get(key), key)
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    for name in data:
        if name not in known:
            raise ValueError(f"plant.yaml: {key}.{name}: unknown; known are {', '.join(known)}")
    for name, f in known.items():
        if name not in data and f.default is MISSING:
            raise ValueError(f"plant.yaml: {key}.{name}: missing")
    return kind(**{name: _freeze(value, f"{key}.{name}") for name, value in data.items()})


def _freeze(value: Any, where: str) -> Any:
    """Lists become tuples; numbers must be finite."""
    if isinstance(value, list):
        return tuple(_freeze(item, where) for item in value)
    if isinstance(value, float) and not abs(value) < float("inf"):
        raise ValueError(f"plant.yaml: {where}: {value} is not a finite number")
    if value is None or isinstance(value, bool | int | float | RailLoad) or where.endswith(".kind"):
        return value
    raise ValueError(f"plant.yaml: {where}: {value!r} is not a number")


def _mapping(data: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise ValueError(f"plant.yaml: {where}: a mapping is needed")
    return data


def _check_lengths(p: BenchParameters) -> None:
    count = p.pulse.modules
    lists = {
        "pulse.switch_ohm": p.pulse.switch_ohm,
        "pulse.switch_v": p.pulse.switch_v,
        "pulse.coil_h": p.pulse.coil_h,
        "pulse.coil_ohm": p.pulse.coil_ohm,
        "bank.capacitance_f": p.bank.capacitance_f,
        "trigger.fibre_delay_s": p.trigger.fibre_delay_s,
    }
    for name, values in lists.items():
        if len(values) != count:
            raise ValueError(f"plant.yaml: {name}: {len(values)} values for {count} modules")
