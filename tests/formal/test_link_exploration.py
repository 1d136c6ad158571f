"""X4 (safety.md 3.5) on the real link: two controllers are never both accepted, in any sequence of messages."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from drivers.wire.plc import PlcCommand, PlcRequest, Refusal
from firmware_sim.plc.link import Link

Figure = Callable[..., None]
Accept = Callable[[Link, PlcRequest, int, bool], Refusal]

WATCHDOG, AGE_MAX = 2, 1
DEPTH = 7


@dataclass(frozen=True)
class Claim:
    """The rules' own account: who holds the bench, since when it was silent, who was ever replaced."""

    holder: tuple[int, int] | None = None
    silent: int = 99
    replaced: frozenset[tuple[int, int]] = frozenset()


SPEAKERS = ((1, 10), (1, 11), (2, 20), (3, 30))
"""(epoch, connection id): a controller, an impostor with its epoch, and two successors."""


def test_two_controllers_are_never_both_accepted_in_any_sequence(figure: Figure) -> None:
    """X4: every sequence of good, repeated and late messages of four speakers, silences, and an armed or idle bench."""
    states, transitions = explore_link(Link.accept)
    figure("link.exploration", states=states, transitions=transitions, speakers=len(SPEAKERS), depth=DEPTH)


def explore_link(accept: Accept) -> tuple[int, int]:
    """Breadth first to :data:`DEPTH` messages. Raises AssertionError when two are accepted."""
    first: Moment = ((0, 0, 0, -99, 0, False), (0, 0, 0, 0), Claim())
    seen, level, transitions = {first}, {first}, 0
    for _depth in range(DEPTH):
        following: set[Moment] = set()
        for state in level:
            for after in link_moves(state, accept):
                transitions += 1
                if after not in seen:
                    seen.add(after)
                    following.add(after)
        level = following
    return len(seen), transitions


Moment = tuple[tuple[int, int, int, int, int, bool], tuple[int, ...], Claim]


def link_moves(state: Moment, accept: Accept) -> list[Moment]:
    (epoch, connection, sequence, heard, scan, armed), counts, claim = state
    found: list[Moment] = []
    for silence in (1, WATCHDOG + 1):
        age = min(scan - heard + silence, 9)
        found.append(
            (
                (epoch, connection, sequence, -age, 0, armed),
                counts,
                replace(claim, silent=min(claim.silent + silence, 99)),
            )
        )
    if claim.holder is not None:
        found.append(((epoch, connection, sequence, heard, scan, not armed), counts, claim))
    for index, speaker in enumerate(SPEAKERS):
        for ahead, echo in ((1, 0), (0, 0), (1, AGE_MAX + 1)):
            link = Link(WATCHDOG, AGE_MAX)
            link.epoch, link.connection_id, link.sequence, link._heard = epoch, connection, sequence, heard
            mine = counts[index] + ahead
            request = PlcRequest(PlcCommand.NONE, (), mine, *speaker, age_echo=scan - echo)
            taken = accept(link, request, scan, armed) is Refusal.ACCEPTED
            now = _judge_claim(claim, speaker, taken, armed)
            sent = (*counts[:index], min(mine, 9), *counts[index + 1 :])
            kept = link._heard - scan if link._heard > scan - 9 else -9
            found.append(((link.epoch, link.connection_id, link.sequence, kept, 0, armed), sent, now))
    return found


def _judge_claim(claim: Claim, speaker: tuple[int, int], taken: bool, armed: bool) -> Claim:
    """Only the holder is accepted; another one with a higher epoch, when the bench is idle and the holder silent."""
    if not taken:
        return claim
    assert speaker not in claim.replaced, f"{speaker} speaks again after it was replaced"
    if claim.holder in (None, speaker):
        return replace(claim, holder=speaker, silent=0)
    assert claim.holder is not None
    assert speaker[0] > claim.holder[0], f"{speaker} beside {claim.holder}"
    assert not armed, f"{speaker} took an armed bench from {claim.holder}"
    assert claim.silent > WATCHDOG, f"{speaker} took the bench from {claim.holder}, who had just spoken"
    return Claim(speaker, 0, claim.replaced | {claim.holder})


def _any_epoch(link: Link, request: PlcRequest, scan: int, armed: bool) -> Refusal:
    """Whoever comes with another connection counts as newer."""
    other = link.connection_id not in (0, request.connection_id)
    return Link.accept(link, replace(request, epoch=link.epoch + 1) if other else request, scan, armed)


def _any_connection(link: Link, request: PlcRequest, scan: int, armed: bool) -> Refusal:
    return Link.accept(link, replace(request, connection_id=link.connection_id or request.connection_id), scan, armed)


def _takes_armed(link: Link, request: PlcRequest, scan: int, armed: bool) -> Refusal:
    return Link.accept(link, request, scan, False)


def _takes_at_once(link: Link, request: PlcRequest, scan: int, armed: bool) -> Refusal:
    if request.epoch > link.epoch:
        link._heard = -99
    return Link.accept(link, request, scan, armed)


@pytest.mark.parametrize("defect", [_any_epoch, _any_connection, _takes_armed, _takes_at_once])
def test_a_link_with_a_defect_accepts_two(defect: Accept) -> None:
    with pytest.raises(AssertionError):
        explore_link(defect)
