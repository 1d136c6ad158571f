"""The virtual-time benchmark as a gate at half its bar: a shared machine may be slow, a regression is slower."""

from tests.benchmarks import bench_virtual


def test_a_full_shot_outruns_real_time() -> None:
    found = bench_virtual.run(rounds=3)
    assert found.ratio >= bench_virtual.BAR / 2, found
