"""PURE: faults that change a part's own state, carried out; the other ones are looked up where they act."""

from firmware_sim.plant.bank import Bank
from firmware_sim.plant.chain import Chain
from firmware_sim.plant.charger import Charger
from firmware_sim.plant.faults import COMMON_GAIN, WRONG_RANGE, module_of
from firmware_sim.plant.parameters import BankParameters
from firmware_sim.plant.relays import Stuck
from firmware_sim.plant.terminals import Terminals


def break_part(
    fault_id: str,
    on: bool,
    t_ns: int,
    charger: Charger,
    chain: Chain,
    bank: Bank,
    terminals: Terminals,
    p: BankParameters,
) -> None:
    """Break (``on``) or mend what ``fault_id`` is about."""
    if fault_id == "overvoltage":
        charger.ignores_set_point = on
    elif fault_id == "charger_runaway":
        charger.ignores_inhibit = on
    elif fault_id == "charger_dead":
        charger.dead = on
    elif fault_id == "charger_setpoint_lost":
        charger.share = 0.0 if on else 1.0
    elif fault_id == "charger_wrong_range":
        charger.share = WRONG_RANGE if on else 1.0
    elif fault_id == "rebound_high":
        bank.set_rebound_factor(p.rebound_fault_factor if on else 1.0)
    elif (leaking := module_of(fault_id, "leak")) is not None:
        bank.set_leak(leaking, p.leak_fault_ohm if on else None)
    elif (module := module_of(fault_id, "uncharged")) is not None:
        bit = 1 << module
        bank.uncharged = bank.uncharged | bit if on else bank.uncharged & ~bit
    elif fault_id in chain.jams:
        relay, stuck = chain.jams[fault_id]
        relay.stick(stuck if on else Stuck.NOT, t_ns)
    elif fault_id.startswith(("probe_", "probes_", "voltage_", "selftest_")):
        charger.sense = COMMON_GAIN if on and fault_id == "voltage_common_gain" else 1.0
        terminals.inject(fault_id, on, t_ns)
    else:
        chain.break_mirror(fault_id, on)
