"""PURE: how a Genesys supply understands a message and answers it (instruments.md 2.6)."""

import re
from collections.abc import Callable
from dataclasses import replace

from drivers.wire.dialect import BadReply, Values
from drivers.wire.genesys import (
    ADDRESS_MAX,
    END,
    ERRORS,
    EVENTS,
    FILTERS_HZ,
    GENESYS,
    GLOBALS,
    REGISTER_NAMES,
    VALUE_MAX,
    checksum,
    unseal,
)
from firmware_sim.personalities.genesys import POWER_ON_MINUTES, GenesysUnit

SLACK = 1 + 1e-9
"""Limits are compared with this much grace, because 1.05 is no binary number."""

OVER_RATING = 1.05
BELOW_OVP = 0.95
"""A voltage may be programmed up to 105 % of the rating and 95 % of OVP; OVP down to 105 % of the voltage."""

LINE_MAX = 64
"""Longest message: twice any that is legal."""

_MESSAGE = re.compile(r"([A-Z]+)(\??)(?: +(\S.*))?")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(E[+-]?\d{1,2})?")
_HEX = re.compile(r"[0-9A-F]{1,2}")
_ALIAS = {"FDBRST": "FBDRST"}
"""A spelling that one client uses."""


class Refused(Exception):
    """The message earns this code."""

    def __init__(self, code: str) -> None:
        super().__init__(f"{code}: {ERRORS[code]}")
        self.code = code


