"""PURE: what keeps a tube alive: vacuum, cooling, heater, magnet, dose monitors. Exact steps, hours in one call."""
