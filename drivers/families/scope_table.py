"""Scope panels that are read and written one setting at a time: (row, channel number or 0) -> value."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from drivers.families.scope_port import Asking, number_of
from drivers.ports import ScopeChannel, ScopeSetup
from drivers.wire.dialect import Dialect, Values

Key = tuple[str, int]
Table = Mapping[Key, Any]

Numbers = Callable[[str, int], Mapping[str, Any]]
"""The numbers in the header of a row for a channel (0: none): ``("channel.range", 2)`` -> ``{"channel": 2}``."""


def write_lines(dialect: Dialect, numbers: Numbers, table: Table) -> list[bytes]:
    """One command per entry."""
    return [dialect[row].request(**numbers(row, number), value=value) for (row, number), value in table.items()]


async def read_table(ask: Asking, numbers: Numbers, keys: Iterable[Key]) -> dict[Key, Any]:
    """The values of ``keys``, one query each."""
    found: dict[Key, Any] = {}
    for row, number in keys:
        answer: Values = await ask(f"{row}?", **numbers(row, number))
        found[row, number] = answer["value"]
    return found


def changed_from(forced: Table, held: Table) -> list[str]:
    """Entries of ``held`` that are not as forced, for a person."""
    return [
        f"{f'CHAN{number} ' if number else ''}{row} is {held.get((row, number))}"
        for (row, number), value in forced.items()
        if held.get((row, number)) != value
    ]


def changed_settings(
    held: Table, setup: ScopeSetup, shown: str, forced_channel: Mapping[str, Any], forced: Mapping[str, Any]
) -> list[str]:
    """What is not as forced: the common settings, and of a setup's channels those that are on (row ``shown``)."""
    numbers = [number_of(channel.source) for channel in setup.channels]
    table = {(row, number): value for number in numbers if held[shown, number] for row, value in forced_channel.items()}
    return changed_from(table | {(row, 0): value for row, value in forced.items()}, held)


def order_sources(shown: list[str], expected: ScopeSetup | None) -> list[tuple[str, ScopeChannel | None]]:
    """Shown inputs in the configured order, further ones after them, each with what it was configured to."""
    wanted = {channel.source: channel for channel in expected.channels} if expected is not None else {}
    order = [source for source in wanted if source in shown] + [source for source in shown if source not in wanted]
    return [(source, wanted.get(source)) for source in order]


def settings_text(held: Table, number: int) -> dict[str, str]:
    """The common settings and those of one channel, for the record."""
    return {row: str(value) for (row, channel), value in held.items() if channel in (0, number)}
