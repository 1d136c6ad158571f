"""The rig PLC on this plant, with a controller that heartbeats and a generator that triggers at 50 Hz."""

from drivers.wire.plc import PlcCommand, PlcState, Refusal
from drivers.wire.plc_run import PlcRunStatus, RunArguments, encode_run
from firmware_sim.plc.limits import load_limits
from tests.unit.plant.tube_bench.support import FOLDER, LINE_V, SCAN_NS, switch_on, warm_utilities
from tests.unit.plc.kit import Station

LIMITS = load_limits((FOLDER / "plc.yaml").read_text(encoding="utf-8"), "plc.yaml")
ALL_ON = 15


class TubeStation(Station):
    """``plant`` is the real one; the kit's ideal bench only lends its numbers."""

    def __init__(self, plant: object, *, warm: bool = True) -> None:
        super().__init__(LIMITS)
        self.plant = plant
        self.now_ns = 0
        self.every = 2
        """Scans from trigger to trigger; 0: none."""
        switch_on(plant)
        if warm:
            room = plant.room
            room.services.state, room.services.drive, room.thyratron = warm_utilities()
            self.scan()  # the PLC reads the relays' positions first
            ack = self.do(PlcCommand.AUXILIARIES, (ALL_ON,)).ack
            assert ack is Refusal.ACCEPTED, ack
            self.scan(5)
            side = self.plc._run
            side.memory = side.memory._replace(lost=0, good=tuple(w.good_max for w in LIMITS.run.windows))
            side.store(self.plc.control.pulse, self.plc.times.run)

    def scan(self, count: int = 1) -> None:
        self.scans += count
        for _ in range(count):
            self.now_ns += SCAN_NS
            self.plant.tick(self.now_ns, self.plc.outputs)
            for name, value in self.force.items():
                setattr(self.plant.inputs, name, value)
            self.plc.scan(self.plant.inputs)
            if self.every and self.plc.scan_number % self.every == 0:
                at_ns = self.now_ns + 3_000_000
                edges = self.plant.offer_edges(at_ns, (at_ns, at_ns, None, None, None))
                if edges is not None:
                    self.plant.apply(self.plant.pulse(edges))
            if self.alive and self.plc.scan_number % 5 == 0:
                self.exchange()

    @property
    def status(self) -> PlcRunStatus:
        status = self.plc.run_status()
        assert status is not None
        return status

    def float_on(self, line_v: float = LINE_V, ramp_v_per_s: float = 2000.0) -> None:
        """SAFE, tested, warned, permitted, charged: FLOAT."""
        self.ready()
        self.plant.drive("charger_set_current_a", 0.6)
        self.plant.drive("charger_output", 1.0)
        ack = self.do(PlcCommand.PERMIT, self.permit_arguments(line_v, ramp_v_per_s)).ack
        assert ack is Refusal.ACCEPTED, (ack, self.plc.status().guards)
        self.scan(10)
        assert self.do(PlcCommand.CHARGE, self.shot_arguments()).ack is Refusal.ACCEPTED
        volts = 0.0
        while self.state is PlcState.CHARGE:
            volts = min(line_v, volts + ramp_v_per_s * 0.01)
            self.plant.drive("charger_set_voltage_v", volts)
            self.scan()
        assert self.state is PlcState.FLOAT, self.plc.control

    def run(self, pulses: int = 0) -> None:
        arguments = encode_run(RunArguments(self.shot, self.plc.nonce, pulses))
        ack = self.do(PlcCommand.RUN, arguments).ack
        assert ack is Refusal.ACCEPTED, (ack, self.plc.status().guards)
