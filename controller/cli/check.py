"""``sparkgap check``: everything about a profile that can be known before energy."""

from typing import TYPE_CHECKING

import click

from controller.cli.options import add_options, profile_argument, rig_option, set_option
from controller.sequencer.verdict import Exit

if TYPE_CHECKING:
    from controller.app.twin import Prediction
    from controller.sequencer.check import CheckRow


@click.command("check")
@add_options(profile_argument, rig_option, set_option)
def command(profile: str, rig: str, overrides: dict[str, str]) -> int:
    """Check PROFILE against RIG: units, limits, energy, action integral, dump heating, step graph."""
    import tempfile

    from controller import messages
    from controller.app.locate import find_profile, rig_reference
    from controller.app.preflight import prepare
    from controller.app.twin import check_with_twin

    rig = rig_reference(rig)
    with tempfile.TemporaryDirectory(prefix="sparkgap-check-") as folder:
        prepared = prepare(
            messages.RunConfig(rig=rig, profile_path=profile, out=folder, overrides=overrides),
        )
    plan = prepared.plan
    click.echo(f"{find_profile(profile, rig)}: {plan.title} ({plan.kind.value}) on {plan.rig}")
    click.echo("steps    " + " -> ".join(step.id for step in plan.steps))
    report, prediction = check_with_twin(plan, prepared.rig, rig)
    for row in report.rows:
        click.echo(row_line(row))
    for line in twin_lines(prediction):
        click.echo(line)
    click.echo("ok: nothing is refused" if report.ok else "refused")
    return Exit.PASS if report.ok else Exit.REFUSED


def row_line(row: "CheckRow") -> str:
    """One comparison: mark, what, value, relation, limit."""
    from controller.rig.units import spell

    relation = "at least" if row.at_least else "at most"
    mark = "ok  " if row.ok else "warn" if row.warns else "BAD "
    note = " (prediction; only warns until fitted to five shots of this kind and load)" if row.warns else ""
    note = " (prediction)" if row.predicted and not row.warns else note
    return f"{mark} {row.item}: {spell(row.value, row.unit)}, {relation} {spell(row.limit, row.unit)}{note}"


def twin_lines(prediction: "Prediction") -> list[str]:
    """What the twin expects of the pulse and where the energy goes; nothing for a plan that fires nothing."""
    from controller.cli.result import format_quantity

    if not prediction.ledger:
        return []
    facts = [f"{title} {format_quantity(value, unit)}" for title, value, unit in prediction.facts]
    shares = [f"{name} {format_quantity(joules, 'J')}" for name, joules in prediction.ledger.items() if joules > 0.0]
    return ["twin     " + ", ".join(facts), "energy   " + ", ".join(shares)]
