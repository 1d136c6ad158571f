"""PURE: a campaign as one HTML file without anything outside it: the matrix, why, how to run a cell again."""

import json
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from controller.app.faultspec import Phase
from controller.campaign.cells import REAL_SCOPE
from controller.campaign.hazards import Hazard
from controller.campaign.html_style import CSS, SCRIPT
from controller.campaign.model import CellResult, Status, Venue
from controller.campaign.summary import Block, Campaign, Row, share_of_time, slowest, timing
from controller.campaign.words import clock, crew, verdict_word

CODES = {Status.PASSED: "P", Status.FAILED: "F", Status.NOT_APPLICABLE: "N"}
SYMBOLS = {Status.PASSED: "•", Status.FAILED: "✗", Status.NOT_APPLICABLE: "–"}
LABELS = {Status.PASSED: "passed", Status.FAILED: "failed", Status.NOT_APPLICABLE: "not applicable"}

FAILURES_LISTED = 500
"""Beyond that the list is longer than the matrix; the matrix has them all."""

REVISION_DIGITS = 12


def html_page(campaign: Campaign) -> str:
    """The whole file."""
    cells = _Cells()
    blocks = list(campaign.blocks())
    parts = [*_head(campaign), *_tiles(campaign), *_nav(blocks), "<main id=main>", *_failures(campaign)]
    parts += [*_hazards(campaign), *_legend(campaign)]
    for block in blocks:
        parts += _block(block, cells)
    parts += [*_excuses(campaign), "</main>", *_why()]
    data = {"rig": campaign.rig, "seed": campaign.seed, "strings": cells.strings, "cells": cells.rows}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    parts += [
        f'<script type="application/json" id=data>{text}</script>',
        f"<script>{SCRIPT}</script>",
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


class _Cells:
    """What the page's script shows of each cell; sentences that come again are kept once."""

    def __init__(self) -> None:
        self.strings: list[str] = []
        self.rows: list[list[Any]] = []
        self._known: dict[str, int] = {}

    def add(self, result: CellResult) -> int:
        """The number of the cell."""
        row: list[Any] = [self._string(result.why)]
        if result.status is not Status.NOT_APPLICABLE or result.ended:
            ended, reason = self._string(result.ended), self._string(result.reason)
            trips, bench = self._string(", ".join(result.trips)), self._string(result.bench)
            row += [ended, reason, result.exit, trips, bench, _ms(result.command_after_s), _ms(result.limit_s)]
            row += [round(result.wall_s, 1), _ms(result.safe_after_s)]
        self.rows.append(row)
        return len(self.rows) - 1

    def _string(self, text: str) -> int:
        number = self._known.setdefault(text, len(self.strings))
        if number == len(self.strings):
            self.strings.append(text)
        return number


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e3, 3)


def _head(campaign: Campaign) -> Iterator[str]:
    title = f"Fault campaign of {escape(campaign.rig)}"
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width,initial-scale=1">'
    yield f"<title>{title}: {verdict_word(campaign).lower()}</title><style>{CSS}</style></head><body>"
    yield f'<a class=skip href="#main">to the matrix</a><header><h1>{title}</h1>'
    facts = [f"seed <code>{campaign.seed}</code>"]
    if campaign.revision:
        dirty = " with local changes" if campaign.revision.endswith("+") else ""
        facts.append(f"sources <code>{escape(campaign.revision[:REVISION_DIGITS])}</code>{dirty}")
    facts.append(f"{clock(campaign.wall_s)} on {crew(campaign.workers)}")
    facts.append("simulated bench: evidence, not a certificate")
    yield f"<p class=facts>{' · '.join(facts)}</p>"


def _tiles(campaign: Campaign) -> Iterator[str]:
    failed, word = campaign.count(Status.FAILED), verdict_word(campaign)
    kind = "bad" if failed else "" if campaign.complete else "short"
    ran = (
        f"{len(campaign.results):,} of {campaign.planned:,} cells"
        if not campaign.complete
        else f"{campaign.planned:,} cells"
    )
    yield f'<div class=tiles><div class="tile verdict {kind}"><b>{word.lower()}</b><span>{ran}</span></div>'
    yield _tile(campaign.count(Status.PASSED), "passed")
    yield _tile(failed, "failed", "bad" if failed else "")
    yield _tile(campaign.count(Status.NOT_APPLICABLE), "not applicable")
    real = sum(result.cell.venue is Venue.REAL for result in campaign.results)
    if real:
        yield _tile(real, "with real processes")
    closest = slowest(campaign.results)
    if closest is not None:
        words = f"until the safe command of <code>{escape(closest.cell.id)}</code>: nothing passed closer to its limit"
        yield f'<div class="tile call"><b>{_call(closest)}</b><span>{words}</span></div>'
    yield f"</div>{_share(campaign.results)}"
    if campaign.why_short:
        missing = campaign.planned - len(campaign.results)
        yield f"<p>Not complete: {escape(campaign.why_short)}; {missing:,} cells were not run.</p>"


