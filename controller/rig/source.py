"""PURE: files that people write. One YAML 1.2 reader with bounds, and refusals that name file, line and field.

Every configuration file of the project goes through :func:`load`; the caller has read the bytes. Values are
plain dict, list, str, int, float, bool or None (YAML 1.2 core schema: ``NO`` and ``on`` stay text). The document is
built here from ruamel's event stream, so that every bound acts before anything large exists.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

BYTES_MAX = 1 << 20
"""A rig of a thousand channels is about 300 kB; anything larger is not a configuration file."""

VALUES_MAX = 20_000
"""Values after alias expansion: an alias bomb is refused while it is counted, and 20 000 are parsed in about 2 s."""

ALIASES_MAX = 100
"""Repeated settings use a handful of aliases."""

DEPTH_MAX = 24
"""The deepest file of the project nests 7 levels."""

Path = tuple[str | int, ...]

_NULL = re.compile(r"null|Null|NULL|~|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a file, and what would be right. ``line`` is 1-based, 0 when it is the whole file."""

    file: str
    line: int
    field: str
    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        """``file:line: field: problem; what would be right`` (design.md section 4)."""
        where = f"{self.file}:{self.line}" if self.line else self.file
        what = f"{self.field}: {self.problem}" if self.field else self.problem
        return f"{where}: {what}; {self.remedy}" if self.remedy else f"{where}: {what}"


class Refused(Exception):
    """A file or a request that is refused before anything opens: exit code 2, one line per problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Document:
    """A file as plain values, with the line of every value (and key) by its path from the top."""

    file: str
    data: dict[str, Any]
    lines: dict[Path, int]

    def line(self, path: Path) -> int:
        """The 1-based line of ``path``, or of its nearest ancestor that exists."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: Path, problem: str, remedy: str = "") -> Problem:
        """A :class:`Problem` at ``path`` of this file."""
        return Problem(self.file, self.line(path), field_name(path), problem, remedy)


def field_name(path: Path) -> str:
    """``("steps", 3, "timeout")`` as people write it: ``steps[3].timeout``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def load(data: bytes, filename: str) -> Document:
    """Read one YAML document whose top level is a mapping.

    Raises :class:`Refused` for anything that is not: too large, not UTF-8, empty, a syntax error, a duplicate key,
    a tag, several documents, or more values, aliases or nesting than the bounds above.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    text = _decode(data, filename)
    builder = _Builder(filename)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            builder.feed(event)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = f"not valid YAML: {error.problem or error.context or 'syntax error'}"
        raise Refused(
            [Problem(filename, mark.line + 1 if mark else 0, "", problem, _syntax_remedy(text, mark))]
        ) from error
    except YAMLError as error:
        problem = f"not valid YAML: {str(error).splitlines()[0]}"
        raise Refused([Problem(filename, 0, "", problem, "save the file as plain text")]) from error
    return builder.document()


def _syntax_remedy(text: str, mark: Any) -> str:
    line = text.splitlines()[mark.line] if mark and mark.line < text.count("\n") + 1 and text.splitlines() else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "indent with spaces, not tabs"
    return "check the indentation, colons and brackets of this line and the one before"


