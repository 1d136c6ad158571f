"""PURE: the second configuration of the exploration: the same bench and code, with the table of a bench that runs."""

from functools import lru_cache

from firmware_sim.plc.table import RUN_RULES as TABLE_RULES
from firmware_sim.plc.table import Rules
from tests.formal.bench_faults import FAULTS, RUN_FAULTS
from tests.formal.choices import RUNS, Site
from tests.formal.plc_model import Judges, Model, initial, struck
from tests.formal.plc_runs import CI_FAULTS, RUN_DEMANDS, FaultRun, SingleRun, run_fault
from tests.formal.rule_run import RUN_PLANT_RULES, RUN_RULES
from tests.formal.rules import PLANT_RULES, SCAN_RULES, checks_of

LEFT_OUT = frozenset({"TRIP reason", "P23 slow", "P23 proof"})
"""Rules of the first table that say something else here: RUN_RULES has them anew."""
SCAN_RULES_HERE = (*(rule for rule in SCAN_RULES if rule.id not in LEFT_OUT), *RUN_RULES)
PLANT_RULES_HERE = (*PLANT_RULES, *RUN_PLANT_RULES)
JUDGES = Judges(checks_of(SCAN_RULES_HERE), PLANT_RULES_HERE)
RULE_COUNT = len(SCAN_RULES_HERE) + len(PLANT_RULES_HERE)

NARROW = Site(RUNS.times._replace(run=RUNS.times.run._replace(retries=1)), RUNS.looked_at)
"""A budget of one place: with hardware faults, whose places do not depend on each other's."""
ALL_FAULTS = (*FAULTS, *RUN_FAULTS)
QUICK_FAULTS = (
    "plc_memory",
    "gate_stuck_open",
    "counter_dead",
)
"""What the tests run; ``python -m tests.formal.explore --run`` takes all."""
assert set(QUICK_FAULTS) - set(RUN_FAULTS) <= set(CI_FAULTS)


def run_model(exact: bool = True, rules: Rules = TABLE_RULES, bad_together: int = 1, site: Site = RUNS) -> Model:
    """The real ``step`` with the table of a bench that runs."""
    return Model(rules, bad_together, exact, site, JUDGES)


def run_under(model: Model, base: FaultRun | None, *faults: str) -> FaultRun:
    """``run_fault`` with the demands of such a bench, from the nodes of ``base``."""
    starts = initial(model.site) if base is None else struck(base.graph, faults[-1])
    return run_fault(model, starts, *faults, demands=RUN_DEMANDS)


@lru_cache(maxsize=1)
def healthy_run() -> tuple[Model, FaultRun]:
    """Exactly, with a budget of two places; shared by the tests of one process."""
    model = run_model()
    return model, run_under(model, None)


@lru_cache(maxsize=1)
def faulty_runs() -> SingleRun:
    """Every fault of QUICK_FAULTS, appearing at any time, with the relaxed model."""
    model = run_model(exact=False, site=NARROW)
    base = run_under(model, None)
    return SingleRun(model, base, {name: run_under(model, base, name) for name in QUICK_FAULTS})
