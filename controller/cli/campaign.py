"""``sparkgap campaign``: every hazard at every step of every profile, judged."""

import os

import click

from controller.cli.options import add_options, json_option, seed_option


@click.command("campaign")
@click.argument("rig")
@click.option("--profile", "profiles", multiple=True, metavar="PROFILE", help="Only this profile. Repeatable.")
@click.option("--row", "rows", multiple=True, metavar="ROW", help="Only this row of the hazard table. Repeatable.")
@click.option(
    "--only",
    multiple=True,
    metavar="ID",
    help="Only what has this id (as a replay line names it); * stands for any letters. Repeatable.",
)
@click.option("--subset", is_flag=True, help="Only the fixed choice that the tests run.")
@click.option("--healthy", is_flag=True, help="Inject nothing: run complete shots and count spurious trips.")
@click.option("--hours", type=click.FloatRange(0.01, 10_000), metavar="H", help="Virtual hours  [default: 100]")
@click.option("--shots", type=click.IntRange(1, 10_000_000), metavar="N", help="Complete shots  [default: 6000]")
@click.option("--seeds", type=click.IntRange(1, 10_000), metavar="N", help="Seeds, from --seed on  [default: 20]")
@add_options(seed_option)
@click.option(
    "--workers", type=click.IntRange(1, 1024), metavar="N", help="Processes of this computer  [default: its cores]"
)
@click.option("--nice", type=click.IntRange(0, 19), default=0, metavar="N", help="Lower the priority of the workers.")
@click.option("--dask", metavar="ADDRESS", default="", help="Run on the workers of this Dask scheduler instead.")
@click.option("--out", metavar="DIR", default="", help="Keep what failed cells wrote in DIR.")
@click.option("--html", metavar="FILE", default="", help="Also write the matrix as one HTML file.")
@click.option("--junit", metavar="FILE", default="", help="Also write every cell as a JUnit test case.")
@json_option
def command(
    rig: str,
    profiles: tuple[str, ...],
    rows: tuple[str, ...],
    only: tuple[str, ...],
    subset: bool,
    healthy: bool,
    hours: float | None,
    shots: int | None,
    seeds: int | None,
    seed: int,
    workers: int | None,
    nice: int,
    dask: str,
    out: str,
    html: str,
    junit: str,
    as_json: bool,
) -> int:
    """Inject every fault of RIG's hazard table before, during and after every step, on virtual time and real processes.

    Prints the step x fault matrix and one replay line per failure. Exit code 0: every cell passed; 1: one failed;
    2: refused; 3: interrupted.
    """
    _refuse_contradictions(healthy, bool(hours or shots or seeds), bool(rows or subset), bool(html or junit or out))
    if dask and (workers or nice):
        raise click.UsageError("--workers and --nice are for processes of this computer; leave them or --dask out")
    from controller.campaign.healthy import Amount
    from controller.cli.campaign_run import Crew, Faults, Healthy, Reports, run_faults, run_healthy

    crew = Crew(workers or os.cpu_count() or 1, nice, dask)
    if healthy:
        amount = Amount(hours or 100.0, shots or 6000, seed, seeds or 20)
        return run_healthy(Healthy(rig, profiles, only, amount), crew, as_json)
    return run_faults(Faults(rig, profiles, rows, only, subset, seed), crew, Reports(out, html, junit, as_json))


def _refuse_contradictions(healthy: bool, amounts: bool, choice: bool, reports: bool) -> None:
    if amounts and not healthy:
        raise click.UsageError("--hours, --shots and --seeds are for --healthy; give it too, or leave them out")
    if healthy and choice:
        raise click.UsageError("--row and --subset choose faults, --healthy injects none; leave one of them out")
    if healthy and reports:
        raise click.UsageError("--html, --junit and --out are about cells, and --healthy has none; use --json")
