"""The report of a shot: one HTML file that needs nothing else, for the screen in light and dark, and for paper."""

import os
from pathlib import Path

from controller.shots.conditioning_sections import conditioning_figure, is_conditioning
from controller.shots.hashing import hash_bytes
from controller.shots.html import Child, Html, join, page, table, tag
from controller.shots.model import ChannelCapture, Scalar, ShotRecord
from controller.shots.numbers import MINUS, limit, with_prefix
from controller.shots.plot import axis_prefix
from controller.shots.sections import (
    capture_panels,
    close_up,
    facts,
    measurement_table,
    moment,
    slow_panels,
    verdict_mark,
    warnings,
)
from controller.shots.style import BASE, COLOURS, REPORT
from controller.shots.sweep_sections import sweep_figure
from controller.shots.train_sections import train_figures
from controller.shots.units import PREFIXES

TIMELINE_MAX = 600
"""More rows than this make no report; the record holds them all."""

MILLISECONDS_WITHIN_S = 2.0
"""Events so near to T0 are told in milliseconds."""

TWIN = " (twin)"
"""How the twin's lines of the ledger end."""

STEP_ENTER, STEP_DONE = ": enter", ": done"
"""How the sequencer's events of kind ``step`` end; a step lasts until the next one is entered."""

STEP_MIN_SHARE = 0.02
"""A step shorter than this share of the shot gets a stripe without a name."""


def write_report(record: ShotRecord, path: Path, record_sha256: str = "") -> str:
    """Write the report (replacing an earlier one) and return its sha256. Raises OSError when the disk refuses."""
    return write_text(path, render_report(record, record_sha256))


def write_text(path: Path, text: str) -> str:
    """Write a file through a temporary name, so that nobody ever reads half of it; returns its sha256."""
    data = text.encode()
    temporary = path.with_name(f".{path.name}.tmp")
    with open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    return hash_bytes(data)


def render_report(record: ShotRecord, record_sha256: str = "") -> str:
    """The whole document as text."""
    sections = (
        _header(record),
        _warnings(record),
        _section("Measurements", measurement_table(record.measurements, gauges=True)),
        _waveforms(record),
        *([_section("Trains", *train_figures(record))] if record.trains else []),
        *([_section("Sweep", sweep_figure(record))] if record.levels else []),
        *([_section("Conditioning", conditioning_figure(record))] if is_conditioning(record) else []),
        _section("The shot in time", *slow_panels(record), *close_up(record), _strip(record), _timeline(record)),
        _section("Energy", _energy(record)),
        _section("Instruments and settings at capture", _instruments(record), *(_settings(c) for c in _all(record))),
        _section("Calibration", _calibration(record)),
        _section("Before the shot", tag("div", _self_test(record), _checklist(record), class_="two")),
        _section("Comments", _comments(record)),
        _section("Provenance", _provenance(record, record_sha256)),
    )
    identity = record.identity
    title = f"Shot {identity.number} · {identity.rig} · {record.verdict}"
    return page(title, COLOURS + BASE + REPORT, tag("main", *sections))


def _waveforms(record: ShotRecord) -> Html:
    panels = capture_panels(record)
    if record.trains and not panels:
        return Html("")
    return _section("Waveforms", *(panels or [tag("p", "No waveform was recorded.", class_="empty")]))


def _section(title: str, *children: Child) -> Html:
    return tag("section", tag("h2", title), *children)


def _header(record: ShotRecord) -> Html:
    identity = record.identity
    bench = f"{identity.rig} (simulated)" if record.simulated else identity.rig
    top = tag("div", f"Shot {identity.number} · {bench}", class_="soft")
    name = tag("div", top, tag("h1", record.title or record.profile))
    outcome = [
        tag("div", verdict_mark(record.verdict, "v badge")),
        tag("div", f"ended: {record.ended}", class_="outcome"),
    ]
    people = ", ".join(f"{person.name} ({person.role})" for person in (record.operator, *record.people))
    pairs: list[tuple[str, Child]] = [
        ("Kind of shot", record.kind),
        ("Load", record.load),
        ("Profile", record.profile),
        ("People", people),
        ("Purpose", record.purpose),
        ("Started", moment(identity.started_utc)),
        ("Ended", moment(record.ended_utc)),
        ("Tags", ", ".join(record.tags)),
        *((part.role.replace("_", " ").capitalize(), part.serial) for part in record.parts),
    ]
    reason = tag("p", record.reason, class_="outcome") if record.reason else Html("")
    return join((tag("header", name, tag("div", *outcome, class_="verdict")), reason, facts(pairs)))


