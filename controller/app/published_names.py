"""Names in rig.yaml that only the whole composition can check: points and channels of its mimic and its alarms."""

from collections.abc import Mapping, Sequence

from controller.rig.fields import closest
from controller.rig.mimic import unknown_names
from controller.rig.mimic_file import entry_name
from controller.rig.model import Rig
from controller.rig.source import Problem, Refused, load
from controller.runtime.frames import frame_words
from controller.safety.bench import BenchState
from controller.telemetry.alarm_rules import name_problems
from controller.telemetry.channels import telemetry_channels
from drivers.wire.plc import RUN_TRIPS, Trip

_RUN_TRIPS = frozenset(str(trip.name) for trip in Trip if trip in RUN_TRIPS)


def require_known_names(rig: Rig, filename: str) -> None:
    """Raise Refused for every name in the mimic and the alarms that no telemetry frame carries, by file and line."""
    words = {word.name: word.bits for word in frame_words(rig.run)}
    if _RUN_TRIPS.isdisjoint(row.plc_trip for row in rig.interlocks):  # a rig that fires once: its PLC never has them
        words["trips"] = tuple("" if name in _RUN_TRIPS else name for name in words["trips"])
    _require_alarm_names(rig, filename, words)
    channels = tuple(channel.name for channel in telemetry_channels(rig))
    unknown = unknown_names(rig.mimic, words, channels)
    if not unknown:
        return
    document = load(rig.text, filename)  # again, for the lines: a refused file may cost its reading twice
    problems: dict[Problem, None] = {}
    for name in unknown:
        entry = entry_name(document, rig.mimic.element(name.element))
        problem = f"nothing publishes the {name.field} '{name.name}'"
        problems[document.problem(("mimic", "elements", entry), problem, closest(name.name, name.known))] = None
    raise Refused(problems)


def _require_alarm_names(rig: Rig, filename: str, words: Mapping[str, Sequence[str]]) -> None:
    found = tuple(name_problems(rig, words, [state.value for state in BenchState]))
    if found:
        document = load(rig.text, filename)
        raise Refused(document.problem(path, problem, remedy) for path, problem, remedy in found)
