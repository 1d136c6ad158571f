"""Why the narrow bench cannot show some defects (``narrow_defects.SILENT``): every reason as a test of ``step``."""

from itertools import product

import pytest

from drivers.wire.plc import PlcCommand, PlcState, Refusal, Trip
from firmware_sim.plc.guards import GUARDS
from firmware_sim.plc.levels import Aux, Band, Proof
from firmware_sim.plc.machine import step
from firmware_sim.plc.table import RULES, TABLE, Rules, make_rules, without
from tests.formal.narrow_bench import LEVELS, TARGET
from tests.formal.narrow_defects import SILENT, list_defects
from tests.unit.plc.kit import TIMES, control_in, levels_in

S = PlcState
C = PlcCommand
BEFORE_FIRE = (S.OPENING, S.CHARGE, S.FLOAT, S.ISOLATE, S.FIREWIN)
SINGLE = [(command, state) for state in (S.FLOAT, S.ISOLATE, S.FIREWIN) for command in (C.DUMP_A, C.DUMP_B)]
ASKED = {"search_complete", "ground_stick_stowed"}


def without_row(name: str) -> Rules:
    assert name in {row.name for row in TABLE}
    return make_rules(tuple(row for row in TABLE if row.name != name))


def test_every_reason_is_tested_here_and_names_a_defect() -> None:
    singles = {f"row {command.name.lower()}_{state.name.lower()}" for command, state in SINGLE}
    tested = {"guard token_unused", "row dump_lockout", *(f"guard {name}" for name in ASKED), *singles}
    assert set(SILENT) == tested
    assert set(SILENT) <= {name for name, _ in list_defects()}


def test_token_unused_only_a_permit_leads_to_the_fire_window_and_it_is_a_new_token() -> None:
    """Backwards from FIREWIN the table has one way, through OPENING, and OPENING forgets that something has fired."""
    for state, before in zip(BEFORE_FIRE[1:], BEFORE_FIRE, strict=False):
        assert {row.source for row in TABLE if row.target is state and row.source is not state} == {before}
    assert {(row.source, row.command) for row in TABLE if row.target is S.OPENING} == {(S.SAFE, C.PERMIT)}
    opened, _ = step(control_in(S.SAFE, fired=True), levels_in(S.SAFE, command=C.PERMIT), TIMES)
    assert (opened.state, opened.fired) == (S.OPENING, False)
    assert {row.target for row in TABLE if row.source is S.SHOT} == {S.DUMPING}


def test_token_unused_is_the_only_one_that_refuses_a_used_token() -> None:
    used, fire = control_in(S.FIREWIN, fired=True), levels_in(S.FIREWIN, command=C.FIRE)
    assert step(used, fire, TIMES)[1].ack is Refusal.TOKEN_USED
    assert step(used, fire, TIMES, without("token_unused"))[1].fire


@pytest.mark.parametrize("name", sorted(ASKED))
@pytest.mark.parametrize("other", [{}, {"door_1": False}, {"consent": False}, {"self_test_fresh": False}], ids=str)
def test_a_permit_asks_twice_by_guard_and_by_trip(name: str, other: dict[str, bool]) -> None:
    control, seen = control_in(S.SAFE), levels_in(S.SAFE, command=C.PERMIT, **{name: False}, **other)
    assert not GUARDS[name](control, seen, TIMES) and not GUARDS["no_trip"](control, seen, TIMES)
    whole, blind = step(control, seen, TIMES), step(control, seen, TIMES, without(name))
    assert whole[0] == blind[0] and whole[0].state is S.SAFE
    assert Refusal.ACCEPTED not in (whole[1].ack, blind[1].ack)


def test_without_the_trip_the_guard_alone_refuses() -> None:
    untripped = {**GUARDS, "no_trip": lambda c, v, t: True}
    for name in ASKED:
        seen = levels_in(S.SAFE, command=C.PERMIT, **{name: False})
        assert step(control_in(S.SAFE), seen, TIMES, make_rules(guards=untripped))[0].state is S.SAFE
        neither = make_rules(guards={**untripped, name: lambda c, v, t: True})
        assert step(control_in(S.SAFE), seen, TIMES, neither)[0].state is S.OPENING


