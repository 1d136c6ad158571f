"""The CPU bar of busy stand-ins as a gate at twice its value: three that tick in different ways, for four seconds."""

from tests.benchmarks import bench_standins

MODELS = ("FuG HCK 2000-4000", "SRS DG645", "Keysight DSO-X 3014A")


def test_busy_standins_leave_the_core_alone() -> None:
    found = bench_standins.measure_cpu(4.0, MODELS, 1.0)
    assert all(0 < one.percent <= 2 * bench_standins.CPU_BAR_PERCENT for one in found), found
