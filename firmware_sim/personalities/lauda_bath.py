"""PURE: the bath of a chiller and the loop it cools: two heat capacities, a pump between them (figures made up).

``C_bath dT/dt = P_control - G_pump (T - T_loop) - G_loss (T - T_room)`` and ``C_loop dT/dt = G_pump (T - T_loop) +
P_load``; the controller is proportional plus integral, limited to what heater and compressor can do.
"""

import math

HEATER_W, COMPRESSOR_W = 2500.0, 800.0
BATH_J_K, LOOP_J_K = 20_000.0, 8_000.0
"""Some ten litres of oil, and four in hoses and load."""

LOSS_W_K = 4.0
PUMP_W_K = 60.0
"""Heat carried per kelvin and pump step."""

STANDING_W_K = 1.0
"""What creeps between bath and loop while the pump stands."""

PROPORTIONAL_W_K = 800.0
INTEGRAL_S = 120.0
PRESSURE_BAR = 0.08
"""Pump pressure per step."""

STEP_S = 1.0
STEPS_MAX = 2000
"""Longer pauses take longer steps: implicit steps stay stable, and nobody looked meanwhile."""


class Bath:
    """Temperatures in degrees Celsius. ``external`` False: no Pt100 probe in the loop."""

    def __init__(self, *, room_c: float = 22.0, load_w: float = 0.0, external: bool = True) -> None:
        self.bath_c = room_c
        self.loop_c = room_c
        self.load_w = load_w
        self.set_point_c = 20.0
        self.running = False
        self.cooling = True
        self.pump = 4
        self.by_external = False
        self._room_c = room_c
        self._external = external
        self._integral_w = 0.0

    @property
    def external_c(self) -> float | None:
        """What the Pt100 in the loop says."""
        return self.loop_c if self._external else None

    @property
    def controlled_c(self) -> float:
        """The temperature that is held at the set-point."""
        return self.loop_c if self.by_external and self._external else self.bath_c

    @property
    def pressure_bar(self) -> float:
        """Behind the pump."""
        return self.pump * PRESSURE_BAR if self.running else 0.0

    def advance(self, elapsed_s: float) -> None:
        """Let ``elapsed_s`` pass."""
        if elapsed_s <= 0:
            return
        steps = min(STEPS_MAX, math.ceil(elapsed_s / STEP_S))
        for _ in range(steps):
            self._step(elapsed_s / steps)

    def _step(self, step_s: float) -> None:
        """One implicit Euler step of both temperatures."""
        power_w = self._control_w(step_s)
        between = self.pump * PUMP_W_K if self.running else STANDING_W_K
        a = BATH_J_K / step_s + between + LOSS_W_K
        d = LOOP_J_K / step_s + between
        right_bath = BATH_J_K / step_s * self.bath_c + power_w + LOSS_W_K * self._room_c
        right_loop = LOOP_J_K / step_s * self.loop_c + self.load_w
        determinant = a * d - between * between
        self.bath_c = (right_bath * d + between * right_loop) / determinant
        self.loop_c = (a * right_loop + between * right_bath) / determinant

    def _control_w(self, step_s: float) -> float:
        if not self.running:
            self._integral_w = 0.0
            return 0.0
        error_k = self.set_point_c - self.controlled_c
        lowest_w = -COMPRESSOR_W if self.cooling else 0.0
        wanted_w = PROPORTIONAL_W_K * error_k + self._integral_w
        power_w = min(max(wanted_w, lowest_w), HEATER_W)
        if power_w == wanted_w:
            self._integral_w += PROPORTIONAL_W_K * error_k * min(step_s, INTEGRAL_S) / INTEGRAL_S
        return power_w
