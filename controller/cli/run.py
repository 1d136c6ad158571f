"""``sparkgap run``: one profile on one bench."""

import os

import click

from controller.cli.options import (
    add_options,
    json_option,
    out_option,
    port_option,
    profile_argument,
    read_pairs,
    rig_option,
    seed_option,
    set_option,
    site_option,
    tape_option,
)


@click.command("run")
@add_options(profile_argument, rig_option)
@click.option("--sim", is_flag=True, help="Run on the simulated stand-ins (the default).")
@click.option("--lab", metavar="FILE", default="", help="Run on real hardware at the addresses in FILE.")
@click.option("--virtual", is_flag=True, help="Run in one process on virtual time, about a hundred times faster.")
@click.option(
    "--waive",
    multiple=True,
    metavar="SCOPE",
    help="Give up this scope's unstored record of an earlier shot. Repeatable.",
)
@click.option("--fresh", is_flag=True, help="Condition a part anew; what it had reached is put aside.")
@add_options(set_option, seed_option, out_option)
@click.option("--panel", is_flag=True, help="Show the run on a page, for as long as it lasts.")
@add_options(port_option, site_option)
@click.option("--junit", metavar="FILE", default="", help="Also write the verdicts as JUnit XML.")
@json_option
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="ID[@STEP[:PHASE]]",
    help="Inject a fault; PHASE is before, during or after. Repeatable. See `sparkgap faults`.",
)
@tape_option
@click.option("--operator", default="unnamed", show_default=True, help="Who runs this shot.")
@click.option("--purpose", default="", help="Why this shot is run.")
@click.option("--load", default="", help="What is in the bench; overrides the profile's load.")
@click.option("--part", "parts", multiple=True, metavar="ROLE=SERIAL", callback=read_pairs, help="A part in use.")
@click.option("--tag", "tags", multiple=True, help="A tag to find the shot by. Repeatable.")
@click.option("--comment", default="", help="A remark kept with the shot.")
@click.option("--catalogue", metavar="URL", default="", help="Catalogue database  [default: SQLite beside the shots]")
def command(
    profile: str,
    rig: str,
    sim: bool,
    lab: str,
    virtual: bool,
    waive: tuple[str, ...],
    fresh: bool,
    overrides: dict[str, str],
    seed: int,
    out: str,
    panel: bool,
    port: int,
    site: str,
    junit: str,
    as_json: bool,
    faults: tuple[str, ...],
    tape: str,
    operator: str,
    purpose: str,
    load: str,
    parts: dict[str, str],
    tags: tuple[str, ...],
    comment: str,
    catalogue: str,
) -> int:
    """Run PROFILE (a path or a shipped name) once: charge, fire, record, dump, prove safe."""
    _refuse_contradictions(sim, lab, virtual, faults)
    _refuse_page_options(panel, virtual, bool(port or site))
    from controller import messages
    from controller.app.locate import data_dir, find_profile, rig_reference
    from controller.app.wall_clock import utc_label
    from controller.cli.execution import execute
    from controller.cli.show import Request

    rig = rig_reference(rig)
    config = messages.RunConfig(
        rig=rig,
        profile_path=str(find_profile(profile, rig)),
        out=os.path.abspath(out or data_dir()),
        seed=seed,
        overrides=overrides,
        operator=operator,
        purpose=purpose,
        load=load,
        parts=parts,
        tags=tags,
        comment=comment,
        catalogue=catalogue,
        faults=faults,
        tape=os.path.abspath(tape) if tape else "",
        lab=lab,
        waive=waive,
        fresh=fresh,
        started_utc="" if virtual else utc_label(),
    )
    return execute(Request(config, virtual, as_json, junit, page=panel, port=port, site=site))


def _refuse_page_options(panel: bool, virtual: bool, described: bool) -> None:
    if panel and virtual:
        raise click.UsageError("a run on virtual time is over before a page opens; leave --panel or --virtual out")
    if described and not panel:
        raise click.UsageError("--port and --site describe the page; give --panel too, or leave them out")


def _refuse_contradictions(sim: bool, lab: str, virtual: bool, faults: tuple[str, ...]) -> None:
    if lab and sim:
        raise click.UsageError("--lab and --sim exclude each other; give one")
    if lab and faults:
        raise click.UsageError("--fault works with stand-ins only; leave --lab or --fault out")
    if lab and virtual:
        raise click.UsageError("real hardware does not run on virtual time; leave --lab or --virtual out")
