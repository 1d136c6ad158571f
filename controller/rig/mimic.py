"""PURE: the mimic, a drawing of any bench as data: elements, what is commanded, what proves it, and the lines between.

The page draws it and knows nothing of a bench; rig.yaml (``mimic:``) is where a bench is described. Values are plain,
so that ``dataclasses.asdict`` of a :class:`Mimic` is the JSON of ``GET /api/v1/rig``.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

Symbol = Literal[
    "beacon",
    "box",
    "bus",
    "capacitor",
    "coil",
    "coupler",
    "door",
    "dump",
    "gate",
    "ground",
    "horn",
    "key",
    "load",
    "lock",
    "meter",
    "pulse",
    "pump",
    "relay",
    "resistor",
    "source",
    "stick",
    "stop",
    "switch",
    "timer",
    "transformer",
    "trigger",
    "tube",
    "vacuum",
]
"""What the page can draw. ``dump`` is a contact and a resistor to earth; ``box`` is for whatever has no symbol."""

SYMBOLS: tuple[str, ...] = get_args(Symbol)

LinkKind = Literal["power", "trigger", "safety"]
"""power carries energy (drawn heavy while energised), trigger is a signal path, safety is hard-wired."""

Layout = Literal["drawing", "list"]
"""A drawing has places and links; a list is a row of elements that wraps."""

NEGATION = "not "
"""A point written ``not word.BIT`` holds while the bit is 0."""


@dataclass(frozen=True, slots=True)
class Command:
    """What an element is told to be: the word ``on`` while ``point`` holds, else the word ``off``."""

    point: str
    on: str
    off: str


@dataclass(frozen=True, slots=True)
class Position:
    """A position that an element can prove: ``word`` holds while all of ``points`` do."""

    word: str
    points: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Element:
    """One thing on the drawing.

    ``column`` and ``row`` are places on a coarse grid in halves (both 0 in a list). ``values`` are telemetry channels
    shown beside it, ``labels`` a short name for each (empty: they need none). ``active`` is the word that the symbol
    is drawn active for: a closed contact, a burning lamp, a source that delivers. ``normal`` is the word it should
    prove at all times (empty: several are right). A difference between command and proof is a movement for
    ``travel_s`` seconds, a mismatch after that. While one of ``trips`` holds, the element is what tripped. It is
    energised while one of ``energised_by`` is above ``energised_above`` in the channel's unit (None: it follows what
    it is linked to). ``module`` is its bank module, 0 for none.
    """

    id: str
    symbol: Symbol
    title: str
    area: str
    column: float = 0.0
    row: float = 0.0
    note: str = ""
    values: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    commanded: Command | None = None
    proven: tuple[Position, ...] = ()
    active: str = ""
    normal: str = ""
    travel_s: float = 0.0
    trips: tuple[str, ...] = ()
    energised_by: tuple[str, ...] = ()
    energised_above: float | None = None
    module: int = 0

    def points(self) -> Iterator[str]:
        """Every point the element reads, without its negation."""
        written = [*(p for position in self.proven for p in position.points), *self.trips]
        if self.commanded is not None:
            written.append(self.commanded.point)
        for point in written:
            yield point.removeprefix(NEGATION)


@dataclass(frozen=True, slots=True)
class Link:
    """A line between two elements of one drawing: straight, or with one corner.

    ``bend`` is the direction it leaves its source: ``across`` (then along the column) or ``down`` (then along the row).
    """

    source: str
    target: str
    kind: LinkKind = "power"
    bend: Literal["across", "down"] = "across"
    label: str = ""


@dataclass(frozen=True, slots=True)
class Area:
    """A part of the mimic with its own title: a drawing, or a list."""

    id: str
    title: str
    layout: Layout


@dataclass(frozen=True, slots=True)
class Mimic:
    """The whole drawing, every module's elements written out; without areas there is nothing to draw."""

    areas: tuple[Area, ...] = ()
    elements: tuple[Element, ...] = ()
    links: tuple[Link, ...] = ()

    def element(self, name: str) -> Element:
        """The element called ``name``; raises KeyError."""
        for element in self.elements:
            if element.id == name:
                return element
        raise KeyError(name)

    def as_json(self) -> dict[str, Any]:
        """Plain lists and dicts for ``GET /api/v1/rig``."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Unknown:
    """A name in the mimic that nothing publishes: which field of which element, and the names there are."""

    element: str
    field: str
    name: str
    known: tuple[str, ...]


def unknown_names(mimic: Mimic, words: Mapping[str, Collection[str]], channels: Collection[str]) -> tuple[Unknown, ...]:
    """Points and channels of the mimic that are not published.

    ``words`` are the digital points by word (``Hello.words``), ``channels`` the telemetry channels by name. The rig
    layer knows neither, so whoever composes a bench calls this.
    """
    points = tuple(f"{word}.{bit}" for word, bits in words.items() for bit in bits if bit)
    found: list[Unknown] = []
    for element in mimic.elements:
        for point in element.points():
            if point not in points:
                found.append(Unknown(element.id, "point", point, points))
        for name in (*element.values, *element.energised_by):
            if name not in channels:
                found.append(Unknown(element.id, "channel", name, tuple(channels)))
    return tuple(found)
