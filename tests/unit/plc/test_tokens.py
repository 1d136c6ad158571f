"""Who may speak to the PLC, and what a permit is good for: every edge, without a bench."""

import hashlib
from dataclasses import replace

import pytest

from drivers.wire.plc import PlcCommand, PlcRequest, Refusal
from drivers.wire.plc_arguments import (
    FireEnableArguments,
    PermitArguments,
    PermitToken,
    encode_fire_enable,
    encode_permit,
    encode_shot,
)
from firmware_sim.plc.link import NEVER, SEQUENCE_GAP_MAX, Link, Tokens
from firmware_sim.plc.settings import Permit
from tests.unit.plc.kit import LIMITS

R = Refusal
WATCHDOG, AGE_MAX = 50, 30
BEAT = PlcRequest(PlcCommand.NONE, (), 1, 5, 77, 1000)
"""Sequence 1, epoch 5, connection 77, having seen scan 1000."""


def held(scan: int = 1000) -> Link:
    """A link that epoch 5 took at ``scan`` with sequence 1."""
    link = Link(WATCHDOG, AGE_MAX)
    assert link.accept(replace(BEAT, age_echo=scan), scan, False) is R.ACCEPTED
    return link


def test_a_new_link_belongs_to_nobody() -> None:
    link = Link(WATCHDOG, AGE_MAX)
    assert (link.epoch, link.connection_id, link.sequence) == (0, 0, 0)
    assert not link.fresh(0) and not link.fresh(1 << 29)
    assert link.accept(replace(BEAT, epoch=0), 1000, False) is R.STALE_EPOCH
    assert link.accept(BEAT, 1000, False) is R.ACCEPTED
    assert (link.epoch, link.connection_id, link.sequence) == (5, 77, 1)
    assert link.fresh(1000)


def test_heartbeat_is_fresh_for_the_watchdog_time_and_no_scan_longer() -> None:
    link = held()
    assert link.fresh(1050) and not link.fresh(1051)
    assert link.accept(replace(BEAT, sequence=2, age_echo=1040), 1040, True) is R.ACCEPTED
    assert link.fresh(1090) and not link.fresh(1091)


@pytest.mark.parametrize(("seen", "verdict"), [(1000, R.ACCEPTED), (970, R.ACCEPTED), (969, R.LATE), (1001, R.LATE)])
def test_age_echo(seen: int, verdict: Refusal) -> None:
    """300 ms old is accepted, older is late, and nobody has seen a scan that is still to come."""
    link = held(990)
    assert link.accept(replace(BEAT, sequence=2, age_echo=seen), 1000, True) is verdict
    assert link.sequence == 2, "a late message has used up its number all the same"
    assert link.fresh(1041) is (verdict is R.ACCEPTED), "and has not fed the watchdog"
    taking = Link(WATCHDOG, AGE_MAX)
    assert taking.accept(replace(BEAT, age_echo=seen), 1000, False) is verdict
    assert taking.epoch == (5 if verdict is R.ACCEPTED else 0)


@pytest.mark.parametrize(
    ("sequence", "verdict"),
    [(10, R.BAD_SEQUENCE), (9, R.BAD_SEQUENCE), (11, R.ACCEPTED), (74, R.ACCEPTED), (75, R.BAD_SEQUENCE)],
)
def test_sequence_goes_up_by_1_to_64(sequence: int, verdict: Refusal) -> None:
    assert SEQUENCE_GAP_MAX == 64
    link = held()
    assert link.accept(replace(BEAT, sequence=10), 1000, True) is R.ACCEPTED
    assert link.accept(replace(BEAT, sequence=sequence), 1020, True) is verdict
    assert link.sequence == (sequence if verdict is R.ACCEPTED else 10)
    assert link.fresh(1051) is (verdict is R.ACCEPTED)


def test_other_connections_and_older_epochs_are_fenced() -> None:
    link = held()
    assert link.accept(replace(BEAT, sequence=2, connection_id=78), 1000, False) is R.WRONG_CONNECTION
    assert link.accept(replace(BEAT, sequence=2, epoch=4), 1000, False) is R.STALE_EPOCH
    assert (link.epoch, link.connection_id, link.sequence) == (5, 77, 1)
    assert link.accept(replace(BEAT, sequence=2), 1000, False) is R.ACCEPTED


@pytest.mark.parametrize(("scan", "armed", "taken"), [(1050, False, False), (1051, False, True), (1051, True, False)])
def test_a_higher_epoch_takes_only_an_idle_abandoned_bench(scan: int, armed: bool, taken: bool) -> None:
    link = held()
    newer = PlcRequest(PlcCommand.NONE, (), 40, 6, 78, scan)
    assert link.accept(newer, scan, armed) is (R.ACCEPTED if taken else R.WRONG_CONNECTION)
    assert (link.epoch, link.connection_id, link.sequence) == ((6, 78, 40) if taken else (5, 77, 1))
    assert link.fresh(scan + 50) is taken


