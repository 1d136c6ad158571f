"""PURE: what a tube bench will do with a plan: one ordinary pulse solved at the planned line voltage (physics.md B)."""

from firmware_sim.plant.contract import Fact, Forecast, Intention
from firmware_sim.plant.modulator.chargers import charge_line
from firmware_sim.plant.modulator.charging import DirectParameters
from firmware_sim.plant.modulator.line import energy_j
from firmware_sim.plant.modulator.tube import NOMINAL, Drive
from firmware_sim.plant.tube_bench.loads import conditions_of
from firmware_sim.plant.tube_bench.parameters import TubeBenchParameters
from firmware_sim.plant.tube_bench.shapes import PulseRequest, Shape, Shapes


def forecast(p: TubeBenchParameters, intention: Intention) -> Forecast:
    """Stored energy and time of the first charge; of a plan that pulses, one pulse at full drive and its ledger.

    Raises KeyError for a load that the bench has not.
    """
    numbers: dict[str, float] = {}
    if intention.energises:
        numbers = {
            "stored_energy_j": energy_j(p.modulator.circuit.line, intention.charge_voltage_v),
            "charge_time_s": _charge_s(p, intention),
        }
    if not intention.fires:
        return Forecast(numbers, {})
    drive = Drive(p.drive.most_w, p.drive.delay_s, p.drive.width_s, p.drive.edge_s)
    shape = Shapes(p.modulator, p.rf).of(
        PulseRequest(intention.charge_voltage_v, drive, NOMINAL, conditions_of(intention.load))
    )
    numbers |= {"peak_current_a": shape.scalars.peak_a, "module_current_a": shape.scalars.switch_a}
    return Forecast(numbers, _ledger(shape), _facts(shape))


def _charge_s(p: TubeBenchParameters, intention: Intention) -> float:
    """At the planned current where the charger can be told one."""
    volts, amperes = intention.charge_voltage_v, intention.charge_current_a
    if isinstance(p.charging, DirectParameters):
        amperes = min(amperes, p.charging.rated_a)
        return p.line_f * volts / amperes if amperes > 0.0 else float("inf")
    return charge_line(p.charging, p.line_f, volts).charge_s


def _ledger(shape: Shape) -> dict[str, float]:
    j = shape.joules
    return {
        "stored": j.line_j,
        "beam less RF": j.beam_j - j.rf_j,
        "RF in the load": j.load_j,
        "RF in walls and isolator": j.walls_j + j.back_j,
        "arcs": j.tube_arc_j + j.rf_arc_j,
        "modulator": j.circuit_j + j.ring_j,
        "left in the line": j.left_j,
    }


def _facts(shape: Shape) -> tuple[Fact, ...]:
    s = shape.scalars
    return (
        Fact("beam voltage", s.flat_top_v, "V"),
        Fact("beam current", s.flat_top_a, "A"),
        Fact("RF power at full drive", shape.radiated.power_w, "W"),
        Fact("width of the beam pulse", s.fwhm_s, "s"),
        Fact("width of the RF pulse", shape.radiated.width_s, "s"),
    )
