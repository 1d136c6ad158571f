# ruff: noqa: E501 - the messages are compared as whole lines
"""Profiles that record trains: what fits compiles, what does not is refused in these words and at this line."""

from dataclasses import replace

import pytest

from controller.rig import Refused, Rig
from controller.sequencer.check import check
from controller.sequencer.compile import compile_profile
from controller.sequencer.plan import Plan, StepKind
from controller.sequencer.profile import load_profile
from controller.sequencer.trains import SEGMENTS_MAX, TRAIN_FUNCTIONS, transfer_s
from controller.shots.pulses import TRAIN_FUNCTIONS as MEASURED
from drivers.wire.segments import SEGMENT_MEMORY
from tests.unit.sequencer.test_compile import FULL, RIG

RTO = replace(
    RIG,
    instruments=tuple(replace(i, model="R&S RTO1024") if i.name == "scope_1" else i for i in RIG.instruments),
)
"""The shipped bench with an RTO as its first scope."""


def with_segments(text: str, points: int = 2000, measure: str = "", more: str = "") -> bytes:
    """The full profile with ``scope_1`` recording a train."""
    data = FULL.decode().replace("    points: 50000\n", f"    points: {points}\n    segments: {text}\n{more}", 1)
    return (data.replace("measure:\n", f"measure:\n{measure}", 1)).encode()


def compiled(data: bytes, rig: Rig = RTO) -> Plan:
    return compile_profile(load_profile(data, "p.yaml"), rig, {})


def first_problem(data: bytes, rig: Rig = RTO) -> str:
    with pytest.raises(Refused) as caught:
        compiled(data, rig)
    return str(caught.value).splitlines()[0]


GOOD = """  top: {title: flat top, channel: module_1_current, function: flat_top_mean, min: 1 kA}
  gone: {title: missing pulses, channel: module_1_current, function: missing_pulses, max: 3}
  short: {title: shortest pulse, channel: module_1_current, function: width_min, min: 1 us}
"""


def only_trains() -> bytes:
    """The other measurements of module currents go: they are of single waveforms."""
    lines = with_segments("500", measure=GOOD).decode().splitlines(keepends=True)
    return "".join(_without_module_measurements(lines)).replace("timeout: 60 s", "timeout: 120 s").encode()


def _without_module_measurements(lines: list[str]) -> list[str]:
    start = lines.index("measure:\n")
    kept = [line for line in lines[start:] if line in GOOD.splitlines(keepends=True)]
    return [*lines[:start], "measure:\n", *kept]


def test_a_train_compiles_with_its_segments_and_measurements() -> None:
    plan = compiled(only_trains())
    first, second = plan.scopes
    assert (first.segments, second.segments) == (500, 1)
    assert [(m.function, m.unit) for m in plan.measurements] == [
        ("flat_top_mean", "A"),
        ("missing_pulses", "1"),
        ("width_min", "s"),
    ]
    assert check(plan, RTO).ok
    assert transfer_s(first) == pytest.approx(4 * 500 * (0.01 + 0.004)) and transfer_s(second) == 0.0


def test_the_transfer_gets_the_time_that_the_train_needs() -> None:
    plan = compiled(only_trains())
    rows = [row for row in check(plan, RTO).rows if row.item == "timeout of step transfer"]
    assert rows and rows[0].limit == pytest.approx(28.1)
    short = replace(
        plan, steps=tuple(replace(s, timeout_s=20.0) if s.kind is StepKind.TRANSFER else s for s in plan.steps)
    )
    (bad,) = check(short, RTO).bad
    assert bad.advice == "allow at least 28.1 s"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (with_segments("5000"), "p.yaml:32: scopes.scope_1.segments: 5000 segments are more than R&S RTO1024 takes; write at most 4096"),
        (with_segments("4000", 50_000), "p.yaml:32: scopes.scope_1.segments: 200000000 samples in 4000 segments of 50000 points are more than R&S RTO1024 holds; write at most 800 segments, or 10000 points"),
        (with_segments("4096", 4_000), "p.yaml:32: scopes.scope_1.segments: 65536000 samples in 4096 segments of 4000 points are more than a record keeps; write at most 2000 segments, or 1953 points"),
    ],
)  # fmt: skip
def test_a_train_that_does_not_fit_is_refused(data: bytes, message: str) -> None:
    assert first_problem(data) == message


def test_a_scope_without_segmented_memory_is_refused() -> None:
    rigol = replace(
        RIG, instruments=tuple(replace(i, model="Rigol DS1074Z") if i.name == "scope_1" else i for i in RIG.instruments)
    )
    assert first_problem(with_segments("100"), rigol) == (
        "p.yaml:32: scopes.scope_1.segments: Rigol DS1074Z has no segmented memory; remove the line, or record with Keysight DSO-X 3014A or R&S RTO1024"
    )


def test_trains_of_two_scopes_share_the_record() -> None:
    both = FULL.decode().replace("    points: 50000\n", "    points: 4000\n    segments: 1500\n").encode()
    two = replace(
        RTO,
        instruments=tuple(replace(i, model="R&S RTO1024") if i.port == "Oscilloscope" else i for i in RTO.instruments),
    )
    assert (
        "scopes: 48000000 samples in all trains together are more than the 32000000 a record keeps; write fewer"
        in first_problem(both, two)
    )


def test_functions_of_trains_and_of_waveforms_do_not_mix() -> None:
    wrong = "  odd: {title: x, channel: module_1_current, function: peak}\n"
    assert "module_1_current is a train of 100 segments, not one waveform; write one of peak_min, " in first_problem(
        with_segments("100", measure=wrong)
    )
    wrong = "  odd: {title: x, channel: total_current, function: peak_mean}\n"
    said = first_problem(with_segments("1", measure=wrong))
    assert said.endswith("needs a train, and total_current is none; record it with `segments`, or measure its peak")


def test_zero_segments_are_refused_by_shape() -> None:
    assert "scopes.scope_1.segments" in first_problem(with_segments("0"))


def test_what_a_profile_may_ask_is_what_can_be_measured() -> None:
    assert tuple(MEASURED) == TRAIN_FUNCTIONS
    assert all(memory.segments_max <= SEGMENTS_MAX for memory in SEGMENT_MEMORY.values())
