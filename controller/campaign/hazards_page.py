"""PURE: docs/reference/hazards.md, made from the hazard table."""

from collections.abc import Iterator, Mapping, Sequence

from controller.campaign.hazard_types import Excuse, Hazard, Variant
from controller.campaign.hazards import TABLE
from controller.campaign.model import Venue
from controller.campaign.real_table import REAL_ONLY, REAL_VARIANTS, RealVariant

_HEAD = """# Hazards

Made from `controller/campaign/hazards.py` by `controller/campaign/hazards_page.py`; a test compares the two. Rows are
those of the bench's failure analysis. `sparkgap campaign RIG` injects every variant before, during and after every
step of every shipped profile, on virtual time; with real processes in the middle of every step of the full shot.

A cell passes only if the plant's own log shows the fault, the run ends differently from the undisturbed control with
the same seed (or a rule below says why it need not), the bench is safe or locked out within the limit by the plant's
own voltages and relays, and the reason is one of those listed: the PLC's first fault where it tripped, else the
controller's words. Whatever the row: one fire pulse at most, no energy after the safe command, the right exit code.
Of several faults in one cell each has to act. Whatever probes read, a PLC that scans keeps the door locked while a
module holds more than V_safe. `during` is the middle of the step as it runs undisturbed, at most 150 ms after its
beginning; a step that is over at once on virtual time (configure) has none.

A bench has the variants of what it has: its own instruments (here those of a bench with one charger, one delay
generator, two scopes and one DAQ), its own faults. *Runs* marks what only a bench with repeated pulses has, *fires*
what only one has that fires once; the last table says what each shipped bench leaves out. On a bench that runs a row
may also be met by the PLC's pulse inhibit (*inhibits*): the limit is then to the shut gate, and the run may go on.
There, whatever the row, no pulse comes that nothing allowed, an arc takes 10 J and drive goes on for 10 us at most by
the plant's own account, and what cools and heats goes on unless a fault of its own stops it.

A cell of a rule is run like every other: it is *n/a* when the fault never acted and *passed* when it acted and changed
nothing.

Cells with real processes are run in the middle of every step of `full` only, the profile that has every kind of step of
a shot: virtual variants of the same row run the same code in every other place. A broker (row 31) is a process
everywhere, and no step of any profile waits for one. Their reason has to stand in the run's last word and in the
catalogue, their trip in the PLC. Where a cell fails and the machine was late meanwhile (a scan of
the rig more than 100 ms), it is run again, three times at most; its result says so.

Limits run from the fault's first effect to the command that takes all power away, and to the trip if there is one; one
scan of 10 ms is allowed on top to carry it out. What the PLC blanks in SHOT counts from its end. A limit that names a
time (`contactor_travel`) means the PLC's own declared wait in `plc.yaml`; `tolerance_ramp` is the plan's tolerance over
the ramp of its charging current. Until the bank is empty, or locked out, T_dump is added.
"""


def hazards_page(benches: Mapping[str, Sequence[Hazard]], table: Sequence[Hazard] = TABLE) -> str:
    """The whole page. ``benches`` are the tables of the shipped benches by name."""
    rows = (line for hazard in table for line in _row(hazard))
    return "\n".join([_HEAD, *_overview(table), "", *rows, *_absent(benches)]) + "\n"


def _absent(benches: Mapping[str, Sequence[Hazard]]) -> Iterator[str]:
    yield "## Not on every bench"
    yield ""
    yield "| bench | row | variants without a part there |"
    yield "|---|---|---|"
    for rig, table in benches.items():
        for hazard in table:
            if hazard.absent:
                yield f"| {rig} | {hazard.row} | {', '.join(f'`{name}`' for name in hazard.absent)} |"