def _warnings(record: ShotRecord) -> Html:
    return join(tag("p", text, class_="note") for text in warnings(record))


def _seconds(record: ShotRecord, t_ns: int) -> float:
    return (t_ns - record.identity.started_ns) * 1e-9


def _strip(record: ShotRecord) -> Html:
    """The steps as a band whose parts are as long as the steps took."""
    steps = [item for item in record.events if item.kind == "step" and not item.text.endswith(STEP_DONE)]
    if not steps:
        return Html("")
    ends = [*(item.t_ns for item in steps[1:]), max(item.t_ns for item in record.events)]
    total = max(ends[-1] - steps[0].t_ns, 1)
    parts = []
    for step, end in zip(steps, ends, strict=True):
        share = max(end - step.t_ns, 0) / total
        name = step.text.removesuffix(STEP_ENTER)
        lasted = f"{name}: {(end - step.t_ns) * 1e-9:.3g} s"
        parts.append(tag("span", name if share >= STEP_MIN_SHARE else "", title=lasted, style=f"flex:{share:.5f} 1 0"))
    return join((tag("h3", "Steps"), tag("div", *parts, class_="strip")))


def _timeline(record: ShotRecord) -> Html:
    rows = [(item.t_ns, item.source, item.kind, item.text) for item in record.events]
    for event in record.plc_events:
        first = " (first fault)" if event.first_fault else ""
        rows.append((event.t_ns, "plc", f"event {event.number}", event.text + first))
    if not rows:
        return tag("p", "No event was noted.", class_="empty")
    rows.sort(key=lambda row: row[0])
    left_out = len(rows) - TIMELINE_MAX
    body: list[list[Child]] = []
    for t_ns, source, kind, text in rows[:TIMELINE_MAX]:
        at_s = _seconds(record, t_ns)
        after = _after(at_s - record.t0_s) if record.t0_s is not None else "–"
        body.append([f"{at_s:.3f}".replace("-", MINUS), after, source, kind, text])
    head = ("since start (s)", "after T0", "source", "kind", "event")
    more = tag("p", f"{left_out} more events are in the record.", class_="soft") if left_out > 0 else Html("")
    summary = tag("summary", f"Events ({len(rows)})")
    return tag("details", summary, table(head, body, numeric=(0, 1)), more, open="")


def _after(t_s: float) -> str:
    """Milliseconds near T0, where they matter, else seconds."""
    text = f"{1e3 * t_s:+.0f} ms" if abs(t_s) < MILLISECONDS_WITHIN_S else f"{t_s:+.1f} s"
    return text.replace("-", MINUS)


def _energy(record: ShotRecord) -> Html:
    if not record.ledger:
        return tag("p", "No energy was stored.", class_="empty")
    largest = max(abs(value) for value in record.ledger.values()) or 1.0
    prefix = axis_prefix(largest, "J")
    factor = PREFIXES[prefix]
    rows: dict[bool, list[list[Child]]] = {False: [], True: []}
    for name, energy_j in record.ledger.items():
        bar = tag("span", style=f"width:{100 * abs(energy_j) / largest:.1f}%", class_="bar")
        size = f"{energy_j / factor:.3f}".replace("-", MINUS)
        if 0.0 < abs(energy_j) < 0.5e-3 * factor:
            size = with_prefix(energy_j, "J", 3)
        share = f"{100 * energy_j / largest:.2f} %".replace("-", MINUS)
        rows[name.endswith(TWIN)].append([name.removesuffix(TWIN).replace("_", " "), size, share, bar])
    head = ("", f"Energy ({prefix}J)", "Share", "")
    parts = []
    if rows[True]:
        parts.append(tag("h3", "The twin's account, at the plan's voltage"))
        parts.append(table(head, rows[True], numeric=(1, 2), class_="energy"))
        parts.append(tag("h3", "Measured, and what is left over"))
    parts.append(table(head, rows[False], numeric=(1, 2), class_="energy"))
    return join(parts)


def _instruments(record: ShotRecord) -> Html:
    rows: list[list[Child]] = [
        [
            item.name,
            f"{item.vendor} {item.model}",
            item.serial,
            item.firmware,
            item.importance + (" – lost" if item.lost else ""),
        ]
        for item in record.instruments
    ]
    plan: list[list[Child]] = [[name.replace("_", " "), _value_text(value)] for name, value in record.settings.items()]
    listed = table(("instrument", "model", "serial", "firmware", "needed"), rows) if rows else Html("")
    if not plan:
        return listed
    head = tag("h3", "Parameters of the plan, in SI units")
    return join((listed, head, table(("parameter", "value"), plan)))


