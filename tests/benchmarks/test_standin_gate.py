"""What stand-ins cost, as gates: CPU at twice its bar because machines are shared, memory at its own bar."""

import pytest

from tests.benchmarks import bench_standins

MODELS = ("FuG HCK 2000-4000", "SRS DG645", "Keysight DSO-X 3014A", "Pfeiffer TPG 256A")
"""They tick in different ways: a ramp on a pty, free-running triggers, an acquisition that waits, continuous output."""


@pytest.mark.timeout(300)  # four processes with their imports
def test_busy_standins_leave_the_core_alone() -> None:
    found = bench_standins.measure_cpu(4.0, MODELS, 1.0)
    assert all(0 < one.percent <= 2 * bench_standins.CPU_BAR_PERCENT for one in found), found


@pytest.mark.timeout(300)  # 36 MB by small socket buffers between processes that wait for a busy core
def test_a_process_of_twenty_is_small_beside_its_records() -> None:
    found = bench_standins.measure_memory(reads_max=4)
    assert found.records_mb > 30.0, found
    assert 0 < found.beside_mb < bench_standins.PSS_BAR_MB, found
