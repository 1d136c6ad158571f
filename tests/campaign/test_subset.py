"""A fixed choice of the fault campaign: every variant where it must show, every third also where it is excused.

The whole matrix runs by ``sparkgap campaign RIG`` (docs/reference/hazards.md). Of the bench that runs every fifth cell
of its choice is run here: rows of both benches go through the same code.
"""

from collections import Counter
from collections.abc import Callable

import pytest

from controller.campaign.cell_job import cell_job
from controller.campaign.cells import list_cells
from controller.campaign.execute import load_profiles, table_for
from controller.campaign.model import CellResult, Status
from controller.campaign.pool import run_pool

SEED, WORKERS = 1, 2


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("rig", "every", "name"),
    [("railgun_bench", 1, "campaign.subset"), ("microwave_bench", 15, "campaign.subset_of_pulses")],
)
def test_the_subset_of_the_fault_campaign(rig: str, every: int, name: str, figure: Callable[..., None]) -> None:
    chosen = list_cells(rig, load_profiles(rig), subset=True, seed=SEED, hazards=table_for(rig))
    cells = chosen[::every]
    results: list[CellResult] = []
    assert run_pool(cell_job(cells), WORKERS, results.append, lambda: False)
    counts = Counter(result.status for result in results)
    for result in results:
        if result.status is Status.NOT_APPLICABLE:
            print(f"n/a {result.cell.id}: {result.why}")
    failed = [f"{result.why}\n    {result.cell.replay}" for result in results if result.status is Status.FAILED]
    figure(
        name,
        cells=len(results),
        passed=counts[Status.PASSED],
        failed=counts[Status.FAILED],
        not_applicable=counts[Status.NOT_APPLICABLE],
        rows=len({cell.row for cell in cells}),
    )
    assert len(results) == len(cells)
    assert not failed, "\n".join(failed)
