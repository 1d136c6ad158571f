"""One bench's messages, as small as the bridges' tests need them."""

from pathlib import Path

from controller.messages import (
    AlarmChanged,
    ChannelInfo,
    Finished,
    Frame,
    Hello,
    SourceInfo,
    StepInfo,
    Verdict,
    WordInfo,
)
from controller.rig import Rig, load_rig

FOLDER = Path(__file__).parents[3] / "hil_rigs" / "railgun_bench"
MS = 1_000_000
PERIOD_NS = 20 * MS

CHANNELS = (
    ChannelInfo("probe_a", "Probe A", "V", "plc", "bank", high=3100.0),
    ChannelInfo("charger_current", "Charger current", "A", "charger", "charger"),
    ChannelInfo("field", "Field", "T/s", "charger", ""),
)

HELLO = Hello(
    rig="railgun_bench",
    profile="full",
    title="Full shot",
    shot=7,
    shot_id="2026-0007",
    channels=CHANNELS,
    steps=(StepInfo("prepare", "self_test", 5.0), StepInfo("charge", "charge", 30.0)),
    target_v=3000.0,
    virtual=False,
    session="run-7",
    sources=(SourceInfo("plc", "PLC", 0.5), SourceInfo("charger", "Charger", 2.0)),
    words=(WordInfo("inputs", ("DOOR_1", "", "ESTOP")),),
    states=("SAFE", "CHARGING"),
)

FINISHED = Finished(
    shot=7,
    shot_id="2026-0007",
    verdict="pass",
    ended="completed",
    reason="",
    record="",
    journal="7.journal",
    report="7.html",
    sheet="",
    exit=0,
    measurements=(Verdict("Peak current", 61e3, "A", 55e3, 70e3, 6e3, "pass"),),
    safe="both probes below 50 V",
)


def rig() -> Rig:
    return load_rig((FOLDER / "rig.yaml").read_bytes(), "rig.yaml", (FOLDER / "plc.yaml").read_bytes(), "plc.yaml")


def frame(
    seq: int,
    values: tuple[float, ...] = (1234.5, 0.5, 1.0),
    ages_s: tuple[float, ...] = (0.01, 0.2),
    words: tuple[int, ...] = (0b101,),
    plc_state: str = "CHARGING",
    step: int = 1,
    late_s: float = 0.0,
) -> Frame:
    return Frame(seq, seq * PERIOD_NS, values, plc_state, step, None, ages_s[0], words, ages_s, late_s)


def alarm(id: str, state: str = "UNACK_ALARM", active: bool = True, priority: str = "high") -> AlarmChanged:
    return AlarmChanged(id, "Door 1 is open", priority, state, active, 5, guidance="close it")
