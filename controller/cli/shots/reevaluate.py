"""``sparkgap shots reevaluate N --factor CHANNEL=VALUE``: corrected calibration, raw samples untouched."""

import math
from typing import TYPE_CHECKING

import click

from controller.cli.shots.store import file_of, find_shot, open_catalogue, place_options, shots_dir
from controller.sequencer.verdict import Exit, Verdict

if TYPE_CHECKING:
    from controller.shots.model import MeasuredValue


@click.command("reevaluate")
@click.argument("number", type=int)
@click.option(
    "--factor", "factors", metavar="CHANNEL=VALUE", multiple=True, required=True, help="Multiply a channel's scale."
)
@place_options
def command(number: int, factors: tuple[str, ...], out: str, catalogue: str) -> int:
    """Judge the measurements of shot NUMBER again, each named channel's scale multiplied. Nothing is written."""
    from controller.rig.source import Problem, Refused
    from controller.shots.reader import read_record, reevaluate

    wanted = read_factors(factors)
    with open_catalogue(out, catalogue) as opened:
        path, _ = file_of(find_shot(opened, number), "record", shots_dir(out))
    before = {item.name: item for item in read_record(path).measurements}
    try:
        after = reevaluate(path, wanted)
    except KeyError as error:
        raise Refused([Problem("--factor", 0, "", str(error.args[0]), "`sparkgap shots show` lists them")]) from None
    for item in after:
        click.echo(_line(before[item.name], item))
    worst = max((Verdict[item.verdict.upper()] for item in after), default=Verdict.PASS)
    click.echo(f"verdict  {worst.label}; the record keeps what it was sealed with")
    return Exit.PASS if worst is Verdict.PASS else Exit.FAILED


def read_factors(texts: tuple[str, ...]) -> dict[str, float]:
    """``channel=1.02`` texts. Raises Refused for one that is not a channel and a finite number above zero or below."""
    from controller.rig.source import Problem, Refused

    factors: dict[str, float] = {}
    problems = []
    for text in texts:
        channel, _, number = text.partition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not channel or channel in factors or not math.isfinite(value) or value == 0.0:
            remedy = "write each channel once, as in total_current=1.02"
            problems.append(Problem("--factor", 0, text, "is not a channel and a number", remedy))
        factors[channel] = value
    if problems:
        raise Refused(problems)
    return factors


def _line(before: "MeasuredValue", after: "MeasuredValue") -> str:
    from controller.cli.result import format_quantity

    old, new = format_quantity(before.value, before.unit), format_quantity(after.value, after.unit)
    return f"{after.title:48} {old:>16} -> {new:>16}  {before.verdict} -> {after.verdict}"
