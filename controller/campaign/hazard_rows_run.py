"""PURE: hazards of a bench that runs: rows 42-46 of safety.md 2.3, and its parts of rows 17, 18 and 20."""

from controller.campaign.hazard_rows_bench import ESTIMATE, OF_RUN, one
from controller.campaign.hazard_types import Excuse, Hazard, Injection, Limit, Variant
from controller.campaign.profiles import Stage

COLD = frozenset({Stage.COLD, Stage.DEAD})
OVER = frozenset({Stage.VERIFY, Stage.EMPTY, Stage.OVER})
NO_PULSES = frozenset({Stage.RUN_DOWN}) | OVER
"""No pulse comes any more."""

DISARMED = Excuse("windows hold while the bench is armed only: it is not armed any more, or not for as long", NO_PULSES)
NO_MORE_PULSES = Excuse("the pulses are over: what shows in a pulse only shows no more", NO_PULSES)
DISCHARGED = Excuse("the line is empty or emptied: there is nothing to fire", OVER)
_NO_DRIVE = Excuse(
    "the beam is without drive: there is no wave to reflect, to arc or to leak", profiles=frozenset({"no-drive"})
)
_OWN_CHECK = Excuse("the profile itself makes this latch come, and expects it", profiles=frozenset({"trip-check"}))
_UNCOUNTED = Excuse(
    "the run ends by its time, not by a number", profiles=frozenset({"trip-check", "power-sweep", "conditioning"})
)
_WEAK_ARC = Excuse(
    "at this low voltage an arc draws less than the tube's beam at full one",
    profiles=frozenset({"low-voltage", "trip-check"}),
)
_LITTLE_RF = Excuse(
    "so few pulses or so little drive leak less than the limit through an open flange",
    profiles=frozenset({"low-voltage", "conditioning", "trip-check", "single-pulse", "power-sweep"}),
)
_SLOWLY = Excuse("it drifts so slowly that the run is over before it has left its window")
_LITTLE = Excuse(
    "so little drive makes no wave that a comparator could see", profiles=frozenset({"low-voltage", "conditioning"})
)

_PULSE = Limit(scans=1)
_TRIP_IN_PULSE = ("RETRIES",)
_INHIBITED = ("the PLC tripped", "pulses inhibited", "not done within", "retries")
_WINDOW = ("WINDOW",)
_COLD_SAYS = ("windows", "not done within", "warm", "the PLC refused")
"""Before the permit a window that does not fit keeps the bench from being armed."""


def _latched(name: str, *faults: str, inhibits: tuple[str, ...], excuses: tuple[Excuse, ...] = ()) -> Variant:
    return Variant(
        name,
        Injection(faults or (f"plant.{name}",)),
        _PULSE,
        trips=_TRIP_IN_PULSE,
        says=_INHIBITED,
        exits=(3, 0, 1),
        excuses=(NO_MORE_PULSES, *excuses),
        inhibits=inhibits,
        marks=True,
        runs=True,
    )


_NOWHERE: tuple[frozenset[Stage], Limit] = (frozenset(), Limit())


def _window(
    name: str,
    *faults: str,
    wait_s: float,
    excuses: tuple[Excuse, ...] = (),
    instead: tuple[frozenset[Stage], Limit] = _NOWHERE,
) -> Variant:
    return Variant(
        name,
        Injection(faults or (f"plant.{name}",)),
        Limit(scans=1, seconds=wait_s),
        trips=_WINDOW,
        says=_COLD_SAYS,
        excuses=(DISARMED, *excuses),
        instead=instead,
        runs=True,
        armed=True,
    )


_GAUGE_S = 0.05
"""A gauge's own time (10 to 50 ms, physics.md B6), with the window's debounce of one scan."""


def _vacuum(name: str, *faults: str, inhibits: tuple[str, ...] = ("VACUUM", "WINDOW")) -> Variant:
    return Variant(
        name,
        Injection(faults or (f"plant.{name}",)),
        Limit(scans=1, seconds=_GAUGE_S),
        trips=("RETRIES", "WINDOW"),
        says=(*_INHIBITED, *_COLD_SAYS, "vacuum"),
        exits=(3, 0, 1),
        excuses=(DISARMED,),
        inhibits=inhibits,
        marks=True,
        runs=True,
        armed=True,
    )


_RF_MONITOR_S, _XRAY_MONITOR_S = 0.2, 1.0
"""The monitors' own times; the window's debounce is one scan."""
_FLOW_S = 1.0
"""safety.md row 45: 1 s in all, of which 0.5 s are debounce; water needs the rest to stop."""
_REFUSED = (frozenset({Stage.COLD, Stage.PERMIT}), Limit(seconds=0.5))
"""These windows hold from CHARGE on: the permit is taken back as CHARGE is refused."""

