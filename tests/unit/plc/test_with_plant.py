"""The PLC on the shipped plant: real travel times, noise, EMI and faults; neither false trips nor missed ones."""

import pytest

from drivers.wire.plc import EventCode, Flag, PlcCommand, PlcState, Refusal, Trip
from firmware_sim.plc.plc import Plc
from hil_rigs.railgun_bench.plant import build
from tests.unit.plc.kit import LIMITS, PLC_YAML, Station

S = PlcState
C = PlcCommand
PLANT_TEXT = (PLC_YAML.parent / "plant.yaml").read_text(encoding="utf-8")
DELAYS_NS = (0, 150_000, 350_000, 600_000)


class PlantStation(Station):
    """A station whose bench is the shipped plant."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.plc = Plc(LIMITS, 1, 4242)
        self.plant = build(PLANT_TEXT, seed)
        self.t_ns = 0

    def scan(self, count: int = 1) -> None:
        for _ in range(count):
            self.t_ns += 10_000_000
            self.plant.tick(self.t_ns, self.plc.outputs)
            self.plc.scan(self.plant.inputs)
            if self.alive and self.plc.scan_number % 5 == 0:
                self.exchange()

    def charge(self, target_v: float, fault: str = "") -> None:
        """To FLOAT, or where a fault in CHARGE leads."""
        self.ready()
        self.plant.drive("charger_set_voltage_v", target_v)
        self.plant.drive("charger_set_current_a", 1.0)
        self.plant.drive("charger_output", 1.0)
        assert self.do(C.PERMIT, self.permit_arguments(target_v)).ack is Refusal.ACCEPTED
        self.scan(5)
        assert self.do(C.CHARGE, self.shot_arguments()).ack is Refusal.ACCEPTED
        self.scan(100)
        if fault:
            self.plant.inject(fault)
        while self.state is S.CHARGE:
            self.scan()

    def fire(self) -> None:
        self.scan(30)
        self.do(C.ISOLATE)
        self.scan(10)
        assert self.do(C.FIRE_ENABLE, self.fire_enable_arguments()).ack is Refusal.ACCEPTED
        assert self.do(C.FIRE, self.shot_arguments()).ack is Refusal.ACCEPTED
        edges = self.plant.offer_edges(self.t_ns, [self.t_ns, *(self.t_ns + delay for delay in DELAYS_NS)])
        assert edges is not None
        self.plant.apply(self.plant.pulse(edges))


@pytest.mark.parametrize(("seed", "target_v"), [(1, 3000.0), (2, 1000.0), (8, 60.0), (9, 60.0)])
def test_healthy_shot_has_no_trip(seed: int, target_v: float) -> None:
    station = PlantStation(seed)
    station.charge(target_v)
    station.fire()
    station.until(S.SAFE, 300)
    status = station.plc.status()
    assert status.trips == 0 and status.flags & Flag.PROOF_OF_SAFE and not status.flags & (Flag.MISFIRE | Flag.PARTIAL)
    assert not [event for event in station.plc.events if event.code == EventCode.TRIP]


@pytest.mark.parametrize("target_v", [100.0, 3000.0])
def test_dump_is_proven_at_any_voltage(target_v: float) -> None:
    station = PlantStation(3)
    station.charge(target_v)
    station.do(C.DUMP)
    assert station.until(S.SAFE, 400) < 130
    proof = next(event for event in station.plc.events if event.code == EventCode.PROOF)
    assert proof.detail == 1 and proof.value == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("fault", "first"),
    [
        ("door_1_open", Trip.DOOR_1),
        ("door_2_open", Trip.DOOR_2),
        ("estop", Trip.ESTOP),
        ("key_off", Trip.KEY),
        ("charger_dead", Trip.CHARGE_ENVELOPE),
        ("overvoltage", Trip.CHARGE_ENVELOPE),
        ("probe_a_gain", Trip.PROBE_MISMATCH),
        ("probe_b_frozen", Trip.PROBE_MISMATCH),
        ("probe_a_nan", Trip.PROBE_INVALID),
        ("module_1_prefire", Trip.PREFIRE),
    ],
)
def test_fault_while_charging_trips_with_its_reason(fault: str, first: Trip) -> None:
    station = PlantStation(4)
    station.charge(1000.0, fault)
    assert station.state is S.TRIP
    assert station.plc.status().first_fault == int(first).bit_length()
    assert not station.plc.outputs.charger_enable and not station.plc.outputs.contactor_close
    station.scan(200)
    believed = bool(station.plc.status().flags & Flag.PROOF_OF_SAFE)
    assert believed is (fault not in ("probe_b_frozen", "probe_a_nan")), "a broken probe proves nothing"
    assert max(station.plant.bank.voltage_v) < 50.0, "safe all the same"


def test_welded_contactor_and_stuck_dump_are_named() -> None:
    station = PlantStation(5)
    station.charge(1000.0, "contactor_welded")
    station.do(C.ISOLATE)
    station.until(S.TRIP, 100)
    assert station.plc.trips == Trip.CONTACTOR_MISMATCH
    station = PlantStation(6)
    station.charge(1000.0, "dump_a_stuck_open")
    station.do(C.DUMP)
    station.until(S.TRIP, 100)
    assert Trip.DUMP_MISMATCH in station.plc.trips
    station.until(S.LOCKOUT, 100)


def test_module_that_does_not_fire_is_a_partial_shot() -> None:
    station = PlantStation(7)
    station.charge(1000.0, "module_2_no_fire")
    station.fire()
    station.until(S.DUMPING, 50)
    assert station.plc.status().flags & Flag.PARTIAL
    assert station.until(S.SAFE, 4000) >= 3000
