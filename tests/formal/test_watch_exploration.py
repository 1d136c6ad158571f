"""The controller's own watch beside a second text: every state and combination of levels; ``classify`` with any float.

The second text is written from safety.md 2.3 and 3.3 (C7, C8, C10): how many readings in a row may be wrong, and that
a decision is never taken back. It shares no table with ``controller/safety/watch.py``.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.safety import watch
from controller.safety.bench import BenchState, Reading
from controller.safety.watch import COUNT_MAX, Action, Levels, WatchLimits, WatchState, classify, reason, step

Figure = Callable[..., None]

PATIENCE = {
    "status_fresh": ("status-stale", 0),
    "loop_on_time": ("loop-gap", 0),
    "same_boot": ("plc-rebooted", 0),
    "probes_valid": ("probe-invalid", 1),
    "probes_agree": ("probe-mismatch", 2),
    "witness_agrees": ("witness-mismatch", 2),
    "below_limit": ("over-limit", 1),
    "journal_alive": ("journal-dead", 0),
    "instruments_present": ("instrument-lost", 0),
    "zero_at_start": ("zero-check", 1),
    "rising": ("no-rise", 1),
    "charge_agrees": ("charge-estimate", 1),
    "within_target": ("above-target", 1),
    "bench_known": ("state-unknown", 0),
}
"""Level -> the cause it has when it is false, and how many readings in a row it may be."""

HEALTHY = Levels(**dict.fromkeys((field.name for field in fields(Levels)), True))
assert {field.name for field in fields(Levels)} == {*PATIENCE, "armed"}


class Second(NamedTuple):
    """The second text's state: bad readings in a row per level (as far as they matter), and the decision."""

    bad: tuple[int, ...] = (0,) * len(PATIENCE)
    cause: str = ""

    def after(self, levels: Levels) -> "Second":
        if not levels.armed:
            return self._replace(bad=(0,) * len(PATIENCE))
        limits = [patience for _cause, patience in PATIENCE.values()]
        values = [getattr(levels, name) for name in PATIENCE]
        pairs = zip(values, self.bad, limits, strict=True)
        bad = tuple(0 if good else min(run + 1, limit + 1) for good, run, limit in pairs)
        over = [cause for (cause, limit), run in zip(PATIENCE.values(), bad, strict=True) if run > limit]
        return Second(bad, self.cause or (over[0] if over else ""))


def every_levels(wrong_max: int) -> tuple[Levels, ...]:
    """Every combination with so many levels wrong at most, armed or not."""
    found = []
    for count in range(wrong_max + 1):
        for names in itertools.combinations(PATIENCE, count):
            wrong = replace(HEALTHY, **dict.fromkeys(names, False))
            found += [wrong, replace(wrong, armed=False)]
    return tuple(found)


ALL_LEVELS, TWO_WRONG = every_levels(len(PATIENCE)), every_levels(2)
Step = Callable[[WatchState, Levels, int], WatchState]


def compare(watch_step: Step) -> tuple[int, int]:
    """Walk watch and second text together through everything; returns (states, transitions). Raises AssertionError.

    From the healthy states with every combination, from all others with up to two levels wrong at once. After a
    decision the counters decide nothing any more: they are tried at zero and at the top.
    """
    first = (WatchState(), Second())
    seen, waiting, transitions = {first}, [first], 0
    while waiting:
        state, second = waiting.pop()
        for levels in TWO_WRONG if any(state.wrong) or state.action else ALL_LEVELS:
            transitions += 1
            after, other = watch_step(state, levels, 7), second.after(levels)
            assert after.action >= state.action, f"C7: the decision was taken back: {state} {levels}"
            assert after.action is (Action.DUMP if other.cause else Action.NONE), f"{state} {levels} -> {after}"
            assert after.cause == other.cause, f"{state} {levels} -> {after}"
            assert not levels.armed or after.boot_id == state.boot_id, "an armed bench's PLC is not taken for another"
            assert levels.armed or after.boot_id == 7
            for pair in _rest(after, other):
                if pair not in seen:
                    seen.add(pair)
                    waiting.append(pair)
    return len(seen), transitions