class GenesysListener:
    """One supply on a line. Until it hears its address it is silent."""

    def __init__(self, unit: GenesysUnit) -> None:
        self.unit = unit
        self.selected = False
        self._last = b""

    def hear(self, line: bytes, now_ns: int) -> bytes:
        """The answer to one message (without its CR), CR included; empty for silence."""
        self.unit.advance(now_ns)
        if line.strip() == b"\\":
            line = self._last
        else:
            self._last = line
        sealed = b"$" in line
        try:
            text = unseal(line) if sealed else line
        except BadReply:
            return self._finish(b"C04", sealed) if self.selected else b""
        try:
            answer = self._obey(text.decode("latin-1").strip().upper())
        except Refused as refusal:
            answer = refusal.code.encode("ascii")
        self.unit.advance(now_ns)
        return self._finish(answer, sealed) if self.selected and answer else b""

    def fast(self, name: str, address: int, now_ns: int) -> bytes:
        """The answer to a fast query of two bytes, when it is for this supply."""
        if address != self.unit.address:
            return b""
        self.unit.advance(now_ns)
        registers = self.unit.registers
        values: dict[str, Values] = {
            "fast_test": {"multidrop": 1},
            "fast_minutes": {"minutes": POWER_ON_MINUTES + now_ns // 60_000_000_000},
            "fast_registers": dict(
                zip(
                    REGISTER_NAMES,
                    (
                        int(self.unit.status),
                        registers.sena,
                        registers.seve,
                        int(self.unit.fault),
                        registers.fena,
                        registers.feve,
                    ),
                    strict=True,
                )
            ),
        }
        return GENESYS[name].reply(**values[name])

    def _finish(self, answer: bytes, sealed: bool) -> bytes:
        return answer + (checksum(answer) if sealed else b"") + END

    # -- messages

    def _obey(self, text: str) -> bytes:
        if not text:
            return b"OK"
        found = _MESSAGE.fullmatch(text)
        if found is None:
            raise Refused("C01")
        word, mark, argument = _ALIAS.get(found[1], found[1]), found[2], (found[3] or "").strip()
        name = word + mark
        if word == "ADR" and not mark:
            return self._address(argument)
        if not (self.selected or name in GLOBALS):
            return b""
        if mark:
            return self._query(name, argument)
        if name in GLOBALS:
            self._everybody(word[1:], argument)
            return b""
        self._set(word, argument)
        return b"OK"

    def _address(self, argument: str) -> bytes:
        """Who is named is selected, everybody else is not; a number that no supply can have changes nothing."""
        if not argument.isdecimal() or len(argument) > VALUE_MAX or int(argument) > ADDRESS_MAX:
            raise Refused("C02" if not argument else "C05" if argument.isdecimal() else "C03")
        self.selected = int(argument) == self.unit.address
        return b"OK" if self.selected else b""

    def _query(self, name: str, argument: str) -> bytes:
        ask = _QUERIES.get(name)
        if ask is None:
            raise Refused("C01")
        if argument:
            raise Refused("C03")
        return GENESYS[name].reply(**ask(self.unit)).removesuffix(END)

    def _everybody(self, word: str, argument: str) -> None:
        try:
            self._set(word, argument)
        except Refused:
            return  # nobody answers a global command, so nobody hears of a refusal

    def _set(self, word: str, argument: str) -> None:
        action = _ACTIONS.get(word)
        if action is not None:
            if argument:
                raise Refused("C03")
            action(self.unit)
            return
        setter = _SETTERS.get(word)
        if setter is None:
            raise Refused("C01")
        if not argument:
            raise Refused("C02")
        if len(argument) > VALUE_MAX:
            raise Refused("C03")
        setter(self.unit, argument)


# -- arguments


def _number(argument: str) -> float:
    if _NUMBER.fullmatch(argument) is None:
        raise Refused("C03")
    return float(argument)


def _between(argument: str, low: float, high: float) -> float:
    value = _number(argument)
    if not low <= value <= high * SLACK:
        raise Refused("C05")
    return value


def _whole(argument: str, low: int, high: int) -> int:
    if not argument.isdecimal():
        raise Refused("C03")
    return int(_between(argument, low, high))


def _word(argument: str, words: tuple[str, ...]) -> int:
    numbers = tuple(str(number) for number in range(len(words)))
    if argument in words:
        return words.index(argument)
    if argument in numbers:
        return int(argument)
    raise Refused("C03")


def _hex(argument: str) -> int:
    if _HEX.fullmatch(argument) is None:
        raise Refused("C03")
    return int(argument, 16)


# -- sets


def _set_pv(unit: GenesysUnit, argument: str) -> None:
    value = _number(argument)
    if value < 0:
        raise Refused("C05")
    if value > min(unit.rating.voltage_v * OVER_RATING, unit.settings.ovp * BELOW_OVP) * SLACK:
        raise Refused("E01")
    if value * SLACK < unit.settings.uvl:
        raise Refused("E02")
    unit.settings.pv = argument
    if unit.injected("wrong_set_point"):
        unit.on_act("wrong_set_point", f"{argument} V became nine tenths of it")
        unit.settings.pv = f"{0.9 * value:.3f}"


def _set_pc(unit: GenesysUnit, argument: str) -> None:
    _between(argument, 0, unit.rating.current_a * OVER_RATING)
    unit.settings.pc = argument


def _set_out(unit: GenesysUnit, argument: str) -> None:
    if not unit.switch(bool(_word(argument, ("OFF", "ON")))):
        raise Refused("E07")


def _set_ovp(unit: GenesysUnit, argument: str) -> None:
    value = _number(argument)
    low, high = unit.rating.over_voltage_v
    if value > high * SLACK:
        raise Refused("C05")
    if value * SLACK < max(low, unit.pv_v * OVER_RATING):
        raise Refused("E04")
    unit.settings.ovp = value


def _set_uvl(unit: GenesysUnit, argument: str) -> None:
    value = _between(argument, 0, unit.rating.under_voltage_v)
    if value > unit.pv_v * SLACK:
        raise Refused("E06")
    unit.settings.uvl = value


def _set_filter(unit: GenesysUnit, argument: str) -> None:
    value = _whole(argument, 0, 999)
    if value not in FILTERS_HZ:
        raise Refused("C05")
    unit.filter_hz = value


def _set_rmt(unit: GenesysUnit, argument: str) -> None:
    unit.settings.remote = _word(argument, ("LOC", "REM", "LLO"))


def _set_foldback(unit: GenesysUnit, argument: str) -> None:
    unit.settings.foldback = bool(_word(argument, ("OFF", "ON")))


def _set_foldback_steps(unit: GenesysUnit, argument: str) -> None:
    unit.settings.foldback_steps = _whole(argument, 0, 255)


def _set_auto_start(unit: GenesysUnit, argument: str) -> None:
    unit.settings.auto_start = bool(_word(argument, ("OFF", "ON")))


def _set_sena(unit: GenesysUnit, argument: str) -> None:
    unit.registers.sena = _hex(argument) & int(EVENTS)


def _set_fena(unit: GenesysUnit, argument: str) -> None:
    unit.registers.fena = _hex(argument) & 0xFE


_SETTERS: dict[str, Callable[[GenesysUnit, str], None]] = {
    "PV": _set_pv,
    "PC": _set_pc,
    "OUT": _set_out,
    "OVP": _set_ovp,
    "UVL": _set_uvl,
    "FILTER": _set_filter,
    "RMT": _set_rmt,
    "FLD": _set_foldback,
    "FBD": _set_foldback_steps,
    "AST": _set_auto_start,
    "SENA": _set_sena,
    "FENA": _set_fena,
}


# -- actions


def _clear(unit: GenesysUnit) -> None:
    unit.registers.seve = unit.registers.feve = 0


def _save(unit: GenesysUnit) -> None:
    """Local lockout is not kept: it comes back as remote."""
    unit.saved = replace(unit.settings, remote=min(unit.settings.remote, 1))


def _highest_ovp(unit: GenesysUnit) -> None:
    unit.settings.ovp = unit.rating.over_voltage_v[1]


def _no_foldback_delay(unit: GenesysUnit) -> None:
    unit.settings.foldback_steps = 0


_ACTIONS: dict[str, Callable[[GenesysUnit], None]] = {
    "CLS": _clear,
    "RST": GenesysUnit.reset,
    "SAV": _save,
    "RCL": GenesysUnit.recall,
    "OVM": _highest_ovp,
    "FBDRST": _no_foldback_delay,
}


# -- queries


def _status_events(unit: GenesysUnit) -> Values:
    value, unit.registers.seve = unit.registers.seve, 0
    return {"value": value}


def _fault_events(unit: GenesysUnit) -> Values:
    value, unit.registers.feve = unit.registers.feve, 0
    return {"value": value}


def _display(unit: GenesysUnit) -> Values:
    return {"mv": unit.measured_v, "pv": unit.pv_v, "mc": unit.measured_a, "pc": unit.pc_a}


def _one(read: Callable[[GenesysUnit], object]) -> Callable[[GenesysUnit], Values]:
    return lambda unit: {"value": read(unit)}


_QUERIES: dict[str, Callable[[GenesysUnit], Values]] = {
    "RMT?": _one(lambda unit: unit.settings.remote),
    "MDAV?": _one(lambda unit: 1),
    "MS?": _one(lambda unit: 1),
    "IDN?": _one(lambda unit: f"LAMBDA,{unit.rating.model}"),
    "REV?": _one(lambda unit: "REV:1U:4.3"),
    "SN?": _one(lambda unit: unit.serial),
    "DATE?": _one(lambda unit: "2021/03/15"),
    "PV?": _one(lambda unit: unit.settings.pv),
    "MV?": _one(lambda unit: unit.measured_v),
    "PC?": _one(lambda unit: unit.settings.pc),
    "MC?": _one(lambda unit: unit.measured_a),
    "MODE?": _one(lambda unit: unit.mode),
    "FILTER?": _one(lambda unit: unit.filter_hz),
    "OUT?": _one(lambda unit: int(unit.delivers)),
    "OVP?": _one(lambda unit: unit.settings.ovp),
    "UVL?": _one(lambda unit: unit.settings.uvl),
    "FLD?": _one(lambda unit: int(unit.settings.foldback)),
    "FBD?": _one(lambda unit: unit.settings.foldback_steps),
    "AST?": _one(lambda unit: int(unit.settings.auto_start)),
    "STAT?": _one(lambda unit: int(unit.status)),
    "SENA?": _one(lambda unit: unit.registers.sena),
    "SEVE?": _status_events,
    "FLT?": _one(lambda unit: int(unit.fault)),
    "FENA?": _one(lambda unit: unit.registers.fena),
    "FEVE?": _fault_events,
    "STT?": lambda unit: {**_display(unit), "sr": int(unit.status), "fr": int(unit.fault)},
    "DVC?": lambda unit: {**_display(unit), "ovp": unit.settings.ovp, "uvl": unit.settings.uvl},
}
