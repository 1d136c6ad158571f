"""``sparkgap dry-run``: the whole profile on the twin before anybody charges anything."""

from typing import TYPE_CHECKING

import click

from controller.cli.options import add_options, profile_argument, rig_option, seed_option, set_option

if TYPE_CHECKING:
    from controller.messages import Finished


@click.command("dry-run")
@add_options(profile_argument, rig_option, set_option, seed_option)
def command(profile: str, rig: str, overrides: dict[str, str], seed: int) -> int:
    """Run PROFILE on the twin in virtual time; print the predicted waveform envelope and verdicts. Keeps nothing."""
    from controller import messages
    from controller.app.dry_run import dry_run
    from controller.app.locate import find_profile, rig_reference
    from controller.cli.check import twin_lines
    from controller.cli.result import format_quantity, print_result
    from controller.cli.writer import Writer

    rig = rig_reference(rig)
    path = str(find_profile(profile, rig))
    config = messages.RunConfig(rig=rig, profile_path=path, out="", seed=seed, overrides=overrides, purpose="dry run")
    finished, envelopes, prediction = dry_run(config)
    writer = Writer(1)
    for row in envelopes:
        low = f"{format_quantity(row.lowest, row.unit):>14} at {row.lowest_at_s:10.6f} s"
        high = f"{format_quantity(row.highest, row.unit):>14} at {row.highest_at_s:10.6f} s"
        writer.write_line(f"{row.channel:<20} {low}  {high}")
    for line in twin_lines(prediction):
        writer.write_line(line)
    print_result(_without_paths(finished), writer)
    writer.close()
    return finished.exit


def _without_paths(finished: "Finished") -> "Finished":
    import msgspec

    return msgspec.structs.replace(finished, record="", journal="", report="", sheet="")
