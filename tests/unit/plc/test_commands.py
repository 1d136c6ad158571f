"""What a command's token is worth in each state, what the PLC goes by meanwhile, and what is used up."""

from dataclasses import replace

import pytest

from drivers.wire.plc import PlcCommand, PlcRequest, PlcState, Refusal
from drivers.wire.plc_arguments import (
    FireEnableArguments,
    PermitArguments,
    PermitToken,
    encode_fire_enable,
    encode_permit,
    encode_shot,
)
from drivers.wire.plc_run import RunArguments, encode_run
from firmware_sim.plc.commands import Judged, judge, settle
from firmware_sim.plc.link import Tokens
from firmware_sim.plc.settings import Permit
from tests.unit.plc.kit import LIMITS
from tests.unit.plc.run_kit import RUN, RUN_LIMITS

C, R, S = PlcCommand, Refusal, PlcState
TOKEN = PermitToken(1, 5, 0xABCD, 7, 0b0011)
KEPT = Permit(0b0011, 2000.0, 250.0, 30.0, 7, 0b0011)
PERMIT = PlcRequest(C.PERMIT, encode_permit(PermitArguments(TOKEN, 2000.0, 250.0, 30.0)), 1, 5, 9, 0)
BAD = {command: PlcRequest(command, (1,), 1, 5, 9, 0) for command in (C.PERMIT, C.FIRE_ENABLE, C.CHARGE, C.FIRE, C.RUN)}


def permitted(limits: object = LIMITS) -> Tokens:
    tokens = Tokens(limits, 1, 4242)  # type: ignore[arg-type]
    tokens.use_permit(PERMIT)
    return tokens


def judged(tokens: Tokens, request: PlcRequest, state: PlcState, positions: int = 0b0011) -> Judged:
    return judge(tokens, request, 5, state, KEPT, positions)


def fire_enable(tokens: Tokens, mask: int = 0b0001) -> PlcRequest:
    arguments = FireEnableArguments(TOKEN, tokens.nonce, mask, 0.001)
    return PlcRequest(C.FIRE_ENABLE, encode_fire_enable(arguments), 2, 5, 9, 0)


def run(tokens: Tokens, pulses: int = 12, **changes: int) -> PlcRequest:
    arguments = replace(RunArguments(7, tokens.nonce, pulses), **changes)
    return PlcRequest(C.RUN, encode_run(arguments), 2, 5, 9, 0)


@pytest.mark.parametrize("state", S)
def test_a_permit_is_adopted_in_safe_only(state: PlcState) -> None:
    found = judged(Tokens(LIMITS, 1, 4242), PERMIT, state)
    assert found == Judged(R.ACCEPTED, 0, KEPT if state is S.SAFE else None, 0)


def test_a_permit_for_other_modules_is_refused() -> None:
    assert judged(Tokens(LIMITS, 1, 4242), PERMIT, S.SAFE, 0b0111) == Judged(R.MASK_MISMATCH)
    stale = judge(Tokens(LIMITS, 1, 4242), PERMIT, 6, S.SAFE, Permit(), 0b0011)
    assert stale == Judged(R.STALE_EPOCH)


@pytest.mark.parametrize("state", S)
def test_a_fire_mask_is_adopted_in_isolate_only(state: PlcState) -> None:
    tokens = permitted()
    chosen = KEPT._replace(fire_mask=0b0001) if state is S.ISOLATE else None
    assert judged(tokens, fire_enable(tokens), state) == Judged(R.ACCEPTED, 1_000_000, chosen, 0)
    assert judged(tokens, fire_enable(tokens, 0), state) == Judged(R.OUT_OF_LIMITS)


@pytest.mark.parametrize("state", S)
def test_a_number_of_pulses_is_adopted_in_float_only(state: PlcState) -> None:
    tokens = permitted(RUN_LIMITS)
    assert judged(tokens, run(tokens), state) == Judged(R.ACCEPTED, 0, KEPT if state is S.FLOAT else None, 12)
    assert judged(tokens, run(tokens, RUN.pulses_max), S.FLOAT).token is R.ACCEPTED
    for request, why in (
        (run(tokens, RUN.pulses_max + 1), R.OUT_OF_LIMITS),
        (run(tokens, shot=8), R.BAD_TOKEN),
        (run(tokens, nonce=tokens.nonce ^ 1), R.BAD_TOKEN),
    ):
        assert judged(tokens, request, S.FLOAT) == Judged(why)


def test_a_bench_that_fires_once_runs_for_nobody() -> None:
    tokens = permitted()
    assert judged(tokens, run(tokens), S.FLOAT) == Judged(R.OUT_OF_LIMITS)
    assert judged(Tokens(RUN_LIMITS, 1, 4242), run(tokens), S.FLOAT) == Judged(R.BAD_TOKEN)


@pytest.mark.parametrize("command", [C.CHARGE, C.FIRE])
def test_charge_and_fire_bring_shot_and_nonce(command: PlcCommand) -> None:
    tokens = permitted()
    good = PlcRequest(command, encode_shot(7, tokens.nonce), 2, 5, 9, 0)
    assert judged(tokens, good, S.OPENING) == Judged()
    assert judged(tokens, replace(good, arguments=encode_shot(8, tokens.nonce)), S.OPENING) == Judged(R.BAD_TOKEN)


@pytest.mark.parametrize("command", C)
def test_without_sense_no_token_is_good_and_nothing_is_adopted(command: PlcCommand) -> None:
    request = BAD.get(command, PlcRequest(command, (1,), 1, 5, 9, 0))
    for state in S:
        assert judged(permitted(RUN_LIMITS), request, state) == Judged(R.BAD_TOKEN if command in BAD else R.ACCEPTED)


def test_what_is_used_up() -> None:
    for command in C:
        tokens = permitted(RUN_LIMITS)
        nonce = tokens.nonce
        request = {C.PERMIT: PERMIT, C.FIRE_ENABLE: fire_enable(tokens)}.get(command, PlcRequest(command))
        settle(tokens, request, 1_000_000)
        renewed = command in (C.PERMIT, C.FIRE_ENABLE, C.FIRE, C.RUN)
        assert (tokens.nonce != nonce) is renewed, command.name
        assert tokens.gate_ns == (1_000_000 if command is C.FIRE_ENABLE else 0)
    fresh = Tokens(LIMITS, 1, 4242)
    settle(fresh, PERMIT, 0)
    assert fresh.token == TOKEN
