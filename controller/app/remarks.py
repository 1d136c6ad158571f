"""What a person says of a shot on the command line: checked before anything opens, because the record keeps it."""

import unicodedata

from controller.app.preflight import read_rig
from controller.messages import RunConfig
from controller.rig.fields import closest
from controller.rig.source import Problem, Refused

UNKEPT = frozenset({"Cc", "Cs"})
"""Unicode categories that no text of a record may hold: control characters, and bytes that are not UTF-8."""


def check_remarks(config: RunConfig) -> None:
    """Raise Refused for a text that cannot be kept, a tag of several words, or a load that the rig does not have."""
    texts = {"--operator": config.operator, "--purpose": config.purpose, "--comment": config.comment}
    pairs = [*texts.items(), *(("--tag", tag) for tag in config.tags)]
    pairs += [("--part", f"{role}={serial}") for role, serial in config.parts.items()]
    problems = [problem for option, text in pairs for problem in _unkept(option, text)]
    problems += tag_problems(config.tags, "--tag")
    if config.load:
        loads = read_rig(config.rig)[0].loads
        if config.load not in loads:
            problems.append(Problem("--load", 0, config.load, "the rig has no such load", closest(config.load, loads)))
    if problems:
        raise Refused(problems)


def tag_problems(tags: tuple[str, ...], option: str) -> list[Problem]:
    """One problem per tag that is not one word."""
    bad = [tag for tag in tags if not tag or tag != "".join(tag.split())]
    return [Problem(option, 0, "", f"{tag!r} is not one word", "write one word, as in `good-contact`") for tag in bad]


def _unkept(option: str, text: str) -> list[Problem]:
    if not any(unicodedata.category(character) in UNKEPT for character in text):
        return []
    shown = ascii(text[:40])
    return [Problem(option, 0, "", f"{shown} holds a character that cannot be kept", "write one line of plain text")]
