"""Scopes that were learned: verb files read into verbs, panels stored and found again (decision 0012).

A learned scope is a folder ``scopes/NAME`` below the folder of shots: ``verbs.yaml`` (a copy of the verb file),
``panel.bin`` (the blob) and ``learned.json`` (who answered, when, both fingerprints). A rig names it ``model: scope
NAME``.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from controller.app.locate import configs_dir, data_dir
from controller.rig.fields import closest, sha256
from controller.rig.scope_file import (
    ConditionFile,
    ReadFile,
    ScopeFile,
    SettingFile,
    SettingsFile,
    load_scope_file,
)
from controller.rig.source import Document, Problem, Refused
from controller.rig.source import Path as Place
from drivers.errors import InstrumentError
from drivers.families.learned_scope import open_learned
from drivers.ports import Identity, Instrument
from drivers.registry import open_instrument
from drivers.transports.route import Route
from drivers.wire.formula import BadFormula, Formula, parse_formula
from drivers.wire.verbs import BLOB_MAX, Condition, Number, Read, Restore, Setting, Verbs

FOLDER = "scopes"
MODEL_PREFIX = "scope "
"""How a rig file names a learned scope: ``model: scope mso5``."""
VERBS, PANEL, LEARNED = "verbs.yaml", "panel.bin", "learned.json"
_FULL_SCALE = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767), "uint16": (0, 65535)}


@dataclass(frozen=True, slots=True)
class Learned:
    """What :func:`learn` stored."""

    folder: Path
    identity: Identity
    panel_bytes: int
    panel_settings: int


def shipped_verbs() -> tuple[str, ...]:
    """Names of the verb files that come with Sparkgap."""
    return tuple(sorted(path.stem for path in (configs_dir() / FOLDER).glob("*.yaml")))


def read_verbs(data: bytes, filename: str) -> Verbs:
    """A verb file as verbs. Raises Refused, one problem per field or formula that is wrong."""
    document, file = load_scope_file(data, filename)
    formulas = _Formulas(document)
    verbs = _verbs(file, formulas)
    if formulas.problems:
        raise Refused(formulas.problems)
    return verbs


def find_verbs(verbs: str) -> tuple[Verbs, bytes]:
    """The verb file ``verbs``: a path, or the name of a shipped one; with its bytes. Raises Refused."""
    path = configs_dir() / FOLDER / f"{verbs}.yaml" if verbs in shipped_verbs() else Path(verbs)
    try:
        data = path.read_bytes()
    except OSError as error:
        remedy = f"give a file, or one of {', '.join(shipped_verbs())}"
        raise Refused([Problem("--verbs", 0, verbs, f"cannot be read: {error.strerror or error}", remedy)]) from None
    return read_verbs(data, str(path)), data


def guess_verbs(answer: str) -> str:
    """The shipped verb file whose scope identifies itself so; empty when there is none. Raises Refused."""
    return next((name for name in shipped_verbs() if find_verbs(name)[0].accepts(answer.encode("latin-1"))), "")


def learned_names() -> tuple[str, ...]:
    """Names of the learned scopes of this place, sorted."""
    return tuple(sorted(path.parent.name for path in (data_dir() / FOLDER).glob(f"*/{LEARNED}")))


async def learn(route: Route, where: str, name: str, verbs: str, at_utc: str) -> Learned:
    """Ask the scope for its panel and store it as ``name``. Raises Refused; replaces an earlier ``name``."""
    taught, data = find_verbs(verbs)
    try:
        scope = await open_learned(name, route, identity="", verbs=taught)
        try:
            identity = await scope.identify()
            blob = await scope.save()
            again = await scope.save()
        finally:
            await scope.close()
    except InstrumentError as error:
        remedy = "check the address and that the verb file is this scope's"
        raise Refused([Problem(where, 0, "", error.problem, remedy)]) from error
    _refuse_restless(taught, blob, again, where)
    folder = data_dir() / FOLDER / name
    facts = {
        "verbs": taught.name,
        "verbs_sha256": sha256(data),
        "panel_sha256": sha256(blob),
        "resource": where,
        "learned_utc": at_utc,
        "identity": {key: getattr(identity, key) for key in ("vendor", "model", "serial", "firmware")},
    }
    _store(folder, {VERBS: data, PANEL: blob, LEARNED: (json.dumps(facts, indent=2) + "\n").encode()})
    return Learned(folder, identity, len(blob), len(taught.restore.comparable(blob)))


async def open_model(model: str, name: str, route: Route, *, identity: str) -> Instrument:
    """Open ``model`` as a rig file names it: a registered one, or ``scope NAME`` for a learned one.

    Raises Refused for a scope that was never learned, KeyError for an unknown model, ConnectFailed, WrongInstrument.
    """
    if not model.startswith(MODEL_PREFIX):
        return await open_instrument(model, name, route, identity=identity)
    verbs, blob = recall(model.removeprefix(MODEL_PREFIX).strip())
    return await open_learned(name, route, identity=identity, verbs=verbs, blob=blob)


def recall(name: str) -> tuple[Verbs, bytes]:
    """Verbs and panel of a learned scope. Raises Refused for one that was never learned, or was changed since."""
    base = data_dir() / FOLDER
    folder = base / name
    try:
        facts = json.loads((folder / LEARNED).read_bytes())
        data, blob = (folder / VERBS).read_bytes(), (folder / PANEL).read_bytes()
        stored = str(facts["panel_sha256"]), str(facts["verbs_sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        known = sorted(path.name for path in base.iterdir()) if base.is_dir() else []
        remedy = closest(name, known) if known else f"run `sparkgap scope learn RESOURCE --name {name}`"
        raise Refused([Problem(str(folder), 0, "", "no scope of this name was learned", remedy)]) from None
    if (sha256(blob), sha256(data)) != stored or len(blob) > BLOB_MAX:
        problem = "panel or verbs were changed since they were learned"
        raise Refused([Problem(str(folder), 0, "", problem, "learn the scope again")])
    return read_verbs(data, str(folder / VERBS)), blob


def _refuse_restless(verbs: Verbs, first: bytes, second: bytes, where: str) -> None:
    """A panel that differs from itself can never be compared: name what changes."""
    pairs = zip(verbs.restore.comparable(first), verbs.restore.comparable(second), strict=False)
    moving = [before[:60].decode("latin-1") for before, after in pairs if before != after]
    if moving or len(verbs.restore.comparable(first)) != len(verbs.restore.comparable(second)):
        problem = f"the panel changes by itself: {', '.join(moving[:5]) or 'its number of settings'}"
        remedy = "stop the scope, or list how these begin in `restore: ignore:`"
        raise Refused([Problem(where, 0, "", problem, remedy)])
    if not verbs.restore.comparable(first):
        remedy = "check `restore: ask:` of the verb file"
        raise Refused([Problem(where, 0, "", "the scope told an empty panel", remedy)])


def _store(folder: Path, files: dict[str, bytes]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            temporary = folder / f".{name}.tmp"
            temporary.write_bytes(data)
            os.replace(temporary, folder / name)
    except OSError as error:
        problem = f"cannot be written: {error.strerror or error}"
        raise Refused([Problem(str(folder), 0, "", problem, "set SPARKGAP_HOME to another folder")]) from error


# -- from the file to the verbs


class _Formulas:
    """Reads formulas and collects what is wrong with them, with lines."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.problems: list[Problem] = []

    def read(self, text: str | None, place: Place, names: set[str], needed: str = "") -> Formula | None:
        """A formula over ``names``; with ``needed`` it must use that one."""
        if text is None:
            return None
        try:
            found = parse_formula(text)
            unknown = sorted(found.names - names)
            if unknown:
                known = ", ".join(sorted(names)) or "numbers only"
                self._refuse(place, f"'{unknown[0]}' is not declared", f"declared here: {known}")
            elif needed and needed not in found.names:
                self._refuse(place, f"does not depend on '{needed}'", f"use `{needed}` in it")
            elif needed:
                found.line(dict.fromkeys(names - {needed}, 1.25), needed)
        except BadFormula as error:
            remedy = "use + - * / ( ), numbers and declared names; a straight line"
            self._refuse(place, str(error), remedy)
            return None
        return found

    def _refuse(self, place: Place, problem: str, remedy: str) -> None:
        self.problems.append(self._document.problem(place, problem, remedy))


