"""The reaction benchmark as a gate at twice its bar, idle only: the loaded figures say more of the machine."""

from collections.abc import Callable

from tests.benchmarks import bench_reaction
from tests.support import require_tool


def test_the_core_reacts_nearly_as_fast_as_a_bare_loop(figure: Callable[..., None]) -> None:
    found = bench_reaction.run(require_tool("gcc"), trials=25, loaded=False)
    for cause in ("trip", "loss"):
        assert found.ratio(cause) <= 2 * bench_reaction.BAR, found
    figure(
        "reaction.idle",
        **{f"{name}_p50_us": round(times.p50_us) for name, times in found.idle.items()},
        times_bare_uvloop=round(max(found.ratio("trip"), found.ratio("loss")), 2),
    )
