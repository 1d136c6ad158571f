"""PURE: the sections of plc.yaml that only a bench that runs has: ``run:``, ``windows:``, ``auxiliaries:``.

A window's key ends in the unit of its bounds (``vacuum_torr``, ``tube_flow_l_per_min``); every other number has its
unit in its own key.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from ruamel.yaml.comments import CommentedMap

from drivers.wire.plc import PlcState
from drivers.wire.plc_run import AUXILIARIES_MAX, PULSES_MAX, WINDOWS_MAX
from firmware_sim.plc.auxiliaries import Auxiliary
from firmware_sim.plc.pulses import RETRIES_MAX, RunTimes
from firmware_sim.plc.windows import Act, LiveZero, Scale, Window

SECTIONS = ("run", "windows", "auxiliaries")
RUN_KEYS = (
    "permit_s",
    "hold_off_s",
    "latch_reset_s",
    "retries",
    "retry_window_s",
    "pulses_max",
    "duty_pulses",
    "duty_window_s",
)
RUN_OPTIONAL = ("charge_power_w",)
_COUNTS = ("retries", "pulses_max", "duty_pulses")
_WINDOW_KEYS = ("low", "high", "debounce_s", "states", "act")
_WINDOW_OPTIONAL = {
    "resume_low": "low",
    "resume_high": "high",
    "resume_s": None,
    "warm_up_s": None,
    "live_zero": None,
}
_LIVE_ZERO_KEYS = ("at_4_ma", "at_20_ma", "scale", "dead_below_ma", "dead_above_ma")
_AUXILIARY_KEYS = ("stops_on", "until_hv_zero", "serves")
_TIME_MAX_S = 1e6
"""No limit of a run is longer: a counter of 10 ms scans in 31 bits ends at 2.1e7 s."""
_STATES = {state.name: int(state) for state in (PlcState.OPENING, PlcState.CHARGE, PlcState.FLOAT, PlcState.RUN)}
"""States in which a window may have to hold: the armed ones of a bench that runs."""


class RunLimits(NamedTuple):
    """What a bench that runs adds to the limits. Times in seconds."""

    permit_s: float
    hold_off_s: float
    latch_reset_s: float
    retries: int
    retry_window_s: float
    pulses_max: int
    duty_pulses: int
    duty_window_s: float
    charge_power_w: float
    """Power that the charger keeps to above the voltage at which its current limit ends; 0: current is the limit."""
    windows: tuple[Window, ...]
    auxiliaries: tuple[Auxiliary, ...]


class Reader:
    """Reads mappings and remembers what is wrong with them: ``file:line: key: problem; what would be right``."""

    def __init__(self, filename: str, problems: list[str], scan_s: float) -> None:
        self.filename = filename
        self.problems = problems
        self.scan_s = scan_s

    def complain(self, node: CommentedMap, key: object, text: str) -> None:
        """One problem of ``key`` of ``node`` (of the node itself when the key is not there)."""
        line = int(node.lc.key(key)[0] if key in node else node.lc.line) + 1
        self.problems.append(f"{self.filename}:{line}: {key}: {text}")

    def keys(self, node: CommentedMap, wanted: tuple[str, ...], optional: tuple[str, ...] = ()) -> bool:
        """True when all ``wanted`` keys are there and no other than those and ``optional``."""
        for key in node:
            if key not in wanted and key not in optional:
                self.complain(node, key, f"unknown key; one of {', '.join((*wanted, *optional))}")
        missing = [key for key in wanted if key not in node]
        for key in missing:
            self.complain(node, key, "missing")
        return not missing

    def number(self, node: CommentedMap, key: str, low: float = -math.inf, high: float = math.inf) -> float:
        """A finite number within bounds; 0.0 and a complaint for anything else."""
        value = node[key]
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            if low <= value <= high:
                return float(value)
            self.complain(node, key, f"{value!r}; from {low:g} to {high:g}")
        else:
            self.complain(node, key, f"{value!r}; a finite number without a unit")
        return 0.0

    def count(self, node: CommentedMap, key: str, high: int) -> int:
        """A whole number from 1 to ``high``."""
        value = node[key]
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= high:
            return int(value)
        self.complain(node, key, f"{value!r}; a whole number from 1 to {high}")
        return 1

    def scans(self, node: CommentedMap, key: str) -> int:
        """A time in seconds as whole scans that cover it; 1 when the key is missing."""
        if key not in node:
            return 1
        return max(1, math.ceil(self.number(node, key, 0.0, _TIME_MAX_S) / self.scan_s - 1e-9))

    def names(self, node: CommentedMap, key: str, known: Mapping[str, int]) -> int:
        """A list of known names as a mask of their bits."""
        value = node[key]
        if isinstance(value, list) and all(name in known for name in value):
            return sum(1 << known[name] for name in set(value))
        self.complain(node, key, f"{value!r}; a list of {', '.join(known) or 'nothing: there is none before it'}")
        return 0


def read_run(tree: CommentedMap, filename: str, scan_s: float, problems: list[str]) -> RunLimits | None:
    """The three sections, or None for a bench that has none of them. Adds to ``problems``."""
    present = [name for name in SECTIONS if name in tree]
    if not present:
        return None
    reader = Reader(filename, problems, scan_s)
    before = len(problems)
    for name in SECTIONS:
        if not isinstance(tree.get(name), CommentedMap):
            reader.complain(tree, name, f"missing, or no mapping; a bench that runs has {', '.join(SECTIONS)}")
    if len(problems) > before:
        return None
    numbers = _read_numbers(tree["run"], reader)
    windows = _read_windows(tree["windows"], reader)
    auxiliaries = _read_auxiliaries(tree["auxiliaries"], windows, reader)
    if len(problems) > before:
        return None
    return RunLimits(**numbers, windows=windows, auxiliaries=auxiliaries)


def _read_numbers(node: CommentedMap, reader: Reader) -> dict[str, Any]:
    if not reader.keys(node, RUN_KEYS, RUN_OPTIONAL):
        return {}
    most = {"retries": RETRIES_MAX, "pulses_max": PULSES_MAX, "duty_pulses": 100_000}
    numbers: dict[str, Any] = {name: reader.count(node, name, most[name]) for name in _COUNTS}
    for name in RUN_KEYS:
        if name not in _COUNTS:
            numbers[name] = reader.number(node, name, reader.scan_s, _TIME_MAX_S)
    numbers["charge_power_w"] = reader.number(node, "charge_power_w", 1.0) if "charge_power_w" in node else 0.0
    if numbers["retry_window_s"] < numbers["hold_off_s"] * numbers["retries"]:
        reader.complain(node, "retry_window_s", "over before its retries are; at least retries * hold_off_s")
    if numbers["duty_window_s"] > 60.0:
        reader.complain(node, "duty_window_s", "longer than a minute hides a burst; at most 60")
    return numbers


def _read_windows(node: CommentedMap, reader: Reader) -> tuple[Window, ...]:
    if len(node) > WINDOWS_MAX:
        first = list(node)[WINDOWS_MAX]
        reader.complain(node, first, f"window {WINDOWS_MAX + 1}; at most {WINDOWS_MAX}")
    read: list[Window] = []
    for name, one in node.items():
        if not isinstance(one, CommentedMap):
            reader.complain(node, name, f"{one!r}; a mapping with {', '.join(_WINDOW_KEYS)}")
        elif reader.keys(one, _WINDOW_KEYS, tuple(_WINDOW_OPTIONAL)):
            read.append(_read_window(str(name), one, reader))
    return tuple(read)


def _read_window(name: str, node: CommentedMap, reader: Reader) -> Window:
    bounds = {}
    for key in ("low", "high", "resume_low", "resume_high"):
        bounds[key] = reader.number(node, key if key in node else str(_WINDOW_OPTIONAL[key]))
    if not bounds["low"] <= bounds["resume_low"] <= bounds["resume_high"] <= bounds["high"]:
        reader.complain(node, "high", "out of order; low <= resume_low <= resume_high <= high")
    act = next((act for act in Act if act.value == node["act"]), None)
    if act is None:
        reader.complain(node, "act", f"{node['act']!r}; one of {', '.join(act.value for act in Act)}")
    return Window(
        name=name,
        **bounds,
        debounce=reader.scans(node, "debounce_s"),
        resume=reader.scans(node, "resume_s"),
        warm_up=reader.scans(node, "warm_up_s") if "warm_up_s" in node else 0,
        states=reader.names(node, "states", _STATES),
        act=act or Act.TRIP,
        live_zero=_read_live_zero(node, reader),
    )


def _read_live_zero(node: CommentedMap, reader: Reader) -> LiveZero | None:
    if "live_zero" not in node:
        return None
    zero = node["live_zero"]
    if not isinstance(zero, CommentedMap):
        reader.complain(node, "live_zero", f"{zero!r}; a mapping with {', '.join(_LIVE_ZERO_KEYS)}")
        return None
    if not reader.keys(zero, _LIVE_ZERO_KEYS):
        return None
    scale = next((scale for scale in Scale if scale.value == zero["scale"]), None)
    if scale is None:
        reader.complain(zero, "scale", f"{zero['scale']!r}; one of {', '.join(scale.value for scale in Scale)}")
    low = 1e-30 if scale is Scale.LOG else -math.inf
    ends = [reader.number(zero, key, low) for key in ("at_4_ma", "at_20_ma")]
    if ends[0] == ends[1]:
        reader.complain(zero, "at_20_ma", "the value at 4 mA; another one")
    below = reader.number(zero, "dead_below_ma", 0.5, 4.0)
    above = reader.number(zero, "dead_above_ma", 20.0, 30.0)
    return LiveZero(ends[0], ends[1], scale or Scale.LINEAR, below, above)


def _read_auxiliaries(node: CommentedMap, windows: tuple[Window, ...], reader: Reader) -> tuple[Auxiliary, ...]:
    if len(node) > AUXILIARIES_MAX:
        first = list(node)[AUXILIARIES_MAX]
        reader.complain(node, first, f"auxiliary {AUXILIARIES_MAX + 1}; at most {AUXILIARIES_MAX}")
    known = {window.name: at for at, window in enumerate(windows)}
    order = list(node)
    read: list[Auxiliary] = []
    for at, (name, one) in enumerate(node.items()):
        if not isinstance(one, CommentedMap):
            reader.complain(node, name, f"{one!r}; a mapping with {', '.join(_AUXILIARY_KEYS)}")
        elif reader.keys(one, _AUXILIARY_KEYS):
            stays = one["until_hv_zero"]
            if not isinstance(stays, bool):
                reader.complain(one, "until_hv_zero", f"{stays!r}; true or false")
            # what serves comes first, so that one pass from the end decides all of them
            later = {str(other): index for index, other in enumerate(order) if index > at}
            stops_on, serves = reader.names(one, "stops_on", known), reader.names(one, "serves", later)
            read.append(Auxiliary(str(name), stops_on, stays is True, serves))
    return tuple(read)


def resolve_run(limits: RunLimits | None, scan_s: float, pulses: int = 0) -> RunTimes:
    """Scan counts of RUN, and how many ``pulses`` the present one may fire."""
    if limits is None:
        return RunTimes()

    def scans(time_s: float) -> int:
        return max(1, math.ceil(time_s / scan_s - 1e-9))

    return RunTimes(
        run=scans(limits.permit_s),
        hold_off=scans(limits.hold_off_s),
        latch_reset=scans(limits.latch_reset_s),
        retry_window=scans(limits.retry_window_s),
        retries=limits.retries,
        duty_pulses=limits.duty_pulses,
        duty_window=scans(limits.duty_window_s),
        pulses=pulses,
    )