def _verbs(file: ScopeFile, formulas: _Formulas) -> Verbs:
    restore = file.restore
    return Verbs(
        name=file.name,
        title=file.title,
        channels=tuple(file.channels),
        bits=file.bits,
        identify=file.identify.ask,
        expect=tuple(file.identify.expect),
        prepare=tuple(file.identify.then),
        restore=Restore(
            ask=restore.ask,
            send=tuple(restore.send),
            check=None if restore.check is None else _condition(restore.check),
            block=restore.reply == "block",
            prefix=restore.prefix,
            separator="\n" if restore.separator == "newline" else restore.separator,
            ignore=tuple(restore.ignore),
            timeout_s=restore.timeout,
        ),
        stop=tuple(restore.stop),
        arm=tuple(file.arm.send),
        armed=_condition(file.armed),
        armed_timeout_s=file.armed.timeout,
        done=_condition(file.done),
        done_timeout_s=file.done.timeout,
        read=_read(file.read, formulas),
        force=tuple(file.arm.force),
        settings=tuple(_settings(file.settings, formulas)),
    )


def _condition(file: ConditionFile) -> Condition:
    also = None if file.also is None else Condition(file.also.ask, tuple(file.also.expect))
    return Condition(file.ask, tuple(file.expect), file.bit, file.clears, also)


def _read(file: ReadFile, formulas: _Formulas) -> Read:
    text = file.numbers
    names = {name for name in (text.names if text is not None else ()) if name != "_"} | set(file.block.numbers)
    block = file.block
    low, high = block.full_scale or _FULL_SCALE[block.samples]
    nothing = Formula("", (0.0,))
    return Read(
        send=tuple(file.send),
        ask=block.ask,
        prefix=block.prefix,
        sample=block.samples,
        big_endian=block.order == "big",
        full_scale=(low, high),
        volts=formulas.read(file.scaling.volts, ("read", "scaling", "volts"), names | {"raw"}, "raw") or nothing,
        time=formulas.read(file.scaling.time, ("read", "scaling", "time"), names | {"i"}, "i") or nothing,
        text_ask=text.ask if text is not None else "",
        text_separator=text.separator if text is not None else ",",
        text_names=tuple(text.names) if text is not None else (),
        numbers={name: Number(number.at, number.type) for name, number in block.numbers.items()},
        start=formulas.read(block.start, ("read", "block", "start"), names),
        points=formulas.read(block.points, ("read", "block", "points"), names),
        timeout_s=file.timeout,
    )


def _settings(file: SettingsFile, formulas: _Formulas) -> Iterator[Setting]:
    for name in SettingsFile.model_fields:
        entry: SettingFile | None = getattr(file, name)
        if entry is not None:
            place: Place = ("settings", name)
            value = formulas.read(entry.value, (*place, "value"), {"reply"}, "reply")
            write = formulas.read(entry.write, (*place, "write"), {"value"}, "value")
            yield Setting(name, entry.ask, value, dict(entry.words), entry.send or "", write)
