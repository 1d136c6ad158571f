"""A shot as the runtime would hand it over: a pulse of known shape through a known chain, with known noise."""

from dataclasses import replace

import numpy as np

from controller.sequencer.plan import Measurement
from controller.shots.measure import measure_all
from controller.shots.model import (
    ChannelCapture,
    ChecklistItem,
    Comment,
    EventRow,
    FloatArray,
    InstrumentUse,
    PartUse,
    Person,
    PlcEventRow,
    SelfTestResult,
    ShotIdentity,
    ShotRecord,
    SlowLog,
)
from controller.shots.quantities import MeasureContext

PEAK_A = 64_580.0
T0_S, DUMP_S, SAFE_S = 14.2, 14.9, 19.1
CONTEXT = MeasureContext(T0_S, DUMP_S, SAFE_S)


def pulse(t_s: FloatArray, rise_s: float = 3e-4, fall_s: float = 2e-3) -> FloatArray:
    """A double exponential with crest 1 that starts at zero."""
    at = np.clip(t_s, 0.0, None)
    crest = np.log(fall_s / rise_s) * rise_s * fall_s / (fall_s - rise_s)
    top = np.exp(-crest / fall_s) - np.exp(-crest / rise_s)
    return np.asarray((np.exp(-at / fall_s) - np.exp(-at / rise_s)) / top)


def capture(
    channel: str = "total_current",
    peak: float = PEAK_A,
    unit: str = "A",
    scale: float = 20_000.0,
    noise_v: float = 0.01,
    seed: int = 1,
    points: int = 20_000,
    range_v: float = 8.0,
    source: str = "CHAN1",
) -> ChannelCapture:
    """A 12-bit record in 16-bit words over 10 ms with 1 ms before T0; its own delay is 40 ns."""
    rng = np.random.default_rng(seed)
    x_increment_s = 10e-3 / points
    t_s = np.arange(points) * x_increment_s - 1e-3 - 40e-9
    volts = peak / scale * pulse(t_s) + rng.normal(0.0, noise_v, points) + 0.02
    step_v = range_v / 4096
    raw = np.clip(np.rint(volts / step_v) + 2048, 0, 4095) * 16
    return ChannelCapture(
        channel=channel,
        instrument="scope_1",
        source=source,
        raw=raw.astype(np.uint16),
        x_increment_s=x_increment_s,
        x_origin_s=-1e-3,
        y_increment_v=step_v / 16,
        y_origin_v=0.0,
        y_reference=2048 * 16,
        full_scale=(0, 4095 * 16),
        settings={f":{source}:RANGe": f"{range_v:g}", ":TIMebase:RANGe": "1.0E-02"},
        scale=scale,
        unit=unit,
        delay_s=40e-9,
        uncertainty=0.01,
        chain=(
            {
                "part": "Rogowski coil",
                "serial": "RC-014",
                "factor": 1e-3,
                "sign": 1,
                "delay_s": 30e-9,
                "due": "2027-03-01",
            },
            {"part": "integrator", "serial": "IN-02", "factor": 0.05, "sign": 1, "delay_s": 10e-9, "overdue": False},
        ),
        delay_uncertainty_s=5e-9,
        title=channel.replace("_", " ").capitalize(),
    )


def slow_log(name: str, seed: int = 2) -> SlowLog:
    """Charge, hold, shot and dump of a 4 mF bank through 200 Ohm per 1 mF module (tau 0.2 s), 100 Hz."""
    t_s = np.arange(2000) * 0.01
    up = np.clip(t_s - 1.0, 0.0, 12.0) * 250.0
    left = np.where(t_s < T0_S, up, 1200.0)
    value = np.where(t_s < DUMP_S + 0.02, left, 1200.0 * np.exp(-np.clip(t_s - DUMP_S - 0.02, 0.0, None) / 0.2))
    noisy = value + np.random.default_rng(seed).normal(0.0, 0.5, t_s.size)
    return SlowLog(name, "V", t_s, noisy, name.replace("_", " ").capitalize())


