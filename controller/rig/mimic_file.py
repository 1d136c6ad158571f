"""PURE: the shape of rig.yaml's ``mimic:`` section, and how it becomes a :class:`~controller.rig.mimic.Mimic`.

``<n>`` in an entry with ``per: module`` stands for the number of the bank module; the entry is written out once for
each, ``step`` grid places apart.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from controller.rig.fields import Seconds, StrictModel, closest
from controller.rig.mimic import (
    Area,
    Command,
    Element,
    Layout,
    Link,
    LinkKind,
    Mimic,
    Position,
    Symbol,
)
from controller.rig.source import Document, Path, Problem

MODULE = "<n>"
"""Stands for the number of the bank module in entries with ``per: module``."""

GRID_MAX = 24.0
"""Places of the grid in each direction: more cannot be read on a screen."""

Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
ElementId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,36}(<n>)?$")]
ChannelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,36}(<n>)?[a-z0-9_]{0,36}$")]
Point = Annotated[str, Field(pattern=r"^(not )?[a-z][a-z0-9_]{0,39}\.[A-Z][A-Z0-9_]{0,39}(<n>)?$")]
Word = Annotated[str, Field(min_length=1, max_length=24)]
Title = Annotated[str, Field(min_length=1, max_length=40)]
Label = Annotated[str, Field(min_length=1, max_length=8)]
Note = Annotated[str, Field(min_length=1, max_length=80)]
Half = Annotated[float, Field(ge=0.0, le=GRID_MAX, multiple_of=0.5)]
Place = Annotated[list[Half], Field(min_length=2, max_length=2)]
Points = Annotated[list[Point], Field(min_length=1, max_length=8)]


class AreaFile(StrictModel):
    """One entry of ``mimic.areas:``."""

    title: Title
    layout: Layout = "drawing"


class CommandFile(StrictModel):
    """``commanded:`` the point, and the words for 1 and 0."""

    point: Point
    on: Word
    off: Word


class EnergisedFile(StrictModel):
    """``energised:`` the channels that say so, and the value above which they do, in the channels' unit."""

    channels: Annotated[list[ChannelName], Field(min_length=1, max_length=4)]
    above: Annotated[float, Field(ge=0.0)]


class ElementFile(StrictModel):
    """One entry of ``mimic.elements:``; ``proven`` lists, for each position, the points that prove it together."""

    symbol: Symbol
    title: Title
    area: Id
    at: Place | None = None
    step: Place = Field(default_factory=lambda: [0.0, 1.0])
    per: Literal["module"] | None = None
    note: Note | None = None
    values: Annotated[list[ChannelName], Field(max_length=4)] = Field(default_factory=list)
    labels: list[Label] = Field(default_factory=list)
    commanded: CommandFile | None = None
    proven: Annotated[dict[Word, Points], Field(max_length=6)] = Field(default_factory=dict)
    active: Word | None = None
    normal: Word | None = None
    travel: Seconds = 0.0
    trips: Annotated[list[Point], Field(max_length=16)] = Field(default_factory=list)
    energised: EnergisedFile | None = None


class LinkFile(StrictModel):
    """One entry of ``mimic.links:``."""

    source: ElementId
    target: ElementId
    kind: LinkKind = "power"
    bend: Literal["across", "down"] = "across"
    per: Literal["module"] | None = None
    label: Title | None = None


class MimicFile(StrictModel):
    """``mimic:``"""

    areas: Annotated[dict[Id, AreaFile], Field(min_length=1, max_length=8)]
    elements: Annotated[dict[ElementId, ElementFile], Field(max_length=200)]
    links: Annotated[list[LinkFile], Field(max_length=400)] = Field(default_factory=list)


def read_mimic(file: MimicFile | None, modules: int) -> Mimic:
    """The mimic of a file without problems (see :func:`mimic_problems`); an empty one when there is none."""
    if file is None:
        return Mimic()
    return Mimic(
        areas=tuple(Area(name, area.title, area.layout) for name, area in file.areas.items()),
        elements=tuple(
            _element(name, entry, number)
            for name, entry in file.elements.items()
            for number in _numbers(entry.per, modules)
        ),
        links=tuple(_link(entry, number) for entry in file.links for number in _numbers(entry.per, modules)),
    )


def _numbers(per: str | None, modules: int) -> range:
    return range(1, modules + 1) if per == "module" else range(1)


def _element(name: str, file: ElementFile, number: int) -> Element:
    def filled(text: str) -> str:
        return text.replace(MODULE, str(number))

    column, row = file.at if file.at is not None else (0.0, 0.0)
    shift = max(number - 1, 0)
    return Element(
        id=filled(name),
        symbol=file.symbol,
        title=filled(file.title),
        area=file.area,
        column=column + shift * file.step[0],
        row=row + shift * file.step[1],
        note=filled(file.note or ""),
        values=tuple(filled(value) for value in file.values),
        labels=tuple(file.labels),
        commanded=_command(file.commanded, number),
        proven=tuple(Position(word, tuple(filled(point) for point in points)) for word, points in file.proven.items()),
        active=file.active or "",
        normal=file.normal or "",
        travel_s=file.travel,
        trips=tuple(filled(point) for point in file.trips),
        energised_by=() if file.energised is None else tuple(filled(c) for c in file.energised.channels),
        energised_above=None if file.energised is None else file.energised.above,
        module=number,
    )


def _command(file: CommandFile | None, number: int) -> Command | None:
    if file is None:
        return None
    return Command(file.point.replace(MODULE, str(number)), file.on, file.off)


def _link(file: LinkFile, number: int) -> Link:
    source, target, label = (text.replace(MODULE, str(number)) for text in (file.source, file.target, file.label or ""))
    return Link(source, target, file.kind, file.bend, label)


