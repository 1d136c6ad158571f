"""Every fault of the plant says when it first does something: the evidence on which the campaign's judge insists."""

import pytest

from firmware_sim.plant.faults import list_faults, module_of
from firmware_sim.signals import FieldOutputs
from hil_rigs.railgun_bench.plant import build
from tests.unit.plant.support import PLANT_YAML, SCAN_NS

CHARGING = FieldOutputs(dump_a_open=True, dump_b_open=True, contactor_close=True, charger_enable=True)
AT_REST = FieldOutputs()


def acts_of(fault: str, *, at_s: float = 0.0, charge_s: float = 3.0, rest_s: float = 2.0) -> list[tuple[float, str]]:
    """A charge, a shot and a dump with ``fault`` injected at ``at_s``: (seconds, what the log says that it does)."""
    plant = build(PLANT_YAML, 1)
    plant.drive("charger_set_voltage_v", 600.0)
    plant.drive("charger_set_current_a", 1.0)
    plant.drive("charger_output", 1.0)
    fired = injected = False
    for scan in range(round((charge_s + rest_s) * 100)):
        t_ns = scan * SCAN_NS
        if not injected and t_ns >= at_s * 1e9:
            injected = True
            plant.inject(fault)
        charging = t_ns < charge_s * 1e9
        plant.tick(t_ns, CHARGING if charging else AT_REST)
        if not charging and not fired:
            fired = True
            gate = FieldOutputs(dump_a_open=True, dump_b_open=True, fire=True, gate_open_ns=5_000_000)
            plant.tick(t_ns, gate)
            edges = plant.offer_edges(t_ns, (t_ns, t_ns, t_ns, t_ns, t_ns))
            if edges is not None:
                plant.apply(plant.pulse(edges))
    prefix = f"fault plant.{fault} acts: "
    return [(t_ns * 1e-9, text.removeprefix(prefix)) for t_ns, text in plant.log if text.startswith(prefix)]


ALONE = sorted(
    fault
    for fault in list_faults(4)
    if fault not in ("door_1_stuck", "door_2_stuck") and not fault.startswith("selftest_")
)
"""Those of the self-test's relays act while a path is tested, the stuck door channels at an open door."""


@pytest.mark.parametrize("fault", ALONE)
def test_every_fault_acts_once_in_a_shot(fault: str) -> None:
    found = acts_of(fault, at_s=0.5 if fault.endswith("_frozen") else 0.0)
    assert len(found) == 1, found


HIDDEN = [
    # fault, injected, acts not before, and not after
    ("contactor_welded", 0.0, 2.99, 3.05),
    ("dump_a_stuck_open", 0.0, 2.99, 3.1),
    ("dump_a_stuck_closed", 0.0, 0.0, 0.05),
    ("module_2_prefire", 0.0, 2.0, 2.3),
    ("probe_a_frozen", 1.0, 1.01, 1.03),
    ("overvoltage", 0.0, 2.3, 2.6),
    ("module_1_no_fire", 0.0, 2.99, 3.05),
]


@pytest.mark.parametrize(("fault", "at_s", "first_s", "last_s"), HIDDEN)
def test_a_hidden_fault_acts_when_it_shows_not_when_it_is_injected(
    fault: str, at_s: float, first_s: float, last_s: float
) -> None:
    ((acted_s, _),) = acts_of(fault, at_s=at_s)
    assert first_s <= acted_s <= last_s


def test_a_fault_without_an_occasion_never_acts() -> None:
    assert acts_of("contactor_welded", at_s=4.0) == []
    assert acts_of("module_1_leak", at_s=4.9) == []


def test_a_stuck_door_channel_acts_when_the_door_is_open() -> None:
    plant = build(PLANT_YAML, 1)
    plant.inject("door_1_stuck")
    plant.tick(0, AT_REST)
    assert (plant.inputs.door_1, plant.inputs.door_2) == (True, True)
    plant.inject("door_open")
    plant.tick(SCAN_NS, AT_REST)
    assert (plant.inputs.door_1, plant.inputs.door_2) == (True, False)
    assert any("fault plant.door_1_stuck acts" in text for _, text in plant.log)


def test_a_dead_test_relay_acts_when_its_path_is_tested() -> None:
    plant = build(PLANT_YAML, 1)
    plant.inject("selftest_door_1_dead")
    plant.tick(0, AT_REST)
    assert not any("acts" in text for _, text in plant.log)
    plant.tick(SCAN_NS, FieldOutputs(self_test_path=1))
    assert any("fault plant.selftest_door_1_dead acts" in text for _, text in plant.log)


@pytest.mark.parametrize(
    ("fault", "kinds", "module"),
    [
        ("module_3_leak", ("leak", "uncharged"), 2),
        ("module_12_uncharged", ("leak", "uncharged"), 11),
        ("module_3_hang", ("leak", "uncharged"), None),
        ("vacuum_leak", ("leak",), None),
        ("hose_2_leak", ("leak",), None),
        ("my_module_2_leak", ("leak",), None),
    ],
)
def test_only_modules_are_modules(fault: str, kinds: tuple[str, ...], module: int | None) -> None:
    assert module_of(fault, *kinds) == module