RUN_ROWS: tuple[Hazard, ...] = (
    Hazard(
        "07",
        "",
        "",
        "",
        (
            Variant(
                "line_leak",
                one("plant.module_1_leak"),
                Limit(event="before it is believed"),
                trips=("PREFIRE", "CHARGE_TIME", "CHARGE_ENVELOPE"),
                says=(*ESTIMATE, *OF_RUN, "the PLC went to", "the PLC refused"),
                exits=(3, 4),
                excuses=(
                    Excuse("the charger holds the line: 0.1 A more do not show", frozenset({Stage.CHARGED, Stage.RUN})),
                    Excuse("the line is emptied, and what leaks helps", NO_PULSES),
                ),
                runs=True,
            ),
        ),
    ),
    Hazard(
        "17",
        "",
        "",
        "",
        (
            Variant(
                "switch_prefires",
                one("plant.thyratron_prefires"),
                Limit(scans=1),
                trips=("PULSE_OVERRUN", "PREFIRE"),
                excuses=(
                    Excuse("below 5 kV the switch does not fire by itself", profiles=frozenset({"low-voltage"})),
                    DISCHARGED,
                    Excuse(
                        "the gate is open: a pulse that comes by itself counts as the run's", frozenset({Stage.RUN})
                    ),
                ),
                instead=(frozenset({Stage.RUN}), Limit(event="the run's number and duty")),
                runs=True,
            ),
            Variant(
                "switch_latches_through",
                one("plant.thyratron_latch_through"),
                _PULSE,
                trips=_TRIP_IN_PULSE,
                says=_INHIBITED,
                exits=(3, 0, 1),
                inhibits=("OVER_CURRENT",),
                marks=True,
                runs=True,
                excuses=(NO_MORE_PULSES,),
            ),
        ),
    ),
    Hazard(
        "18",
        "",
        "",
        "",
        (
            Variant(
                "switch_dead",
                one("plant.thyratron_dead"),
                Limit(event="no pulse comes"),
                says=("not done within", "pulses"),
                marks=True,
                runs=True,
                excuses=(NO_MORE_PULSES,),
            ),
        ),
    ),
    Hazard(
        "20",
        "",
        "",
        "",
        (
            Variant(
                "gate_stuck_open",
                one("plant.pulse_gate_stuck_open"),
                Limit(scans=1),
                trips=("PULSE_OVERRUN", "PREFIRE"),
                excuses=(Excuse("nothing triggers beyond what the gate allows"),),
                runs=True,
            ),
            Variant(
                "limiter_dead",
                one("plant.duty_limiter_dead"),
                Limit(event="nothing happens"),
                trips=("PULSE_OVERRUN",),
                excuses=(Excuse("the trigger generator keeps to its rate: the limiter has nothing to stop"),),
                runs=True,
            ),
            Variant(
                "counter_stuck",
                one("plant.pulse_counter_stuck"),
                Limit(event="the run ends"),
                says=("not done within", "pulses"),
                marks=True,
                excuses=(NO_MORE_PULSES, _UNCOUNTED),
                runs=True,
            ),
        ),
    ),
    Hazard(
        "42",
        "Vacuum burst, or a leak",
        "hard-wired: ion pump current; PLC: gauges with hold and resume",
        "no next pulse; resumed when it is good again, tripped after the retries",
        (
            _vacuum("vacuum_leak"),
            _vacuum("vacuum_burst"),
            _vacuum("vacuum_leak_latch_dead", "plant.vacuum_leak", "plant.vacuum_latch_dead"),
            _vacuum("gauge_1_dead", inhibits=("WINDOW",)),
            _vacuum("gauge_2_dead", inhibits=("WINDOW",)),
        ),
    ),
    Hazard(
        "43",
        "An arc in the gun, the window or the waveguide",
        "hard-wired in the pulse: light and peak current; PLC: retries",
        "at most 10 us and 10 J; no next pulse before the hold-off; the fifth in 10 minutes trips",
        (
            _latched("arc_gun", inhibits=("ARC", "OVER_CURRENT"), excuses=(_WEAK_ARC,)),
            _latched("arc_waveguide", inhibits=("ARC", "VSWR"), excuses=(_NO_DRIVE, _LITTLE)),
            _latched("arc_window", inhibits=("ARC",), excuses=(_NO_DRIVE, _LITTLE)),
        ),
    ),
    Hazard(
        "44",
        "High reflection: the load is missing or detuned",
        "hard-wired in the pulse: reflected over forward; PLC: retries",
        "drive off in the same pulse, no next pulse",
        (
            _latched("load_missing", inhibits=("VSWR",), excuses=(_NO_DRIVE, _LITTLE, _OWN_CHECK)),
            _latched("load_detuned", inhibits=("VSWR",), excuses=(_NO_DRIVE, _LITTLE, _OWN_CHECK)),
        ),
    ),
    Hazard(
        "45",
        "Cooling, heater or magnet lost",
        "PLC: windows on flows, temperatures and currents",
        "TRIP; what cools and heats goes on unless the fault is its own",
        (
            _window("flow_tube_lost", wait_s=_FLOW_S),
            _window("flow_magnet_lost", wait_s=_FLOW_S),
            _window("flow_load_lost", wait_s=_FLOW_S),
            _window("chiller_stopped", wait_s=_FLOW_S),
            _window("heater_open", wait_s=_FLOW_S),
            _window("heater_drift", wait_s=_FLOW_S, excuses=(_SLOWLY,)),
            _window("magnet_off", wait_s=_FLOW_S),
            _window("magnet_drift", wait_s=_FLOW_S),
        ),
    ),
    Hazard(
        "46",
        "RF leakage or x-rays, or their monitor is dead",
        "PLC: windows with a live zero",
        "TRIP",
        (
            _window("leakage_high", wait_s=_RF_MONITOR_S, excuses=(_NO_DRIVE, _LITTLE_RF)),
            _window("leakage_monitor_dead", wait_s=0.01, instead=_REFUSED),
            _window("xray_high", wait_s=_XRAY_MONITOR_S),
            _window("xray_monitor_dead", wait_s=0.01, instead=_REFUSED),
        ),
    ),
)
"""What only benches that run have; rows 17, 18 and 20 are added to those of every bench."""