def _rest(state: WatchState, second: Second) -> tuple[tuple[WatchState, Second], ...]:
    if state.action is Action.NONE:
        return ((state, second),)
    none, top = (0,) * len(PATIENCE), (COUNT_MAX,) * len(PATIENCE)
    return tuple((replace(state, wrong=wrong), Second(none, second.cause)) for wrong in (none, top))


def test_the_watch_is_what_a_second_text_says(figure: Figure) -> None:
    """C7, C8, C10 from every state: same decision, same first cause, never taken back."""
    states, transitions = compare(step)
    assert {cause for cause, _patience in PATIENCE.values()} == {rule.name for rule in watch.RULES}
    assert all(reason(cause) != cause for cause, _patience in PATIENCE.values())
    figure("watch.exploration", states=states, transitions=transitions, rules=len(watch.RULES))


def _forgives(state: WatchState, levels: Levels, boot_id: int) -> WatchState:
    after = step(state, levels, boot_id)
    return replace(after, action=Action.NONE, cause="") if levels == HEALTHY else after


def _renames(state: WatchState, levels: Levels, boot_id: int) -> WatchState:
    """A later cause takes the first one's place."""
    after = step(state, levels, boot_id)
    return replace(after, cause="journal-dead") if after.cause and not levels.journal_alive else after


def _trusts_unknown(state: WatchState, levels: Levels, boot_id: int) -> WatchState:
    return step(state, replace(levels, bench_known=True), boot_id)


def _counts_on(state: WatchState, levels: Levels, boot_id: int) -> WatchState:
    """Bad readings count although good ones came between them."""
    after = step(state, levels, boot_id)
    kept = tuple(max(old, new) for old, new in zip(state.wrong or after.wrong, after.wrong, strict=True))
    return replace(after, wrong=kept)


def _adopts(state: WatchState, levels: Levels, boot_id: int) -> WatchState:
    return replace(step(state, levels, boot_id), boot_id=boot_id)


@pytest.mark.parametrize("defect", [_forgives, _renames, _trusts_unknown, _counts_on, _adopts])
def test_a_watch_with_a_defect_differs(defect: Step) -> None:
    with pytest.raises(AssertionError):
        compare(defect)


