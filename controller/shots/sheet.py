"""The shot sheet: one A4 page for the binder beside the bench, with room for a pen."""

from pathlib import Path

from controller.shots.html import Child, Html, page, table, tag
from controller.shots.model import ShotRecord
from controller.shots.numbers import with_prefix
from controller.shots.report import write_text
from controller.shots.sections import (
    capture_panels,
    facts,
    measurement_table,
    moment,
    slow_panels,
    verdict_mark,
    warnings,
)
from controller.shots.style import BASE, SHEET

MEASUREMENTS_MAX, CHECKLIST_MAX, COLUMN_MAX, PLOTS_MAX = 10, 10, 5, 2
"""What fits on one page; the report has the rest."""

TEXT_MAX = 110
"""Longer remarks are cut with an ellipsis, for the same reason."""

UNSAFE = "unsafe-unconfirmed"
"""How a shot ended whose bench nobody could prove safe; every other ending was verified (model.py, ENDINGS)."""

ENERGY_MAX = 7
"""Lines of the ledger that fit beside the checklist."""

ENERGY_FIRST = ("kinetic energy (twin)", "measured minus twin")
"""Lines of the ledger that are shown however small; the largest fill the rest, the report has all of them."""


def write_sheet(record: ShotRecord, path: Path) -> str:
    """Write the sheet (replacing an earlier one) and return its sha256. Raises OSError when the disk refuses."""
    return write_text(path, render_sheet(record))


def render_sheet(record: ShotRecord) -> str:
    """The page as text."""
    body = (
        _head(record),
        _facts(record),
        tag("p", _cut(" · ".join(warnings(record)), 3 * TEXT_MAX), class_="note") if warnings(record) else Html(""),
        tag("h2", "Measurements"),
        measurement_table(record.measurements[:MEASUREMENTS_MAX], gauges=False),
        _more(len(record.measurements) - MEASUREMENTS_MAX),
        *_plots(record),
        tag("div", _checklist(record), _energy(record), class_="two"),
        tag("h2", "By hand"),
        tag("div", class_="hand"),
        tag("div", *(tag("span", name) for name in ("operator", "second", "date")), class_="sign"),
    )
    return page(f"Shot sheet {record.identity.number} · {record.identity.rig}", BASE + SHEET, tag("main", *body))


def _head(record: ShotRecord) -> Html:
    identity = record.identity
    bench = f"{identity.rig} (simulated)" if record.simulated else identity.rig
    name = tag(
        "div", tag("div", f"Shot {identity.number} · {bench}", class_="soft"), tag("h1", record.title or record.profile)
    )
    outcome = tag(
        "div", verdict_mark(record.verdict, "v badge"), tag("div", f"ended: {record.ended}"), class_="verdict"
    )
    return tag("header", name, outcome)


def _facts(record: ShotRecord) -> Html:
    safe = "yes"
    if record.ended == UNSAFE:
        safe = "NOT VERIFIED: treat as charged"
    elif record.safe_s is not None and record.dump_s is not None:
        safe = f"{record.safe_s - record.dump_s:.1f} s after the dump"
    pairs: list[tuple[str, Child]] = [
        ("Kind", record.kind),
        ("Profile", record.profile),
        ("Load", record.load),
        ("Operator", record.operator.name),
        ("Started", moment(record.identity.started_utc)),
        ("Verified safe", safe),
        ("Others", _cut(", ".join(f"{person.name} ({person.role})" for person in record.people))),
        ("Parts", _cut(", ".join(f"{part.role.replace('_', ' ')} {part.serial}" for part in record.parts))),
        ("Purpose", _cut(record.purpose)),
        ("Reason", _cut(record.reason)),
        ("Tags", ", ".join(record.tags)),
    ]
    return facts(pairs)


def _cut(text: str, length: int = TEXT_MAX) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _more(count: int) -> Html:
    return tag("p", f"{count} more are in the report.", class_="soft") if count > 0 else Html("")


def _plots(record: ShotRecord) -> list[Html]:
    waveforms = capture_panels(record, 960, 190)
    slow = slow_panels(record, 960, 160)
    return (waveforms[:1] + slow[:1])[:PLOTS_MAX] if waveforms else slow[:PLOTS_MAX]


def _checklist(record: ShotRecord) -> Html:
    items = record.checklist[:CHECKLIST_MAX]
    lines = [tag("li", tag("span", "×" if item.done else "", class_="box"), item.text) for item in items]
    hashes = tag(
        "p", "profile ", tag("code", record.profile_sha256[:16]), " · rig ", tag("code", record.rig_sha256[:16])
    )
    passed = sum(item.passed for item in record.self_test)
    lines.append(tag("li", f"Self-test: {passed} of {len(record.self_test)} paths passed", class_="soft"))
    return tag(
        "div",
        tag("h2", "Checklist"),
        tag("ul", *lines, class_="many" if len(lines) > COLUMN_MAX else None),
        _more(len(record.checklist) - CHECKLIST_MAX),
        hashes,
    )


def _energy(record: ShotRecord) -> Html:
    by_weight = sorted(record.ledger, key=lambda name: (name not in ENERGY_FIRST, -abs(record.ledger[name])))
    shown = frozenset(by_weight[:ENERGY_MAX])
    left_out = len(record.ledger) - len(shown)
    rows: list[list[Child]] = [
        [name.replace("_", " "), with_prefix(value, "J", 4)] for name, value in record.ledger.items() if name in shown
    ]
    if left_out:
        rows.append([f"{left_out} more are in the report", ""])
    text = table(("", ""), rows, numeric=(1,)) if rows else tag("p", "No energy was stored.", class_="empty")
    return tag("div", tag("h2", "Energy"), text)