@pytest.mark.parametrize(
    "change", [{"epoch": 0}, {"epoch": 4}, {"sequence": 99}, {"connection_id": 1}, {"age_echo": 0}]
)
def test_dump_is_accepted_from_anybody_and_feeds_nothing(change: dict[str, int]) -> None:
    link = held()
    assert link.accept(replace(BEAT, command=PlcCommand.DUMP, **change), 1049, True) is R.ACCEPTED  # type: ignore[arg-type]
    assert (link.epoch, link.connection_id, link.sequence) == (5, 77, 1)
    assert not link.fresh(1051)


# ---- tokens ---------------------------------------------------------------------------------------------------------

TOKEN = PermitToken(3, 5, 0xABCD, 17, 0b0111)
ASKED = PermitArguments(TOKEN, 1000.0, 100.0, 20.0)


def tokens() -> Tokens:
    return Tokens(LIMITS, 3, 4242)


def permit(asked: PermitArguments = ASKED) -> PlcRequest:
    return PlcRequest(PlcCommand.PERMIT, encode_permit(asked), 1, 5, 77, 0)


def judge(asked: PermitArguments, positions: int = 0b0111, epoch: int = 5) -> Refusal:
    verdict, granted = tokens().judge_permit(permit(asked), epoch, positions)
    assert (granted is not None) is (verdict is R.ACCEPTED)
    return verdict


def test_good_permit_is_granted_as_asked() -> None:
    assert tokens().judge_permit(permit(), 5, 0b0111) == (
        R.ACCEPTED,
        Permit(mask=0b0111, target_v=1000.0, ramp_v_per_s=100.0, tolerance_v=20.0, shot=17, fire_mask=0b0111),
    )


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"rig_id": 4}, R.WRONG_RIG),
        ({"rig_id": 2}, R.WRONG_RIG),
        ({"epoch": 4}, R.STALE_EPOCH),
        ({"epoch": 6}, R.STALE_EPOCH),
        ({"profile_hash": 0}, R.BAD_TOKEN),
        ({"profile_hash": 1}, R.ACCEPTED),
        ({"module_mask": 0}, R.MASK_MISMATCH),
        ({"module_mask": 0b1111}, R.MASK_MISMATCH),
    ],
)
def test_token_names_rig_epoch_profile_and_modules(change: dict[str, int], verdict: Refusal) -> None:
    assert judge(replace(ASKED, token=replace(TOKEN, **change))) is verdict


def test_bank_without_modules_is_no_bank() -> None:
    assert judge(replace(ASKED, token=replace(TOKEN, module_mask=0)), positions=0) is R.MASK_MISMATCH


@pytest.mark.parametrize(
    ("change", "sound"),
    [
        ({"target_v": 3000.0}, True),
        ({"target_v": 3000.1}, False),
        ({"target_v": 0.0}, False),
        ({"target_v": 2.1, "tolerance_v": 2.0}, True),
        ({"target_v": 2.0, "tolerance_v": 2.0}, False),
        ({"target_v": 0.1, "tolerance_v": 2.0}, False),
        ({"ramp_v_per_s": 10.0}, True),
        ({"ramp_v_per_s": 9.9}, False),
        ({"ramp_v_per_s": 250.0}, True),
        ({"ramp_v_per_s": 250.1}, False),
        ({"tolerance_v": 2.0}, True),
        ({"tolerance_v": 1.9}, False),
        ({"tolerance_v": 60.0}, True),
        ({"tolerance_v": 60.1}, False),
    ],
)
def test_permit_is_judged_by_the_plcs_own_limits(change: dict[str, float], sound: bool) -> None:
    assert judge(replace(ASKED, **change)) is (R.ACCEPTED if sound else R.OUT_OF_LIMITS)


def test_target_of_less_than_a_volt_is_a_target() -> None:
    fine = Tokens(replace(LIMITS, tolerance_min_v=0.1), 3, 4242)
    asked = PermitArguments(TOKEN, 0.5, 100.0, 0.2)
    assert fine.judge_permit(permit(asked), 5, 0b0111)[0] is R.ACCEPTED


def test_arguments_of_another_length_are_no_token() -> None:
    empty = PlcRequest(PlcCommand.PERMIT, (1, 2), 1, 5, 77, 0)
    assert tokens().judge_permit(empty, 5, 0b0111) == (R.BAD_TOKEN, None)
    assert tokens().judge_fire_enable(empty) == (R.BAD_TOKEN, 0, 0)
    assert tokens().judge_shot(replace(empty, arguments=())) is R.BAD_TOKEN


@pytest.mark.parametrize(
    ("shot", "epoch", "verdict"),
    [(17, 5, R.TOKEN_USED), (16, 5, R.TOKEN_USED), (18, 5, R.ACCEPTED), (1, 6, R.ACCEPTED)],
)
def test_shot_number_is_spent_once_per_epoch(shot: int, epoch: int, verdict: Refusal) -> None:
    own = tokens()
    own.use_permit(permit())
    again = replace(ASKED, token=replace(TOKEN, shot=shot, epoch=epoch))
    assert own.judge_permit(permit(again), epoch, 0b0111)[0] is verdict