@pytest.mark.parametrize("index", range(len(watch.RULES)), ids=[rule.name for rule in watch.RULES])
@pytest.mark.parametrize("patience", [-1, 1], ids=["hastier", "more patient"])
def test_every_rule_and_its_patience_matter(index: int, patience: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = list(watch.RULES)
    rules[index] = replace(rules[index], patience=rules[index].patience + patience)
    monkeypatch.setattr(watch, "RULES", tuple(rules))
    with pytest.raises(AssertionError):
        compare(step)


# ---- classify, with any float ---------------------------------------------------------------------------------------

LIMITS = WatchLimits(max_voltage_v=3100.0, mismatch_v=60.0, ramp_v_per_s=250.0, zero_v=50.0, above_target_v=80.0)
SAME, OTHER = 5, 6
ANY_FLOAT = st.floats() | st.sampled_from(
    [
        math.nan,
        math.inf,
        -math.inf,
        9.9e37,
        -0.0,
        3100.0,
        3720.0,
        -62.0,
        180.0,
        1080.0,
        3080.0,
        math.nextafter(1080.0, 2e3),
    ]
)
JUDGED = (BenchState.OPENING, BenchState.CHARGE, BenchState.FLOAT, BenchState.ISOLATE) * 3
ANY_AGE = st.floats() | st.sampled_from([0.0, 0.05, 0.3, 0.2, math.nextafter(0.3, 1.0), math.nextafter(0.2, 1.0)])


@dataclass(frozen=True)
class Case:
    reading: Reading
    boot_id: int | None
    quiet: bool


@st.composite
def cases(draw: st.DrawFn) -> Case:
    probe = draw(ANY_FLOAT)
    near = st.floats(-100.0, 100.0).map(lambda off: probe + off)
    reading = Reading(
        state=draw(st.sampled_from((*BenchState, *JUDGED))),
        age_s=draw(ANY_AGE),
        loop_gap_s=draw(ANY_AGE),
        boot_id=draw(st.sampled_from((SAME, OTHER))),
        probe_a_v=probe,
        probe_b_v=draw(ANY_FLOAT | near),
        witness_v=draw(st.none() | ANY_FLOAT | near),
        module_v=tuple(draw(st.lists(ANY_FLOAT | near, max_size=8))),
        target_v=draw(st.sampled_from((100.0, 1000.0, 3000.0))),
        proven_safe=draw(st.booleans()),
        journal_alive=draw(st.booleans()),
        lost_instrument=draw(st.sampled_from(("", "scope_1"))),
        trips=(),
        state_age_s=draw(st.sampled_from((0.0, 0.49, 0.51, 1.19, 1.21, 1.49, 1.51, 5.0, 20.0))),
        charge_v=draw(st.none() | st.floats(0.0, 4000.0)),
        charge_doubt_v=draw(st.sampled_from((0.0, 10.0, 200.0))),
    )
    return Case(reading, draw(st.none() | st.just(SAME)), draw(st.booleans()))


def _number(value: float) -> bool:
    return not math.isnan(value) and not math.isinf(value)


def expected_levels(case: Case) -> Levels:
    """What safety.md 2.3 asks of one reading; a number that is none is never healthy."""
    r, probes = case.reading, (case.reading.probe_a_v, case.reading.probe_b_v)
    valid = all(_number(v) and not v < -62.0 and not v > 3720.0 for v in probes)
    agree = all(map(_number, probes)) and not max(probes) - min(probes) > 60.0
    seen = r.witness_v is None or (_number(r.witness_v) and _number(probes[0]))
    witness = seen and (r.witness_v is None or not max(r.witness_v, probes[0]) - min(r.witness_v, probes[0]) > 60.0)
    below = all(_number(v) and not v > 3100.0 for v in (*probes, *r.module_v))
    armed = r.state.name in {"UNKNOWN", "OPENING", "CHARGE", "FLOAT", "ISOLATE", "FIREWIN", "SHOT", "RUN"}
    return Levels(
        status_fresh=not math.isnan(r.age_s) and not r.age_s > 0.3,
        loop_on_time=not math.isnan(r.loop_gap_s) and not r.loop_gap_s > 0.2,
        same_boot=case.boot_id is None or r.boot_id == case.boot_id,
        probes_valid=case.quiet or valid,
        probes_agree=case.quiet or agree,
        # pulses empty the store: what the DAQ read is of another moment than what the PLC read
        witness_agrees=case.quiet or witness or r.state.name == "RUN",
        below_limit=case.quiet or below,
        journal_alive=r.journal_alive,
        instruments_present=r.lost_instrument == "",
        bench_known=r.state is not BenchState.UNKNOWN,
        armed=armed,
        zero_at_start=r.state is not BenchState.OPENING or all(abs(v) <= 50.0 for v in (*probes, *r.module_v)),
        rising=r.state is not BenchState.CHARGE or _risen(r),
        charge_agrees=_accounted(r),
        within_target=case.quiet or _on_target(r),
    )


def _risen(r: Reading) -> bool:
    """Row 02: after a tenth of the ramp, not before 0.5 s nor after 1.5 s, both show 30 % of what was planned."""
    tenth_s = 0.1 * r.target_v / 250.0
    due_s = 0.5 if tenth_s < 0.5 else 1.5 if tenth_s > 1.5 else tenth_s
    if r.state_age_s < due_s:
        return True
    planned_v = 250.0 * r.state_age_s
    wanted_v = 0.3 * (r.target_v if planned_v > r.target_v else planned_v)
    return all(not math.isnan(v) and not v < wanted_v for v in (r.probe_a_v, r.probe_b_v))


def _on_target(r: Reading) -> bool:
    """Rows 06, 08: from the charge to the fire nobody is more than 80 V above what was asked for, whoever drives."""
    if r.state.name not in ("CHARGE", "FLOAT", "ISOLATE", "FIREWIN", "RUN"):
        return True
    return not any(math.isnan(v) or v > r.target_v + 80.0 for v in (r.probe_a_v, r.probe_b_v))


def _accounted(r: Reading) -> bool:
    """Rows 08, 15: nobody isolates or fires before the charge was counted, and 10 % beside the doubt is too much."""
    if r.state.name not in ("FLOAT", "ISOLATE", "FIREWIN"):
        return True
    if r.charge_v is None:
        return r.state.name == "FLOAT"
    for v in (r.probe_a_v, r.probe_b_v):
        if not _number(v) or max(v, r.charge_v) - min(v, r.charge_v) > 0.1 * max(v, r.charge_v) + r.charge_doubt_v:
            return False
    return True


@settings(max_examples=500)
@given(cases())
def test_classify_says_what_the_second_text_says(case: Case) -> None:
    assert classify(case.reading, LIMITS, case.boot_id, case.quiet) == expected_levels(case)


@pytest.mark.parametrize("field", ["probe_a_v", "probe_b_v", "witness_v", "module_v"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 9.9e37])
def test_no_number_is_never_healthy(field: str, value: float) -> None:
    """One bad number alone, in an otherwise healthy reading, dumps within the patience of its rule."""
    reading = healthy(1000.0)
    spoilt: dict[str, Any] = {field: (1000.0, value) if field == "module_v" else value}
    bad = replace(reading, **spoilt)
    assert decide([reading] * 5).action is Action.NONE
    assert decide([reading] * 5 + [bad] * 3).action is Action.DUMP


@pytest.mark.parametrize("field", ["probe_a_v", "probe_b_v"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_every_level_that_looks_at_a_probe_sees_that_it_is_no_number(field: str, value: float) -> None:
    reading = replace(healthy(1000.0), state_age_s=10.0, charge_v=1000.0, charge_doubt_v=10.0)
    spoilt: dict[str, Any] = {field: value}
    for state, level in ((BenchState.OPENING, "zero_at_start"), (BenchState.FLOAT, "charge_agrees")):
        bad = replace(reading, state=state, **spoilt)
        assert getattr(classify(bad, LIMITS, SAME, quiet=False), level) is False
    bad = replace(reading, state=BenchState.CHARGE, **spoilt)
    levels = classify(bad, LIMITS, SAME, quiet=False)
    assert not (levels.probes_valid or levels.probes_agree or levels.below_limit)
    assert levels.rising is (value == math.inf)


def test_limits_belong_to_the_healthy_side() -> None:
    top, low = 1.2 * 3100.0, -0.02 * 3100.0
    for value, good in (
        (top, True),
        (math.nextafter(top, 1e9), False),
        (low, True),
        (math.nextafter(low, -1e9), False),
    ):
        reading = replace(healthy(value), witness_v=None)
        assert classify(reading, LIMITS, SAME, quiet=False).probes_valid is good
    for value, good in ((3100.0, True), (math.nextafter(3100.0, 1e9), False)):
        assert classify(healthy(value), LIMITS, SAME, quiet=False).below_limit is good


def healthy(voltage_v: float) -> Reading:
    return Reading(
        state=BenchState.CHARGE,
        age_s=0.05,
        loop_gap_s=0.0,
        boot_id=SAME,
        probe_a_v=voltage_v,
        probe_b_v=voltage_v,
        witness_v=voltage_v,
        module_v=(voltage_v,) * 4,
        target_v=3000.0,
        proven_safe=False,
        journal_alive=True,
        lost_instrument="",
        trips=(),
    )


def decide(readings: list[Reading]) -> WatchState:
    state = WatchState(boot_id=SAME)
    for reading in readings:
        state = step(state, classify(reading, LIMITS, state.boot_id, quiet=False), reading.boot_id)
    return state


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.floats(200.0, 3000.0), st.integers(0, 19))
def test_noise_dumps_nothing_and_a_lasting_mismatch_always_does(seed: int, voltage_v: float, start: int) -> None:
    """8 V of noise on each probe and one glitch of any size are no fault; probe B off by 150 V is, in 3 readings."""
    noise = Random(seed)

    def noisy(offset_v: float = 0.0) -> Reading:
        a, b, w = (max(-48.0, min(48.0, noise.gauss(0.0, 8.0))) / 2.0 for _ in range(3))
        v = voltage_v
        return replace(healthy(v), probe_a_v=v + a, probe_b_v=v + b + offset_v, witness_v=v + w)

    readings = [noisy() for _ in range(20)]
    assert decide(readings).action is Action.NONE
    glitch = replace(readings[start], probe_b_v=noise.choice((math.nan, math.inf, 0.0, -1e9, 3000.0)))
    assert decide([*readings[:start], glitch, *readings[start + 1 :]]).action is Action.NONE
    lasting = [*readings[:start], *(noisy(-150.0) for _ in range(3))]
    assert decide(lasting[:-1]).action is Action.NONE
    assert decide(lasting).cause in ("probe-mismatch", "probe-invalid")