def _call(result: CellResult) -> str:
    """``12 of 40 ms``."""
    return timing(result).removeprefix("safe command after ")


def _share(results: Sequence[CellResult]) -> str:
    """A bar of what passed, failed and did not apply; a failure is seen however small its part is."""
    counts = {status: sum(result.status is status for result in results) for status in Status}
    parts = "".join(f'<i class={CODES[s]} style="flex-grow:{n}"></i>' for s, n in counts.items() if n)
    words = ", ".join(f"{n} {LABELS[s]}" for s, n in counts.items())
    return f'<div class=share role=img aria-label="{words}">{parts}</div>'


def _tile(count: int, name: str, kind: str = "") -> str:
    return f'<div class="tile {kind}"><b>{count:,}</b><span>{name}</span></div>'


def _anchor(profile: str) -> str:
    """An id for a profile, which may be called by a path."""
    return "profile-" + "".join(char if char.isalnum() or char in "-_" else "-" for char in profile)


def _nav(blocks: Sequence[Block]) -> Iterator[str]:
    yield '<nav aria-label="parts of the page"><a href="#hazards">hazards</a>'
    for block in blocks:
        failed = sum(row.failed for row in block.rows)
        note = f" <span class=n>{failed} failed</span>" if failed else ""
        yield f'<a href="#{_anchor(block.profile.name)}">{escape(block.profile.name)}{note}</a>'
    yield '<a href="#excuses">not applicable</a></nav></header>'


def _failures(campaign: Campaign) -> Iterator[str]:
    failures = campaign.failures
    if not failures:
        return
    yield f"<section><h2>{len(failures):,} failed</h2><ol class=failures tabindex=0 aria-label=failures>"
    for result in failures[:FAILURES_LISTED]:
        replay = escape(result.cell.replay, quote=True)
        yield (
            f"<li class=card><h3 class=id>{escape(result.cell.id)}</h3><p>{escape(result.why)}</p>"
            f'<div class=replay data-copy="{replay}"><code>{replay}</code></div></li>'
        )
    yield "</ol>"
    if len(failures) > FAILURES_LISTED:
        yield f"<p>... and {len(failures) - FAILURES_LISTED:,} more in the matrix.</p>"
    yield "</section>"


def _legend(campaign: Campaign) -> Iterator[str]:
    yield "<section id=matrices><h2>Every cell</h2><div class=bar>"
    for status in Status:
        yield f"<span class=key><i class={CODES[status]}>{SYMBOLS[status]}</i>{LABELS[status]}</span>"
    yield "<span>each step: <b>b</b>efore, <b>d</b>uring, <b>a</b>fter it · hover, tap or arrow keys: why</span>"
    if campaign.failures:
        yield "<label><input type=checkbox id=only-failed> only rows that failed</label>"
    yield "</div>"
    if any(result.cell.venue is Venue.REAL for result in campaign.results):
        yield f"<p class=facts><code>@real</code>: {escape(REAL_SCOPE)}.</p>"
    yield "</section>"


def _block(block: Block, cells: _Cells) -> Iterator[str]:
    name, failed = escape(block.profile.name, quote=True), any(row.failed for row in block.rows)
    overrides = ", ".join(f"{key} {value}" for key, value in block.profile.overrides.items())
    kind = "profile has-fail" if failed else "profile"
    yield f'<section class="{kind}" id="{_anchor(block.profile.name)}"><h2>{name}</h2>'
    if overrides:
        yield f"<p class=facts>run with {escape(overrides)}</p>"
    yield f'<div class="card scroll" tabindex=0 role=region aria-label="matrix of {name}">'
    yield f'<table class=matrix role=grid data-profile="{name}" aria-label="{name}: hazards by step and phase">'
    yield "<thead><tr>"
    yield "<th class=corner rowspan=2 scope=col>hazard</th>"
    yield from (f"<th colspan=3 scope=colgroup>{escape(step)}</th>" for step in block.steps)
    yield "<th class=sum rowspan=2 scope=col>passed</th></tr><tr>"
    phases = "".join(f'<th scope=col aria-label="{phase.value}">{phase.value[0]}</th>' for phase in Phase)
    yield phases.replace("<th", "<th class=first", 1) * len(block.steps)
    yield "</tr></thead>"
    for number in dict.fromkeys(row.hazard.row for row in block.rows):
        yield from _group([row for row in block.rows if row.hazard.row == number], block.steps, cells)
    yield "</table></div></section>"