def test_dump_in_lockout_is_accepted_and_changes_nothing_with_or_without_its_row() -> None:
    """LOCKOUT is entered with both dumps commanded closed, by the table (the time of a dump is over) and after a loss
    of memory, and nothing leads out of it."""
    rows = {row.name: row for row in TABLE if row.source is S.LOCKOUT or row.target is S.LOCKOUT}
    entries = [row for row in rows.values() if row.source is not S.LOCKOUT]
    assert entries and all("dump_time_over" in row.guards for row in entries)
    assert [name for name, row in rows.items() if row.source is S.LOCKOUT] == ["dump_lockout"]
    for state in (S.DUMPING, S.TRIP):
        opened = control_in(state, dump_a_open=True, dump_t=TIMES.dump)
        assert not GUARDS["dump_time_over"](
            step(opened, levels_in(state, dump_a=Aux.OPEN), TIMES)[0], levels_in(state), TIMES
        )
    gone = without_row("dump_lockout")
    bands, proofs = (Band.ZERO, Band.HIGH, Band.OVER), (Proof.HOLDS, Proof.FAILED)
    for band, proof, reset, misfire in product(bands, proofs, (False, True), (False, True)):
        control = control_in(S.LOCKOUT, misfire=misfire, trips=int(Trip.MEMORY), dump_t=TIMES.dump)
        seen = levels_in(S.LOCKOUT, a=band, b=band, modules=band, proof=proof, local_reset=reset, command=C.DUMP)
        after, out = step(control, seen, TIMES)
        assert (after, out) == step(control, seen, TIMES, gone)
        assert (after.state, out.ack, after.dump_a_open, after.dump_b_open) == (
            S.LOCKOUT,
            Refusal.ACCEPTED,
            False,
            False,
        )


def test_dump_in_trip_goes_before_the_reset_and_only_by_its_row() -> None:
    """Not silent any more: on the scan of a reset the row keeps TRIP, and the reset has to be given again."""
    seen = levels_in(S.TRIP, command=C.DUMP, local_reset=True)
    after, out = step(control_in(S.TRIP), seen, TIMES)
    assert (after.state, after.reset_held, out.ack) == (S.TRIP, True, Refusal.ACCEPTED)
    assert step(control_in(S.TRIP), seen, TIMES, without_row("dump_tripped"))[0].state is S.SAFE
    assert step(after, levels_in(S.TRIP, local_reset=True), TIMES)[0].state is S.TRIP
    released, _ = step(after, levels_in(S.TRIP), TIMES)
    assert step(released, levels_in(S.TRIP, local_reset=True), TIMES)[0].state is S.SAFE


@pytest.mark.parametrize(("command", "state"), SINGLE, ids=lambda value: value.name)
def test_one_dump_alone_needs_less_than_the_narrow_bench_has(command: PlcCommand, state: PlcState) -> None:
    """Its row decides at a low voltage; above it, where the narrow bench is, the row does not matter."""
    gone = without_row(f"{command.name.lower()}_{state.name.lower()}")
    low = levels_in(state, command=command, a=Band.LOW, b=Band.LOW, modules=Band.LOW)
    after, out = step(control_in(state), low, TIMES)
    assert (after.state, after.single, out.ack) == (S.DUMPING, True, Refusal.ACCEPTED)
    assert (after.dump_a_open, after.dump_b_open) == (command is C.DUMP_B, command is C.DUMP_A)
    assert step(control_in(state), low, TIMES, gone)[0].state is state
    for level in (TARGET - 1, TARGET):
        band = LEVELS[level]
        high = levels_in(state, command=command, a=band, b=band, modules=band)
        assert not GUARDS["low_voltage"](control_in(state), high, TIMES)
        kept, cut = step(control_in(state), high, TIMES, RULES), step(control_in(state), high, TIMES, gone)
        assert kept[0] == cut[0]
        assert Refusal.ACCEPTED not in (kept[1].ack, cut[1].ack)
