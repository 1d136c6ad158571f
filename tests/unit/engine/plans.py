"""Plans for engine tests: the order of a full shot without any YAML."""

from controller.sequencer.plan import Energy, Plan, ShotKind, Step, StepKind

K = StepKind
FULL = (
    (K.SELF_TEST, Energy.DEAD),
    (K.CONFIGURE, Energy.DEAD),
    (K.ARM, Energy.DEAD),
    (K.WARN, Energy.DEAD),
    (K.PERMIT, Energy.CHARGING),
    (K.CHARGE, Energy.CHARGED),
    (K.FLOAT, Energy.CHARGED),
    (K.COUNTDOWN, Energy.CHARGED),
    (K.ISOLATE, Energy.CHARGED),
    (K.FIRE, Energy.FIRING),
    (K.VERIFY, Energy.DEAD),
    (K.TRANSFER, Energy.DEAD),
)


def full_plan() -> Plan:
    """A plan with every step of a full shot."""
    steps = tuple(
        Step(kind.value, kind, 20.0, energy, duration_s=1.0 if kind in (K.FLOAT, K.COUNTDOWN) else 0.0)
        for kind, energy in FULL
    )
    return Plan(
        profile="test",
        title="test",
        rig="bench",
        kind=ShotKind.FULL,
        load="rails",
        steps=steps,
        module_mask=0b1111,
        charge_voltage_v=3000.0,
        charge_current_a=1.0,
        tolerance_v=30.0,
        trigger_delays_s=(0.0, 0.0, 0.0, 0.0),
        scopes=(),
        daq_ranges_v={},
        instruments={},
        measurements=(),
        parameters={},
        checklist=(),
        purpose="",
        bank_capacitance_f=4e-3,
        v_safe_v=50.0,
        dump_tau_s=0.1,
        stored_energy_j=18e3,
        profile_text=b"",
        profile_sha256="00" * 32,
        rig_text=b"",
        rig_sha256="00" * 32,
    )