def _overview(table: Sequence[Hazard]) -> Iterator[str]:
    yield "| row | fault | variants | real processes | due later |"
    yield "|---|---|---|---|---|"
    for hazard in table:
        real = sum(variant.venue is Venue.REAL for variant in hazard.variants)
        virtual = len(hazard.variants) - real
        title = f"[{hazard.title}](#row-{hazard.row})"
        yield f"| {hazard.row} | {title} | {virtual or ''} | {real or ''} | {hazard.due_later} |"


def _row(hazard: Hazard) -> Iterator[str]:
    yield f"## Row {hazard.row}"
    yield ""
    yield f"{hazard.title}. Detected by: {hazard.detector}. Reaction: {hazard.reaction}."
    if hazard.due_later:
        yield f"Due later: {hazard.due_later}."
    if hazard.note:
        yield ""
        yield f"{hazard.note}."
    yield ""
    virtual = [variant for variant in hazard.variants if variant.venue is Venue.VIRTUAL]
    real = [entry for entry in REAL_VARIANTS if entry.row == hazard.row]
    if virtual:
        yield "| variant | injected | limit | right reasons | exit |"
        yield "|---|---|---|---|---|"
        yield from (_variant(variant) for variant in virtual)
        yield ""
    if real:
        yield "With real processes:"
        yield ""
        yield "| variant | done | limit | right reasons | end |"
        yield "|---|---|---|---|---|"
        yield from map(_real, real)
        yield ""
        if hazard.row in REAL_ONLY:
            yield f"Real processes alone, in one profile: {REAL_ONLY[hazard.row]}."
            yield ""
    rules = _rules(virtual)
    if rules:
        yield "May end as the control does:"
        yield ""
        yield from rules
        yield ""


_NONE = {True: "none: refused", False: "none: it must have no effect"}


def _real(entry: RealVariant) -> str:
    limit = "" if entry.limit_s is None else f"{entry.limit_s * 1e3:g} ms"
    named = ", ".join((*entry.trips, *(f"\u201c{text}\u201d" for text in entry.says)))
    reasons = named or _NONE[False]
    return f"| `{entry.name}` | {entry.title} | {limit} | {reasons} | {entry.expectation.value} |"


def _variant(variant: Variant) -> str:
    what = variant.injection
    injected = ", ".join(f"`{fault}`" for fault in what.faults) or what.disturbance
    if what.then:
        injected += f", {what.after_s * 1e3:g} ms later {', '.join(f'`{fault}`' for fault in what.then)}"
    stages, limit = variant.instead
    where = ", ".join(sorted(stage.value for stage in stages))
    limits = f"{variant.limit.text}; {limit.text} {where}" if stages else variant.limit.text
    named = ", ".join((*variant.trips, *(f"\u201c{text}\u201d" for text in variant.says)))
    reasons = named or _NONE[bool(variant.answers)]
    codes = ", ".join(map(str, variant.exits)) if variant.trips or variant.says else "the control's"
    kind = "" if variant.runs is None else " (runs)" if variant.runs else " (fires)"
    if variant.inhibits:
        reasons += f"; inhibits {', '.join(variant.inhibits)}"
    return f"| `{variant.name}`{kind} | {injected} | {limits} | {reasons} | {codes} |"


def _rules(variants: Sequence[Variant]) -> list[str]:
    """One line per excuse, with the variants that have it when they are not all."""
    users: dict[Excuse, list[str]] = {}
    for variant in variants:
        for excuse in variant.excuses:
            users.setdefault(excuse, []).append(variant.name)
    lines = []
    for excuse, names in users.items():
        where = ", ".join(sorted(stage.value for stage in excuse.stages)) or "anywhere"
        where += f" ({', '.join(sorted(phase.value for phase in excuse.phases))})" if excuse.phases else ""
        where += f" in {', '.join(sorted(excuse.steps))}" if excuse.steps else ""
        kinds = f" of {', '.join(sorted(excuse.profiles))}" if excuse.profiles else ""
        who = "" if len(names) == len(variants) else f"{', '.join(f'`{name}`' for name in names)} "
        lines.append(f"- {who}{where}{kinds}: {excuse.sentence}.")
    return lines