MEASUREMENTS = (
    Measurement("peak_current", "total_current", "peak", "kA", 60.0, 70.0, "Peak total current"),
    Measurement("time_of_peak", "total_current", "time_of_peak", "ms", 0.4, 1.2, "Time of peak"),
    Measurement("action", "total_current", "action_integral", "A^2 s", None, 8e6, "Action integral"),
    Measurement("fire_voltage", "bank_voltage_a", "value_at_fire", "V", 2990.0, 3010.0, "Bank voltage at fire"),
    Measurement("dump_tau", "bank_voltage_a", "dump_tau", "s", 0.18, 0.22, "Dump time constant"),
    Measurement("end_voltage", "bank_voltage_b", "end_voltage", "V", None, 30.0, "Voltage after the dump"),
    Measurement("muzzle", "muzzle_voltage", "peak", "V", None, 120.0, "Muzzle voltage, peak"),
    Measurement("lost", "b_dot_2", "peak", "V", None, 5.0, "B-dot 2, peak"),
)


def shot(number: int = 7) -> ShotRecord:
    """A complete record with every kind of content, an escaping trap in its texts, and a lost channel."""
    captures = (
        capture(),
        *(capture(f"module_{n}_current", 17_000.0 + 200 * n, "A", 5_000.0, seed=10 + n) for n in range(1, 5)),
        capture("muzzle_voltage", 150.0, "V", 100.0, seed=20),
        capture("bus_voltage", 2200.0, "V", 1000.0, seed=21),
    )
    logs = (slow_log("bank_voltage_a"), slow_log("bank_voltage_b", 3))
    return ShotRecord(
        identity=ShotIdentity(
            "5f0c1b1e-0000-4000-8000-00000000000" + str(number % 10),
            number,
            "railgun_bench",
            1_000_000_000,
            "2026-11-20T09:00:00Z",
        ),
        ended_utc="2026-11-20T09:00:21Z",
        kind="full",
        profile="first_light",
        title="First light at 3.0 kV <script>alert(1)</script>",
        load="railgun, 8 g armature",
        verdict="fail",
        ended="completed",
        reason="muzzle: above the upper limit",
        operator=Person("A. Operator & Co", "operator"),
        purpose='Compare "muzzle" with shot 6',
        profile_text=b"rig: railgun_bench\n",
        profile_sha256="a" * 64,
        rig_text=b"name: railgun_bench\n",
        rig_sha256="b" * 64,
        people=(Person("B. Second", "second"),),
        parts=(PartUse("load", "ARM-0031"), PartUse("module 1 switch", "TH-0007")),
        instruments=(
            InstrumentUse("scope_1", "KEYSIGHT", "DSO-X 3014A", "MY12345678", "02.50"),
            InstrumentUse("daq", "LabJack", "T7", "470012345", "1.0300", "optional", True),
        ),
        checklist=(ChecklistItem("Muzzle clear", True, "A. Operator & Co"), ChecklistItem("Camera on", False)),
        comments=(Comment("2026-11-20T09:01:00Z", "A. Operator & Co", "Arc sound <b>louder</b> than usual"),),
        tags=("demo", "3kV"),
        self_test=(SelfTestResult("door 1", True), SelfTestResult("e-stop", True, "11 ms")),
        bypasses=("camera interlock until 2026-11-21",),
        captures=captures,
        slow_logs=logs,
        events=(
            EventRow(1_000_000_000, "core", "step", "self_test"),
            EventRow(2_000_000_000, "core", "step", "charge to 3000 V"),
            EventRow(15_200_000_000, "core", "step", "fire"),
            EventRow(15_900_000_000, "plc", "state", "DUMPING"),
            EventRow(20_100_000_000, "core", "safe", "verified safe"),
        ),
        plc_events=(PlcEventRow(41, 1520, 15_200_000_000, 7, 0, 2999.5, False, "SHOT"),),
        measurements=measure_all(MEASUREMENTS, captures, logs, CONTEXT),
        ledger={"stored at fire": 18000.0, "left after the shot": 2880.0, "dumped": 2880.0},
        settings={"charge_voltage_v": 3000.0, "modules": "1 2 3 4"},
        versions={"sparkgap": "0.1.0"},
        journal=b"\x53\x47",
        journal_head="0f" * 16,
        t0_s=T0_S,
        dump_s=DUMP_S,
        safe_s=SAFE_S,
    )


def bare_shot(number: int = 8) -> ShotRecord:
    """A shot that ended before anything was recorded."""
    return replace(
        shot(number),
        verdict="aborted",
        ended="aborted",
        captures=(),
        slow_logs=(),
        measurements=(),
        ledger={},
        events=(),
        plc_events=(),
        t0_s=None,
        dump_s=None,
        safe_s=None,
        journal=b"",
    )
