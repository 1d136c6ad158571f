"""``*TRG`` on the delay generator fires nothing in any PLC state and any trigger mode (bench.md 1, "Trigger chain").

The judge is the plant: module currents in its log, and the voltages that a pulse would have taken.
"""

from pathlib import Path

import pytest

from controller.app.rig_sim import SimulatedRig
from drivers.wire.plc import PlcState
from tests.virtual.virtual_bench import QUICK, Bench

MODES = tuple(range(7))
"""TSRC 0 to 6 (instruments.md 2.7)."""

SHORT = (PlcState.TEST, PlcState.OPENING, PlcState.ISOLATE, PlcState.FIREWIN, PlcState.SHOT)
"""States that last a few scans: one run per mode; in the others one run tries all modes, a scan apart."""

SHOT_GATE_SCANS = 3
"""In SHOT the gate is open for the programmed delays, 2 ms at most here; three scans later it is shut."""

CASES = [
    (PlcState.SAFE, "full", ()),
    (PlcState.TEST, "trigger-only", ()),
    (PlcState.OPENING, "full", ()),
    (PlcState.CHARGE, "full", ()),
    (PlcState.FLOAT, "full", ()),
    (PlcState.ISOLATE, "full", ()),
    (PlcState.FIREWIN, "full", ()),
    (PlcState.SHOT, "full", ()),
    (PlcState.DUMPING, "full", ()),
    (PlcState.TRIP, "full", ("plant.estop@charge",)),
]


RUNS = [(*case, modes) for case in CASES for modes in ([(mode,) for mode in MODES] if case[0] in SHORT else [MODES])]


@pytest.mark.parametrize(
    ("state", "profile", "faults", "modes"), RUNS, ids=[f"{run[0].name}-{''.join(map(str, run[3]))}" for run in RUNS]
)
def test_a_stray_trigger_fires_nothing(
    state: PlcState,
    profile: str,
    faults: tuple[str, ...],
    modes: tuple[int, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(tmp_path / "shots", monkeypatch)
    scans = 0
    strays: list[int] = []

    def meddle(rig: SimulatedRig) -> None:
        nonlocal scans
        if rig.plc.control.state is not state or len(strays) == len(modes):
            return
        scans += 1
        if state is PlcState.SHOT and scans <= SHOT_GATE_SCANS:
            return
        mode = modes[len(strays)]
        strays.append(rig.plant.t_ns)
        session = rig.standins["delay_generator"].open_session()
        for line in (f"TSRC {mode}\n", "*TRG\n", "TSRC 5\n", "*TRG\n"):
            session.feed(line.encode(), rig.now_ns())

    bench.each_scan = meddle
    run = bench.run(*faults, profile=profile, overrides=QUICK if profile == "full" else {})
    assert len(strays) == len(modes), f"the run was in {state.name} for {scans} scans only"
    assert run.shots == run.fire_pulses if state in (PlcState.SHOT, PlcState.DUMPING) else run.shots <= run.fire_pulses
    pulses = [t_ns for t_ns, text in run.rig.plant.log if "module peak" in text]
    fired = [t_ns for t_ns, text in run.rig.plant.log if text.startswith("gate open")]
    assert all(any(0 <= pulse - gate < 20_000_000 for gate in fired) for pulse in pulses)
    assert run.finished.exit in (0, 1, 3)
    run.assert_plant_is_safe()
