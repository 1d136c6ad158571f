"""PURE: what can be broken in the utilities, by id; :class:`~firmware_sim.plant.utilities.services.Services` acts."""

from collections.abc import Mapping, Sequence

GAUGE_FACTOR = 0.1
"""``gauge_n_low``: the gauge reads a tenth of the pressure; the other one shows it up."""

_FIXED = {
    "vacuum_leak": "a leak opens into the vacuum",
    "vacuum_burst": "one burst of gas, as large as a breakdown makes them",
    "turbo_stopped": "the turbo pump stands still",
    "ion_pump_off": "the ion pump's supply is off",
    "chiller_stopped": "the chiller neither cools nor pumps",
    "chiller_cooling_lost": "the chiller pumps, but does not cool",
    "heater_drift": "the heater supply's current drifts away",
    "heater_open": "the heater circuit is open",
    "magnet_off": "the magnet supply's output drops out",
    "magnet_drift": "the magnet supply regulates to a wrong current",
    "leakage_high": "a flange leaks RF",
    "leakage_monitor_dead": "the RF leakage monitor draws no loop current",
    "xray_high": "a shield is missing",
    "xray_monitor_dead": "the x-ray monitor draws no loop current",
}

CIRCUIT_FAULTS = {
    "flow_{}_lost": "cooling circuit {}: no flow",
    "flow_{}_sensor_stuck": "cooling circuit {}: the flow sensor keeps its last reading",
}

GAUGE_FAULTS = {
    "gauge_{}_dead": "vacuum gauge {}: no reading",
    "gauge_{}_frozen": "vacuum gauge {}: keeps its last reading",
    "gauge_{}_low": "vacuum gauge {}: reads a tenth",
}


def list_utility_faults(circuits: Sequence[str], gauges: int) -> Mapping[str, str]:
    """Fault id -> one line, for these cooling circuits and this many gauges."""
    faults = dict(_FIXED)
    for name in circuits:
        faults |= {key.format(name): text.format(name) for key, text in CIRCUIT_FAULTS.items()}
    for number in range(1, gauges + 1):
        faults |= {key.format(number): text.format(number) for key, text in GAUGE_FAULTS.items()}
    return faults