def _decode(data: bytes, filename: str) -> str:
    if len(data) > BYTES_MAX:
        problem = f"the file is larger than {BYTES_MAX} bytes"
        raise Refused([Problem(filename, 0, "", problem, "a configuration file is a few kilobytes")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise Refused([Problem(filename, line, "", problem, "save the file as UTF-8")]) from error
    if not text.strip():
        raise Refused([Problem(filename, 0, "", "the file is empty", "see configs/ for an example")])
    return text


@dataclass(slots=True)
class _Frame:
    """A collection under construction. ``key`` is the pending mapping key; ``size`` counts the values inside."""

    path: Path
    value: dict[str, Any] | list[Any]
    anchor: str | None
    size: int = 1
    key: str | None = None


@dataclass(slots=True)
class _Builder:
    file: str
    lines: dict[Path, int] = field(default_factory=dict)
    stack: list[_Frame] = field(default_factory=list)
    anchors: dict[str, tuple[Any, int]] = field(default_factory=dict)
    values: int = 0
    aliases: int = 0
    documents: int = 0
    root: Any = None

    def document(self) -> Document:
        if not isinstance(self.root, dict):
            problem = "the file holds no mapping at its top level"
            raise Refused([Problem(self.file, 1, "", problem, "write `key: value` lines; see configs/ for an example")])
        return Document(self.file, self.root, self.lines)

    def feed(self, event: Any) -> None:
        from ruamel.yaml import events

        line = event.start_mark.line + 1 if event.start_mark is not None else 0
        if isinstance(event, events.AliasEvent):
            self._alias(event.anchor, line)
        elif isinstance(event, events.ScalarEvent):
            self._scalar(event, line)
        elif isinstance(event, (events.MappingStartEvent, events.SequenceStartEvent)):
            self._open({} if isinstance(event, events.MappingStartEvent) else [], event, line)
        elif isinstance(event, (events.MappingEndEvent, events.SequenceEndEvent)):
            self._close()
        elif isinstance(event, events.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self._refuse(line, "a second document starts here", "keep one document per file")

    def _refuse(self, line: int, problem: str, remedy: str, name: str = "") -> None:
        raise Refused([Problem(self.file, line, name, problem, remedy)])

    def _count(self, size: int, line: int) -> None:
        self.values += size
        if self.values > VALUES_MAX:
            self._refuse(line, f"the file expands to more than {VALUES_MAX} values", "remove the nested aliases")
        for frame in self.stack:
            frame.size += size

    def _alias(self, anchor: str, line: int) -> None:
        self.aliases += 1
        if self.aliases > ALIASES_MAX:
            self._refuse(line, f"more than {ALIASES_MAX} aliases", "write the values out")
        if anchor not in self.anchors:
            self._refuse(line, f"alias *{anchor} refers to nothing complete", f"define &{anchor} before it is used")
        value, size = self.anchors[anchor]
        self._count(size, line)
        self._put(value, line)

    def _scalar(self, event: Any, line: int) -> None:
        self._refuse_tag(event.tag, line)
        frame = self.stack[-1] if self.stack else None
        if frame is not None and isinstance(frame.value, dict) and frame.key is None:
            self._key(frame, event.value, line)
            return
        self._count(1, line)
        value = _resolve(event.value) if event.style in (None, "") else event.value
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, 1)
        self._put(value, line)

    def _key(self, frame: _Frame, key: str, line: int) -> None:
        path = (*frame.path, key)
        if path in self.lines:
            first = self.lines[path]
            self._refuse(line, f"duplicate key, first given on line {first}", "keep one of them", field_name(path))
        self.lines[path] = line
        frame.key = key

    def _open(self, value: dict[str, Any] | list[Any], event: Any, line: int) -> None:
        self._refuse_tag(event.tag, line)
        if len(self.stack) >= DEPTH_MAX:
            self._refuse(line, f"nested deeper than {DEPTH_MAX} levels", "flatten the file")
        if self.stack and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is None:
            self._refuse(line, "a key must be one word", "quote the text or remove the brackets")
        self._count(1, line)
        path = self._next_path()
        self.lines.setdefault(path, line)
        self.stack.append(_Frame(path, value, event.anchor))

    def _close(self) -> None:
        frame = self.stack.pop()
        if frame.anchor is not None:
            self.anchors[frame.anchor] = (frame.value, frame.size)
        self._put(frame.value, self.lines[frame.path])

    def _next_path(self) -> Path:
        if not self.stack:
            return ()
        frame = self.stack[-1]
        return (*frame.path, len(frame.value) if isinstance(frame.value, list) else str(frame.key))

    def _put(self, value: Any, line: int) -> None:
        self.lines.setdefault(self._next_path(), line)
        if not self.stack:
            self.root = value
            return
        frame = self.stack[-1]
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif frame.key is None:
            self._refuse(line, "a key must be one word", "an alias cannot be a key")
        else:
            frame.value[frame.key] = value
            frame.key = None

    def _refuse_tag(self, tag: Any, line: int) -> None:
        if tag is not None:
            self._refuse(line, f"tag {tag} is not allowed", "remove the tag; quote the value to make it text")


def _resolve(text: str) -> Any:
    """A plain scalar by the core schema of YAML 1.2, section 10.3.2 (octal and hexadecimal stay text)."""
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and len(text) <= 64:
        return float(text)
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", ""))
    return text


def walk(data: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every leaf of plain data with its path, in the order of the file."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from walk(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from walk(value, (*path, index))
    else:
        yield path, data