def _value_text(value: Scalar) -> str:
    return limit(value) if isinstance(value, float) else str(value)


def _all(record: ShotRecord) -> tuple[ChannelCapture, ...]:
    """Single waveforms, then trains."""
    return (*record.captures, *(train.capture for train in record.trains))


def _settings(capture: ChannelCapture) -> Html:
    rows: list[list[Child]] = [[tag("code", name), tag("code", value)] for name, value in capture.settings.items()]
    rate = engineering_rate(capture.x_increment_s)
    text = f"{capture.title or capture.channel}: {capture.instrument} {capture.source}, {_size(capture)}, {rate}"
    return tag("details", tag("summary", text), table(("setting", "value"), rows))


def _size(capture: ChannelCapture) -> str:
    if capture.raw.ndim == 1:
        return f"{capture.raw.size} points"
    return f"{capture.raw.shape[0]} segments of {capture.raw.shape[1]} points"


def engineering_rate(x_increment_s: float) -> str:
    """Samples per second in readable form."""
    return with_prefix(1.0 / x_increment_s, "Sa").replace("Sa", "Sa/s") if x_increment_s > 0.0 else "–"


def _calibration(record: ShotRecord) -> Html:
    if not _all(record):
        return tag("p", "No calibrated channel took part.", class_="empty")
    rows: list[list[Child]] = []
    for capture in _all(record):
        parts = [tag("div", _part_text(dict(part))) for part in capture.chain]
        overdue = tag("span", "overdue", class_="v inconclusive") if capture.calibration_overdue else "in date"
        delay = f"{capture.delay_s * 1e9:.4g} ± {capture.delay_uncertainty_s * 1e9:.2g} ns"
        scale = f"{capture.scale:.6g} {capture.unit}/V"
        u95 = f"{100 * capture.uncertainty:.2g} %"
        rows.append([capture.title or capture.channel, join(parts), scale, u95, delay, overdue])
    head = ("channel", "chain, sensor first", "scale", "u95", "delay", "state")
    return table(head, rows, numeric=(2, 3, 4))


def _part_text(part: dict[str, object]) -> str:
    name = f"{part.get('part', 'part')} {part.get('serial', '')}".strip()
    factor, due = part.get("factor"), part.get("due")
    rest = [f"factor {factor:g}" if isinstance(factor, float) else f"factor {factor}"] if factor is not None else []
    rest += ["inverted"] if part.get("sign") == -1 else []
    rest += [f"due {due}"] if due else []
    return f"{name} ({', '.join(rest)})" if rest else name


def _self_test(record: ShotRecord) -> Html:
    rows: list[list[Child]] = [
        [item.path, verdict_mark("pass" if item.passed else "fail"), item.detail] for item in record.self_test
    ]
    passed = sum(item.passed for item in record.self_test)
    title = f"Self-test: {passed} of {len(rows)} paths passed"
    body = table(("path", "result", ""), rows) if rows else tag("p", "No self-test was run.", class_="empty")
    return tag("div", tag("h3", title), body)


def _checklist(record: ShotRecord) -> Html:
    rows: list[list[Child]] = [["☑" if item.done else "☐", item.text, item.by] for item in record.checklist]
    body = table(("", "item", "by"), rows) if rows else tag("p", "The profile has no checklist.", class_="empty")
    return tag("div", tag("h3", "Checklist"), body)


def _comments(record: ShotRecord) -> Html:
    if not record.comments:
        return tag("p", "None so far; later ones are in the catalogue.", class_="empty")
    rows: list[list[Child]] = [[item.at_utc, item.author, item.text] for item in record.comments]
    return table(("when", "who", "comment"), rows)


def _provenance(record: ShotRecord, record_sha256: str) -> Html:
    pairs = [
        ("Shot id", record.identity.shot_id),
        ("Record sha256", record_sha256),
        ("Profile sha256", record.profile_sha256),
        ("Rig sha256", record.rig_sha256),
        ("Journal head", record.journal_head),
        *record.versions.items(),
    ]
    rows: list[list[Child]] = [[name, tag("code", value)] for name, value in pairs if value]
    texts = ((record.profile, record.profile_text), ("rig " + record.identity.rig, record.rig_text))
    notes = [
        tag("details", tag("summary", name), tag("pre", tag("code", text.decode(errors="replace"))))
        for name, text in texts
    ]
    return join((table(("", ""), rows), *notes))
