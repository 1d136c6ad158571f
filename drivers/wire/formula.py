"""PURE: the arithmetic that a verb file may contain: ``(raw - y_offset) * y_step + y_zero``.

Numbers, names that the file declares, ``+ - * /`` and parentheses; nothing is ever executed. A formula is evaluated as
a straight line in one variable (the raw sample, the sample's index), because that is what a waveform's scaling is.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

TEXT_MAX = 200
"""Characters of a formula: the longest scaling of any scope known here has 60."""

DEPTH_MAX = 16
"""Nested parentheses and signs; a formula of :data:`TEXT_MAX` characters could otherwise exhaust the stack."""

_TOKEN = re.compile(r"\s*(?:([0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]{1,3})?|\.[0-9]+)|([a-z][a-z0-9_]*)|([-+*/()]))")


class BadFormula(ValueError):
    """A formula that cannot be read or evaluated."""


@dataclass(frozen=True, slots=True)
class Line:
    """``offset + slope * variable``."""

    offset: float
    slope: float = 0.0


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula that was read: its text and its steps in postfix order (numbers, names, operators)."""

    text: str
    steps: tuple[float | str, ...]

    @property
    def names(self) -> frozenset[str]:
        """The names it needs."""
        return frozenset(step for step in self.steps if isinstance(step, str) and step not in _OPERATORS)

    def line(self, values: Mapping[str, float], variable: str = "") -> Line:
        """The line in ``variable``, with ``values`` for every other name.

        Raises BadFormula for a name without a value, a product or quotient that is no line, and an infinite result.
        """
        stack: list[Line] = []
        for step in self.steps:
            if isinstance(step, float):
                stack.append(Line(step))
            elif step in _OPERATORS:
                right = stack.pop()
                stack.append(_combine(step, stack.pop(), right))
            elif step == variable:
                stack.append(Line(0.0, 1.0))
            elif step in values:
                stack.append(Line(float(values[step])))
            else:
                raise BadFormula(f"'{step}' has no value")
        result = stack.pop()
        if not (math.isfinite(result.offset) and math.isfinite(result.slope)):
            raise BadFormula(f"'{self.text}' is not finite with these values")
        return result

    def value(self, values: Mapping[str, float]) -> float:
        """The number that it gives for ``values``. Raises BadFormula."""
        return self.line(values).offset


_OPERATORS = ("+", "-", "*", "/")


def _combine(operator: str, left: Line, right: Line) -> Line:
    if operator == "+":
        return Line(left.offset + right.offset, left.slope + right.slope)
    if operator == "-":
        return Line(left.offset - right.offset, left.slope - right.slope)
    if operator == "*":
        if left.slope and right.slope:
            raise BadFormula("the samples are multiplied by each other; a scaling is a straight line")
        return Line(left.offset * right.offset, left.slope * right.offset + left.offset * right.slope)
    if right.slope:
        raise BadFormula("something is divided by the samples; a scaling is a straight line")
    if right.offset == 0.0:
        raise BadFormula("division by zero")
    return Line(left.offset / right.offset, left.slope / right.offset)


def parse_formula(text: str) -> Formula:
    """Read a formula. Raises BadFormula with what is wrong."""
    if len(text) > TEXT_MAX:
        raise BadFormula(f"longer than {TEXT_MAX} characters")
    reader = _Reader(_tokens(text))
    reader.sum(0)
    if reader.here:
        raise BadFormula(f"'{reader.here}' is not expected there")
    return Formula(text, tuple(reader.steps))


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise BadFormula(f"'{text[at:].strip()[:20]}' is no number, name or one of + - * / ( )")
        tokens.append(match.group().strip())
        at = match.end()
    return tokens


class _Reader:
    """Recursive descent: a sum of products of signed numbers, names and parentheses."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._next = 0
        self.steps: list[float | str] = []

    @property
    def here(self) -> str:
        """The token that comes next; empty at the end."""
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def sum(self, depth: int) -> None:
        """``product (+ product | - product)*``."""
        self._product(depth)
        while self.here in ("+", "-"):
            operator = self._take()
            self._product(depth)
            self.steps.append(operator)

    def _product(self, depth: int) -> None:
        self._factor(depth)
        while self.here in ("*", "/"):
            operator = self._take()
            self._factor(depth)
            self.steps.append(operator)

    def _factor(self, depth: int) -> None:
        if depth > DEPTH_MAX:
            raise BadFormula(f"nested deeper than {DEPTH_MAX}")
        token = self._take()
        if token == "(":
            self.sum(depth + 1)
            if self._take() != ")":
                raise BadFormula("a parenthesis is not closed")
        elif token in ("+", "-"):
            self.steps.append(0.0)
            self._factor(depth + 1)
            self.steps.append(token)
        elif not token or token in "*/)":
            raise BadFormula(f"'{token}' where a number or a name belongs" if token else "it ends too early")
        else:
            self.steps.append(token if token[0].isalpha() else float(token))

    def _take(self) -> str:
        token = self.here
        self._next += 1
        return token
