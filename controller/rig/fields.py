"""PURE: pydantic field types for quantities, and pydantic's complaints turned into :class:`Problem` lines.

Strict everywhere: an unknown key, a bare number where a unit belongs or text where a number belongs is refused.
"""

import difflib
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, PlainValidator, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails, PydanticCustomError

from controller.rig.source import Document, Path, Problem, Refused
from controller.rig.units import KINDS, UnitError, parse, parse_any

REFERENCE = re.compile(r"\$([a-z][a-z0-9_]{0,39})")
"""How a profile refers to one of its parameters: ``$voltage``."""


class StrictModel(BaseModel):
    """Base of every file schema: no unknown key, no silent conversion, no infinity or NaN."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity of ``unit``: its SI value, or the name of the profile parameter that gives it."""

    unit: str
    value: float
    reference: str = ""


def _refusing(error: UnitError) -> PydanticCustomError:
    return PydanticCustomError("quantity", "{problem}", {"problem": error.problem, "remedy": error.remedy})


def _plain(unit: str, negative: bool) -> PlainValidator:
    def read(value: Any) -> float:
        try:
            return parse(value, unit, negative=negative)
        except UnitError as error:
            raise _refusing(error) from error

    return PlainValidator(read)


def _referable(unit: str, negative: bool) -> PlainValidator:
    def read(value: Any) -> Quantity:
        match = REFERENCE.fullmatch(value) if isinstance(value, str) else None
        if match is not None:
            return Quantity(unit, 0.0, match[1])
        try:
            return Quantity(unit, parse(value, unit, negative=negative))
        except UnitError as error:
            raise _refusing(error) from error

    return PlainValidator(read)


def _read_any(value: Any) -> Quantity:
    try:
        number, unit = parse_any(value)
    except UnitError as error:
        raise _refusing(error) from error
    return Quantity(unit, number)


def _schema(unit: str) -> WithJsonSchema:
    kind, example = KINDS[unit]
    if unit == "1":
        return WithJsonSchema({"type": ["number", "string"], "description": kind, "examples": [example]})
    return WithJsonSchema({"type": "string", "description": f"{kind} with its unit", "examples": [example]})


_ANY_SCHEMA = WithJsonSchema(
    {"type": ["string", "number"], "description": "a quantity with its unit", "examples": ["3.0 kV", "20 ms"]}
)

Volts = Annotated[float, _plain("V", False), _schema("V")]
Amperes = Annotated[float, _plain("A", False), _schema("A")]
Seconds = Annotated[float, _plain("s", False), _schema("s")]
Farads = Annotated[float, _plain("F", False), _schema("F")]
Ohms = Annotated[float, _plain("ohm", False), _schema("ohm")]
Joules = Annotated[float, _plain("J", False), _schema("J")]
Rate = Annotated[float, _plain("V/s", False), _schema("V/s")]
Action = Annotated[float, _plain("A^2 s", False), _schema("A^2 s")]
Watts = Annotated[float, _plain("W", False), _schema("W")]
Hertz = Annotated[float, _plain("Hz", False), _schema("Hz")]
Fraction = Annotated[float, _plain("1", False), _schema("1")]

VoltsIn = Annotated[Quantity, _referable("V", False), _schema("V")]
SecondsIn = Annotated[Quantity, _referable("s", False), _schema("s")]
RateIn = Annotated[Quantity, _referable("V/s", False), _schema("V/s")]
ActionIn = Annotated[Quantity, _referable("A^2 s", False), _schema("A^2 s")]
WattsIn = Annotated[Quantity, _referable("W", False), _schema("W")]
HertzIn = Annotated[Quantity, _referable("Hz", False), _schema("Hz")]
FieldIn = Annotated[Quantity, _referable("V/m", False), _schema("V/m")]
AmperesIn = Annotated[Quantity, _referable("A", False), _schema("A")]
CountIn = Annotated[Quantity, _referable("1", False), _schema("1")]
AnyQuantity = Annotated[Quantity, PlainValidator(_read_any), _ANY_SCHEMA]


Model = TypeVar("Model", bound=BaseModel)


