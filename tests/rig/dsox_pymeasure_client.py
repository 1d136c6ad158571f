"""A program of its own: PyMeasure's KeysightDSOX1102G drives a scope at the resource of its argument, prints JSON.

It knows nothing of this repository.
"""

import itertools
import json
import sys
from typing import Any

from pymeasure.instruments.keysight import KeysightDSOX1102G  # type: ignore[import-untyped]


def main(resource: str) -> None:
    """Set up, digitize, download, read everything back, and tell what happened."""
    scope = KeysightDSOX1102G(resource, read_termination="\n", write_termination="\n")
    found: dict[str, Any] = {"id": scope.id}
    scope.factory_reset()
    scope.clear_status()
    scope.default_setup()
    scope.autoscale()
    scope.run()
    scope.stop()
    found["timebase_at_reset"] = scope.timebase
    scope.timebase_setup(mode="main", offset=1e-4, horizontal_range=2e-3)
    found["timebase"] = [scope.timebase_mode, scope.timebase_offset, scope.timebase_range, scope.timebase_scale]
    scope.ch1.setup(bwlimit=False, coupling="dc", display=True, invert=False, label="pulse", offset=1.0,
                    probe_attenuation=10, vertical_range=8.0)  # fmt: skip
    found["channel"] = scope.ch1.current_configuration
    scope.acquisition_type = "hresolution"
    found["acquisition"] = [scope.acquisition_type, scope.acquisition_mode]
    scope.digitize("channel1")
    data, preamble = scope.download_data("channel1", points=2000)
    found |= {"preamble": preamble, "count": len(data), "low": min(data), "high": max(data)}
    found["rising"] = sum(1 for before, after in itertools.pairwise(data) if before < 1.3 <= after)
    scope.acquisition_mode = "segmented"
    found["segmented"] = scope.acquisition_mode
    found["errors"] = scope.ask(":SYSTem:ERRor?").strip()
    scope.shutdown()
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