@pytest.mark.parametrize("epoch", [0, 5])
def test_shot_0_is_a_shot(epoch: int) -> None:
    """Nothing was used before the first permit, in no epoch."""
    first = replace(ASKED, token=replace(TOKEN, shot=0, epoch=epoch))
    own = tokens()
    assert own.judge_permit(permit(first), epoch, 0b0111)[0] is R.ACCEPTED
    own.use_permit(permit(first))
    assert own.judge_permit(permit(first), epoch, 0b0111)[0] is R.TOKEN_USED


def nonce(boot_id: int, issued: int) -> int:
    return int(hashlib.sha256(f"{boot_id}.{issued}".encode()).hexdigest()[:8], 16)


def test_every_step_of_a_shot_needs_a_new_nonce() -> None:
    own = tokens()
    assert (own.nonce, own.token, own.gate_ns) == (nonce(4242, 1), None, 0)
    own.use_permit(permit())
    assert (own.nonce, own.token, own.gate_ns) == (nonce(4242, 2), TOKEN, 0)
    own.use_fire_enable(5_000_000)
    assert (own.nonce, own.token, own.gate_ns) == (nonce(4242, 3), TOKEN, 5_000_000)
    own.use_once()
    assert (own.nonce, own.token, own.gate_ns) == (nonce(4242, 4), TOKEN, 5_000_000)
    own.withdraw()
    assert (own.nonce, own.token, own.gate_ns) == (nonce(4242, 4), None, 0)
    own.use_fire_enable(7)
    own.use_permit(permit())
    assert own.gate_ns == 0, "the gate of another shot is forgotten"
    assert Tokens(LIMITS, 3, 4243).nonce == nonce(4243, 1)


def test_charge_and_fire_bring_back_shot_and_nonce() -> None:
    own = tokens()

    def said(shot: int, number: int) -> Refusal:
        return own.judge_shot(PlcRequest(PlcCommand.CHARGE, encode_shot(shot, number), 1, 5, 77, 0))

    assert said(17, own.nonce) is R.BAD_TOKEN, "there is no permit yet"
    own.use_permit(permit())
    assert said(17, own.nonce) is R.ACCEPTED
    assert said(18, own.nonce) is R.BAD_TOKEN
    assert said(17, own.nonce ^ 1) is R.BAD_TOKEN
    own.withdraw()
    assert said(17, own.nonce) is R.BAD_TOKEN


def enable(own: Tokens, **changes: object) -> tuple[Refusal, int, int]:
    asked = FireEnableArguments(TOKEN, own.nonce, 0b0111, 0.005)
    arguments = encode_fire_enable(replace(asked, **changes))  # type: ignore[arg-type]
    return own.judge_fire_enable(PlcRequest(PlcCommand.FIRE_ENABLE, arguments, 1, 5, 77, 0))


def test_fire_enable_gives_mask_and_gate() -> None:
    own = tokens()
    assert enable(own) == (R.BAD_TOKEN, 0, 0), "there is no permit yet"
    own.use_permit(permit())
    assert enable(own) == (R.ACCEPTED, 0b0111, 5_000_000)
    assert enable(own, fire_mask=0b0010, gate_s=0.02) == (R.ACCEPTED, 0b0010, 20_000_000)
    assert enable(own, gate_s=1e-6) == (R.ACCEPTED, 0b0111, 1000)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"nonce": 1}, R.BAD_TOKEN),
        ({"token": replace(TOKEN, shot=18)}, R.BAD_TOKEN),
        ({"fire_mask": 0}, R.OUT_OF_LIMITS),
        ({"fire_mask": 0b1000}, R.OUT_OF_LIMITS),
        ({"fire_mask": 0b1001}, R.OUT_OF_LIMITS),
        ({"gate_s": 0.0}, R.OUT_OF_LIMITS),
        ({"gate_s": 0.020001}, R.OUT_OF_LIMITS),
    ],
)
def test_fire_enable_that_is_refused_gives_nothing(change: dict[str, object], verdict: Refusal) -> None:
    own = tokens()
    own.use_permit(permit())
    assert enable(own, **change) == (verdict, 0, 0)


def test_gate_of_a_second_is_no_gate_whatever_the_limit_says_of_units() -> None:
    own = Tokens(replace(LIMITS, gate_max_s=2.0), 3, 4242)
    own.use_permit(permit())
    assert enable(own, gate_s=1.5) == (R.ACCEPTED, 0b0111, 1_500_000_000)
    assert enable(own, gate_s=0.5) == (R.ACCEPTED, 0b0111, 500_000_000)


def test_never_is_far_before_every_scan() -> None:
    """2^30 scans are 124 days: longer than the self-test's 8 h and every watchdog, and it fits a 32-bit integer."""
    assert NEVER == -(2**30)