def validate(document: Document, schema: type[Model]) -> Model:
    """The document as ``schema``; raises :class:`Refused` with one problem per field that is wrong."""
    try:
        return schema.model_validate(document.data)
    except ValidationError as error:
        found = error.errors(include_url=False)
    raise Refused(_problem(document, schema, detail) for detail in found)


def require_version(document: Document, key: str, newest: int) -> None:
    """Refuse a file without a version, or from a newer Sparkgap than this one (design.md section 4)."""
    found = document.data.get(key)
    if key not in document.data:
        problem = "the version of the file is missing"
        raise Refused([document.problem((key,), problem, f"add `{key}: {newest}` as the first line")])
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise Refused([document.problem((key,), f"'{found}' is not a version", f"write `{key}: {newest}`")])
    if found > newest:
        problem = f"version {found} is newer than version {newest}, the newest this Sparkgap reads"
        raise Refused([document.problem((key,), problem, "update Sparkgap")])


def sha256(data: bytes) -> str:
    """The file's fingerprint as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def closest(word: str, known: Iterable[str]) -> str:
    """A remedy that names what may have been meant, or everything there is."""
    names = list(known)
    near = difflib.get_close_matches(word, names, 1, 0.7)
    if near:
        return f"did you mean {near[0]}?"
    return f"use one of {', '.join(names)}" if names else "remove it"


def _problem(document: Document, schema: type[BaseModel], detail: ErrorDetails) -> Problem:
    path = _path(document.data, detail["loc"])
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "missing":
        return document.problem(path, "is missing", f"add `{path[-1]}: ...`")
    if kind == "extra_forbidden":
        return document.problem(path, "unknown key", _meant(schema, path, detail["input"]))
    if kind == "quantity":
        return document.problem(path, str(context["problem"]), str(context["remedy"]))
    found = detail["input"]
    shown = "nothing" if found is None else type(found).__name__ if isinstance(found, (dict, list)) else f"'{found}'"
    if kind == "literal_error":
        remedy = closest(str(found), re.findall(r"'([^']*)'", str(context["expected"])))
        return document.problem(path, f"{str(shown)[:80]} is not known here", remedy)
    return document.problem(path, f"{str(shown)[:80]} is not accepted", _wanted(detail))


def _meant(schema: type[BaseModel], path: Path, value: Any) -> str:
    if value is None and str(path[-1])[:1].isdigit():  # {timeout: 0,5 s} is a timeout of 0 and a key `5 s`
        return "write a decimal point, not a comma"
    return closest(str(path[-1]), _siblings(schema, path))


_WANTED = {
    "string_type": "write text; quote it if it looks like a number",
    "string_pattern_mismatch": "write lower-case letters, digits and underscores, starting with a letter",
    "int_type": "write a whole number",
    "float_type": "write a number",
    "bool_type": "write true or false",
    "list_type": "write a list, one `- item` per line",
    "dict_type": "write `key: value` lines",
    "model_type": "write `key: value` lines",
    "model_attributes_type": "write `key: value` lines",
}


def _wanted(detail: ErrorDetails) -> str:
    message = detail["msg"]
    return _WANTED.get(detail["type"], message[0].lower() + message[1:])


def _path(data: Any, location: tuple[int | str, ...]) -> Path:
    """pydantic's location without the names it adds itself (``[key]``, union tags)."""
    path: list[int | str] = []
    for index, part in enumerate(location):
        inside = (isinstance(data, dict) and part in data) or (
            isinstance(data, list) and isinstance(part, int) and part < len(data)
        )
        if inside:
            data = data[part]
        elif index < len(location) - 1 or part == "[key]":
            continue
        path.append(part)
    return tuple(path)


def _siblings(schema: type[BaseModel], path: Path) -> list[str]:
    """The keys that the schema knows where the unknown key stands."""
    model: Any = schema
    for part in path[:-1]:
        if isinstance(part, int):
            continue
        fields = getattr(model, "model_fields", {})
        model = _inner(fields[part].annotation) if part in fields else model
    return list(getattr(model, "model_fields", {}))


def _inner(annotation: Any) -> Any:
    """The model inside ``list[Model]``, ``dict[str, Model]`` or ``Model | None``."""
    for argument in getattr(annotation, "__args__", ()):
        inner = _inner(argument)
        if hasattr(inner, "model_fields"):
            return inner
    return annotation