def _group(rows: Sequence[Row], steps: Sequence[str], cells: _Cells) -> Iterator[str]:
    """A hazard: its title over all columns, then its variants."""
    hazard = rows[0].hazard
    columns = 1 + len(Phase) * len(steps)
    yield "<tbody class=has-fail>" if any(row.failed for row in rows) else "<tbody>"
    yield (
        f"<tr class=group><th scope=rowgroup colspan={columns}><span>{escape(hazard.row)} {escape(hazard.title)}"
        f"</span></th>{_sum(rows)}</tr>"
    )
    yield from (_row(row, steps, cells) for row in rows)
    yield "</tbody>"


def _row(row: Row, steps: Sequence[str], cells: _Cells) -> str:
    kind = " class=has-fail" if row.failed else ""
    parts = [f'<tr data-row="{escape(row.name)}"{kind}><th scope=row><span class=id>{escape(row.name)}</span></th>']
    for step in steps:
        for phase in Phase:
            parts.append(_cell(row.results.get((step, phase)), cells, phase is Phase.BEFORE))
    return "".join((*parts, _sum([row]), "</tr>"))


def _sum(rows: Sequence[Row]) -> str:
    failed, ran = sum(row.failed for row in rows), sum(len(row.results) for row in rows)
    passed = sum(result.status is Status.PASSED for row in rows for result in row.results.values())
    return f"<td class=sum>{f'{failed} failed' if failed else f'{passed} of {ran}'}</td>"


def _cell(result: CellResult | None, cells: _Cells, first: bool) -> str:
    edge = " first" if first else ""
    if result is None:
        return f'<td class="_{edge}"></td>'
    status = result.status
    return (
        f'<td class="{CODES[status]}{edge}" data-c={cells.add(result)} tabindex=-1 aria-label="{LABELS[status]}">'
        f"{SYMBOLS[status]}</td>"
    )


def _hazards(campaign: Campaign) -> Iterator[str]:
    yield "<section id=hazards><h2>Hazards</h2><div class='card scroll' tabindex=0 role=region aria-label=hazards>"
    yield "<table class=list><thead><tr><th>row</th><th>hazard</th><th>result</th><th>closest call</th></tr></thead>"
    for hazard in campaign.hazards:
        results = [result for result in campaign.results if result.cell.row == hazard.row]
        if results or hazard.due_later:
            yield _hazard(hazard, results)
    yield "</table></div>"
    yield "<p class=facts>Closest call: the cell whose safe command took the most of the time that it may take.</p>"
    yield "</section>"


def _hazard(hazard: Hazard, results: Sequence[CellResult]) -> str:
    counts = {status: sum(result.status is status for result in results) for status in Status}
    words = (
        f"<tr{' class=has-fail' if counts[Status.FAILED] else ''}><td>{escape(hazard.row)}</td>"
        f"<td class=what>{escape(hazard.title)}<span class=sub>Seen by {escape(hazard.detector)}. "
        f"Then: {escape(hazard.reaction)}.</span></td>"
    )
    due = f"due later: {escape(hazard.due_later)}" if hazard.due_later else ""
    if not results:
        return words + f"<td colspan=2 class=facts>{due}</td></tr>"
    said = [f"{counts[Status.PASSED]:,} passed", f"{counts[Status.NOT_APPLICABLE]:,} n/a"]
    said += [f"<b class=fails>{counts[Status.FAILED]:,} failed</b>"] if counts[Status.FAILED] else []
    said += [due] if due else []
    return words + f"<td class=result>{_share(results)}{' · '.join(said)}</td><td>{_meter(slowest(results))}</td></tr>"


def _meter(result: CellResult | None) -> str:
    if result is None:
        return "<span class=sub>no time to measure against</span>"
    cell = escape(result.cell.id)
    return (
        f'<span class=meter aria-hidden=true><i style="width:{share_of_time(result):.0%}"></i></span>'
        f"<span class=call>{_call(result)}</span><span class='sub id'>{cell}</span>"
    )


def _excuses(campaign: Campaign) -> Iterator[str]:
    excuses = campaign.excuses()
    if not excuses:
        return
    yield "<section id=excuses><h2>Not applicable, because</h2><div class='card'><table class=list>"
    yield "<thead><tr><th class=num>cells</th><th>reason</th></tr></thead>"
    yield from (f"<tr><td class=num>{count:,}</td><td>{escape(why)}</td></tr>" for why, count in excuses)
    yield "</table></div></section>"


def _why() -> Iterator[str]:
    yield "<aside id=why aria-live=polite aria-label='the chosen cell'><div>"
    yield "<p class=facts>Point at a cell, tap it, or walk with the arrow keys to see why it came out so.</p>"
    yield "</div></aside>"
