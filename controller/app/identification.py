"""Who answers at an address? Asks, changes nothing, and knows no more than the address says."""

import asyncio
import re
from dataclasses import dataclass

from controller.app.learned_scopes import guess_verbs
from controller.app.resources import Resource, parse_resource
from controller.rig.source import Problem, Refused
from drivers.errors import InstrumentError
from drivers.ports import Identity
from drivers.registry import MODELS, find_model, open_instrument
from drivers.transports.route import make_link

ANSWER_TIMEOUT_S = 3.0
"""An instrument answers its identity within milliseconds; this also bounds an address where nobody is."""

MODEL_TIMEOUT_S = 10.0
"""The same for a model's own protocol: a gauge or a shared line is drained first."""

MODEL_WORD_MIN = 3
"""Shorter model names than this match too much (``T7`` has its own protocol and never comes this way)."""


@dataclass(frozen=True, slots=True)
class Found:
    """What answers: itself, by which transport, and what Sparkgap has for it."""

    identity: Identity
    transport: str
    address: str
    models: tuple[str, ...]
    verbs: str


async def identify(resource: str, model: str = "") -> Found:
    """What answers at an address (:mod:`controller.app.resources`).

    With ``model`` the model's own protocol is used; without, ``*IDN?`` whatever the transport. Raises Refused when
    nobody answers, or not in that protocol.
    """
    place = parse_resource(resource)
    if model:
        _require_model(model)
    elif place.transport == "modbus":
        raise Refused([Problem(resource, 0, "", "Modbus has no question for everybody", "name the model with --model")])
    try:
        if model:
            async with asyncio.timeout(MODEL_TIMEOUT_S):
                identity = await _ask_model(place, model)
            return Found(identity, place.transport, place.address, (find_model(model).name,), "")
        answer = await _ask_idn(place)
        return Found(_parse(answer), place.transport, place.address, matching(_parse(answer)), guess_verbs(answer))
    except TimeoutError:
        problem = f"no answer within {MODEL_TIMEOUT_S:g} s"
    except InstrumentError as error:
        problem = error.problem
    except OSError as error:
        problem = f"cannot be reached: {error.strerror or error}"
    except ValueError as error:
        problem = str(error)
    raise Refused([Problem(resource, 0, "", problem, "check the address, or name the protocol with --model")])


def matching(identity: Identity) -> tuple[str, ...]:
    """The registry's rows for an instrument that names itself so."""
    wanted = _letters(identity.model)
    if len(wanted) < MODEL_WORD_MIN:
        return ()
    return tuple(name for name in MODELS if wanted in _letters(name))


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _require_model(model: str) -> None:
    try:
        find_model(model)
    except KeyError:
        remedy = f"models: {', '.join(sorted(MODELS))}"
        raise Refused([Problem("--model", 0, model, "there is no such model", remedy)]) from None


async def _ask_model(place: Resource, model: str) -> Identity:
    instrument = await open_instrument(model, place.text, place.route, identity="")
    try:
        return await instrument.identify()
    finally:
        await instrument.close()


async def _ask_idn(place: Resource) -> str:
    link = make_link(place.text, place.route)
    try:
        return (await link.query(b"*IDN?\n", timeout_s=ANSWER_TIMEOUT_S)).decode("latin-1").strip()
    finally:
        await link.close()


def _parse(answer: str) -> Identity:
    fields = [field.strip() for field in answer.removeprefix("*IDN ").split(",")]
    if len(fields) != 4:
        raise ValueError(f"answered {answer[:60]!r}, which is no *IDN? reply")
    return Identity(*fields)


async def ask_identification(resource: str) -> str:
    """The answer to ``*IDN?`` as it came. Raises Refused when there is none."""
    place = parse_resource(resource)
    try:
        return await _ask_idn(place)
    except InstrumentError as error:
        raise Refused([Problem(resource, 0, "", error.problem, "check the address")]) from error
