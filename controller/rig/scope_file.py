"""PURE: the shape of a verb file (version 1), which teaches Sparkgap a scope that it has no driver for.

Exported to configs/schema/scope.json for editors; the shipped ones are configs/scopes/*.yaml. What the verbs mean and
how to write a file: docs/how-to/learn-a-scope.md.
"""

from typing import Annotated, Literal

from pydantic import Field

from controller.rig.fields import Seconds, StrictModel, require_version, validate
from controller.rig.schema import Name
from controller.rig.source import Document, Problem, Refused, load

VERSION = 1
"""The newest verb file this code reads."""

Line = Annotated[str, Field(min_length=1, max_length=400, pattern=r"^[\x20-\x7e]+$")]
"""One line of a request; the line's end is added."""
Lines = Annotated[list[Line], Field(max_length=40)]
Prefix = Annotated[str, Field(max_length=40, pattern=r"^[\x20-\x7e]*$")]
FormulaText = Annotated[str, Field(min_length=1, max_length=200)]
Word = Annotated[str, Field(min_length=1, max_length=80)]
NumberName = Annotated[str, Field(pattern=r"^(_|[a-z][a-z0-9_]{0,39})$")]
NumberType = Literal["int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"]


class AlsoFile(StrictModel):
    """``also:`` a second question that must be answered so at the same time."""

    ask: Line
    expect: Annotated[list[Word], Field(min_length=1, max_length=20)]


class ConditionFile(StrictModel):
    """A question, and the answer that means yes: one of ``expect``, or ``bit`` of a number is set."""

    ask: Line
    expect: Annotated[list[Word], Field(max_length=20)] = Field(default_factory=list)
    bit: Annotated[int, Field(ge=0, le=31)] | None = None
    clears: bool = False
    also: AlsoFile | None = None
    timeout: Seconds = 5.0


class IdentifyFile(StrictModel):
    """``identify:`` who is there; the answer begins with one of ``expect``."""

    ask: Line
    expect: Annotated[list[Word], Field(min_length=1, max_length=20)]
    then: Lines = Field(default_factory=list)


class RestoreFile(StrictModel):
    """``restore:`` how the panel is asked for (``ask``) and given back (``send``)."""

    ask: Line
    reply: Literal["line", "block"]
    prefix: Prefix = ""
    stop: Lines = Field(default_factory=list)
    send: Annotated[list[Line], Field(min_length=1, max_length=10)]
    check: ConditionFile | None = None
    separator: Literal[";", "newline"] = ";"
    ignore: Annotated[list[Word], Field(max_length=100)] = Field(default_factory=list)
    timeout: Seconds = 10.0


class ArmFile(StrictModel):
    """``arm:`` starts one acquisition; ``force`` triggers it by command, for noise records."""

    send: Annotated[list[Line], Field(min_length=1, max_length=10)]
    force: Lines = Field(default_factory=list)


class TextNumbersFile(StrictModel):
    """Named numbers of a text reply, in order; ``_`` skips one."""

    ask: Line
    separator: Literal[",", ";"] = ","
    names: Annotated[list[NumberName], Field(min_length=1, max_length=60)]


class NumberFile(StrictModel):
    """A number inside the block: its first byte and its type."""

    at: Annotated[int, Field(ge=0, le=65535)]
    type: NumberType


class BlockFile(StrictModel):
    """The definite block of a record: where its samples are and what they are."""

    ask: Line
    prefix: Prefix = ""
    numbers: dict[NumberName, NumberFile] = Field(default_factory=dict)
    start: FormulaText | None = None
    points: FormulaText | None = None
    samples: Literal["int8", "uint8", "int16", "uint16"]
    order: Literal["little", "big"] = "little"
    full_scale: Annotated[list[int], Field(min_length=2, max_length=2)] | None = None


class ScalingFile(StrictModel):
    """Straight lines: volts over ``raw``, seconds after the trigger over the sample's index ``i``."""

    volts: FormulaText
    time: FormulaText


class ReadFile(StrictModel):
    """``read:`` one channel's record."""

    send: Lines = Field(default_factory=list)
    numbers: TextNumbersFile | None = None
    block: BlockFile
    scaling: ScalingFile
    timeout: Seconds = 30.0