def entry_name(document: Document, element: Element) -> str:
    """The key under ``mimic.elements:`` that ``element`` was written out from."""
    entries = document.data.get("mimic", {}).get("elements", {})
    return next((key for key in entries if key.replace(MODULE, str(element.module)) == element.id), element.id)


def mimic_problems(document: Document, file: MimicFile | None, modules: int) -> Iterator[Problem]:
    """What is wrong with the section beyond its shape, each by file and line."""
    if file is None:
        return
    for name, entry in file.elements.items():
        yield from _element_problems(document, file, ("mimic", "elements", name), name, entry)
    ids = [name.replace(MODULE, str(n)) for name, e in file.elements.items() for n in _numbers(e.per, modules)]
    yield from _place_problems(document, file, modules)
    areas = {
        name.replace(MODULE, str(n)): e.area for name, e in file.elements.items() for n in _numbers(e.per, modules)
    }
    if len(ids) != len(areas):
        twice = next(name for name in ids if ids.count(name) > 1)
        yield document.problem(("mimic", "elements"), f"two elements are called '{twice}'", "rename one of them")
    for index, link in enumerate(file.links):
        yield from _link_problems(document, file, ("mimic", "links", index), link, areas, modules)


def _element_problems(
    document: Document, file: MimicFile, path: Path, name: str, entry: ElementFile
) -> Iterator[Problem]:
    area = file.areas.get(entry.area)
    if area is None:
        problem = f"there is no area '{entry.area}'"
        yield document.problem((*path, "area"), problem, closest(entry.area, file.areas))
    elif area.layout == "drawing" and entry.at is None:
        yield document.problem(path, "has no place on the drawing", "add `at: [column, row]`")
    elif area.layout == "list" and entry.at is not None:
        yield document.problem((*path, "at"), "an element of a list has no place", "remove it")
    if (entry.per == "module") is not (MODULE in name):
        problem, remedy = f"is repeated but its name has no {MODULE}", f"write {name}_{MODULE}"
        if entry.per is None:
            problem, remedy = f"{MODULE} stands for nothing here", "add `per: module`"
        yield document.problem(path, problem, remedy)
    if entry.labels and len(entry.labels) != len(entry.values):
        problem = f"{len(entry.labels)} labels for {len(entry.values)} values"
        yield document.problem((*path, "labels"), problem, "give every value its label, or none")
    yield from _word_problems(document, path, entry)


def _word_problems(document: Document, path: Path, entry: ElementFile) -> Iterator[Problem]:
    """Words that no position has, and positions that no command reaches."""
    words = list(entry.proven)
    command = entry.commanded
    if command is not None and command.on == command.off:
        yield document.problem((*path, "commanded"), "1 and 0 have the same word", "give each its own word")
    said: dict[Path, str] = {}
    if command is not None:
        said = {("commanded", "on"): command.on, ("commanded", "off"): command.off}
    active = [*words, *said.values()]
    if entry.normal is not None:
        said["normal",] = entry.normal
    for place, word in said.items():
        if words and word not in words:
            problem = f"'{word}' is no position of `proven`"
            yield document.problem((*path, *place), problem, closest(word, words))
    if entry.active is not None and entry.active not in active:
        problem = f"'{entry.active}' is neither proven nor commanded"
        yield document.problem((*path, "active"), problem, closest(entry.active, active))
    if command is not None and words and entry.travel <= 0.0:
        problem = "is commanded and proven, but nothing says how long it may take"
        yield document.problem((*path, "travel"), problem, "write for example `travel: 60 ms`")
    texts = [entry.title, *(p for points in entry.proven.values() for p in points), *entry.trips, *entry.values]
    texts += [] if command is None else [command.point]
    texts += [] if entry.energised is None else entry.energised.channels
    if entry.per is None and any(MODULE in text for text in texts):
        yield document.problem(path, f"{MODULE} stands for nothing here", "add `per: module`")


def _place_problems(document: Document, file: MimicFile, modules: int) -> Iterator[Problem]:
    taken: dict[tuple[str, float, float], str] = {}
    for name, entry in file.elements.items():
        for number in _numbers(entry.per, modules):
            if entry.at is None:
                continue
            element = _element(name, entry, number)
            other = taken.setdefault((element.area, element.column, element.row), element.id)
            if other != element.id:
                problem = f"{element.id} stands on the place of {other}"
                yield document.problem(("mimic", "elements", name, "at"), problem, "give every element its own place")


def _link_problems(
    document: Document, file: MimicFile, path: Path, link: LinkFile, areas: dict[str, str], modules: int
) -> Iterator[Problem]:
    if (link.per == "module") is not (MODULE in link.source + link.target):
        problem, remedy = "is repeated, but neither end is a module's", f"write {MODULE} in source or target"
        if link.per is None:
            problem, remedy = f"{MODULE} stands for nothing here", "add `per: module`"
        yield document.problem(path, problem, remedy)
        return
    for number in _numbers(link.per, modules):
        ends = [("source", link.source), ("target", link.target)]
        names = [text.replace(MODULE, str(number)) for _, text in ends]
        missing = [(key, name) for (key, _), name in zip(ends, names, strict=True) if name not in areas]
        for key, name in missing:
            yield document.problem((*path, key), f"there is no element '{name}'", closest(name, areas))
        if missing:
            return
        one, other = (areas[name] for name in names)
        drawn = all(area in file.areas and file.areas[area].layout == "drawing" for area in (one, other))
        if one != other or not drawn or names[0] == names[1]:
            problem = f"{names[0]} and {names[1]} are not two elements of one drawing"
            yield document.problem(path, problem, "link elements of the same drawing")
            return
