"""``sparkgap check``: everything about a profile that can be known before energy."""

from typing import TYPE_CHECKING

import click

from controller.cli.options import add_options, profile_argument, rig_option, set_option
from controller.sequencer.verdict import Exit

if TYPE_CHECKING:
    from controller.sequencer.check import CheckRow


@click.command("check")
@add_options(profile_argument, rig_option, set_option)
def command(profile: str, rig: str, overrides: dict[str, str]) -> int:
    """Check PROFILE against RIG: units, limits, energy, action integral, dump heating, step graph."""
    import tempfile

    from controller import messages
    from controller.app.locate import find_profile
    from controller.app.preflight import prepare
    from controller.sequencer.check import check

    with tempfile.TemporaryDirectory(prefix="sparkgap-check-") as folder:
        prepared = prepare(
            messages.RunConfig(rig=rig, profile_path=profile, out=folder, overrides=overrides),
        )
    plan = prepared.plan
    click.echo(f"{find_profile(profile, rig)}: {plan.title} ({plan.kind.value}) on {plan.rig}")
    click.echo("steps    " + " -> ".join(step.id for step in plan.steps))
    report = check(plan, prepared.rig)
    for row in report.rows:
        click.echo(row_line(row))
    click.echo("ok: nothing is refused" if report.ok else "refused")
    return Exit.PASS if report.ok else Exit.REFUSED


def row_line(row: "CheckRow") -> str:
    """One comparison: mark, what, value, relation, limit."""
    from controller.rig.units import spell

    relation = "at least" if row.at_least else "at most"
    mark = "ok " if row.ok else "BAD"
    return f"{mark}  {row.item}: {spell(row.value, row.unit)}, {relation} {spell(row.limit, row.unit)}"