class SettingFile(StrictModel):
    """One entry of ``settings:``, by its name; ``value`` makes SI of ``reply``, ``write`` the scope's of ``value``."""

    ask: Line
    value: FormulaText | None = None
    words: dict[Word, Word] = Field(default_factory=dict)
    send: Line | None = None
    write: FormulaText | None = None


class SettingsFile(StrictModel):
    """``settings:`` what of a set-up the scope can tell; the rest is the stored panel's, on trust."""

    range: SettingFile | None = None
    offset: SettingFile | None = None
    coupling: SettingFile | None = None
    impedance: SettingFile | None = None
    window: SettingFile | None = None
    pretrigger: SettingFile | None = None
    trigger_level: SettingFile | None = None
    trigger_source: SettingFile | None = None
    points: SettingFile | None = None


class ScopeFile(StrictModel):
    """A verb file."""

    scope: Literal[1]
    name: Name
    title: Annotated[str, Field(min_length=1, max_length=200)]
    channels: Annotated[list[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9]{0,15}$")]], Field(min_length=1)]
    bits: Literal[8, 16]
    identify: IdentifyFile
    restore: RestoreFile
    arm: ArmFile
    armed: ConditionFile
    done: ConditionFile
    read: ReadFile
    settings: SettingsFile = Field(default_factory=SettingsFile)


TEXT_SETTINGS = ("coupling", "impedance", "trigger_source")
"""Settings that are words; the others are numbers and need ``value``."""


def load_scope_file(data: bytes, filename: str) -> tuple[Document, ScopeFile]:
    """A verb file, checked but for its formulas (controller/app/learned_scopes.py reads those).

    Raises Refused, one problem per field that is wrong.
    """
    document = load(data, filename)
    require_version(document, "scope", VERSION)
    file = validate(document, ScopeFile)
    problems = [
        *_condition_problems(document, file),
        *_setting_problems(document, file),
        *_channel_problems(document, file),
    ]
    if problems:
        raise Refused(problems)
    return document, file


def _channel_problems(document: Document, file: ScopeFile) -> list[Problem]:
    doubled = sorted({name for name in file.channels if file.channels.count(name) > 1})
    remedy = "name every channel once, as the scope does"
    return [document.problem(("channels",), f"{name} stands there twice", remedy) for name in doubled]


def _condition_problems(document: Document, file: ScopeFile) -> list[Problem]:
    problems = []
    named = {("armed",): file.armed, ("done",): file.done, ("restore", "check"): file.restore.check}
    for path, condition in named.items():
        if condition is None:
            continue
        if bool(condition.expect) == (condition.bit is not None):
            problem = "says not what means yes" if not condition.expect else "says twice what means yes"
            problems.append(document.problem(path, problem, "give either `expect: [...]` or `bit: N`"))
        if condition.clears and path == ("armed",) and condition.also is None:
            problem = "a register that reading clears does not tell of an arm that was lost"
            problems.append(document.problem(path, problem, "add `also: {ask: ..., expect: [...]}`"))
        if condition.clears and condition.bit is None:
            remedy = "give `bit: N` too, or take `clears` away"
            problems.append(document.problem((*path, "clears"), "belongs to a register", remedy))
    placeholders = "{block}" if file.restore.reply == "block" else "{blob}"
    if not any("{blob}" in line or "{block}" in line for line in file.restore.send):
        problem = "sends the stored panel nowhere"
        problems.append(document.problem(("restore", "send"), problem, f"write {placeholders} where it belongs"))
    return problems


def _setting_problems(document: Document, file: ScopeFile) -> list[Problem]:
    problems = []
    for name in SettingsFile.model_fields:
        setting: SettingFile | None = getattr(file.settings, name)
        if setting is None:
            continue
        path = ("settings", name)
        if name in TEXT_SETTINGS and setting.value is not None:
            problems.append(document.problem((*path, "value"), "is for numbers", "use `words: {theirs: ours}`"))
        if name not in TEXT_SETTINGS and setting.value is None:
            remedy = "add `value: reply` or, say, `value: reply * 10`"
            problems.append(document.problem(path, "is a number, and says not how to read it", remedy))
        if setting.send is not None and "{value}" not in setting.send:
            problems.append(document.problem((*path, "send"), "writes no value", "write {value} where it belongs"))
        if setting.write is not None and setting.send is None:
            problems.append(document.problem((*path, "write"), "is never used", "add `send: ...` too"))
    return problems
