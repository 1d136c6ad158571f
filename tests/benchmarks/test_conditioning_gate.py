"""2,000 hours of conditioning stay within their time; the kills on them: ``bench_conditioning --kills 20``."""

from tests.benchmarks.bench_conditioning import BAR_S, run
from tests.conditioning import case


def test_2000_hours_within_the_bar():
    found = run(case.bench(1), case.PULSES)
    print(f"{found.cpu_s:.2f} s of processor time, {found.end.breakdowns} breakdowns")
    assert found.cpu_s <= BAR_S
    assert found.end.fired + found.end.inhibited == 360_000_000
    assert not found.end.control.phase.ended, "all the hours were conditioning"
