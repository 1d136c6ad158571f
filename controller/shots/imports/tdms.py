"""TDMS of LabVIEW, through npTDMS where it is installed (``pip install sparkgap[tdms]``; LGPL, used as a library)."""

from io import BytesIO

import numpy as np

from controller.shots.imports.trace import TRACES_MAX, BadFile, Trace, from_steps, from_values

EXTRA = "install the extra: pip install 'sparkgap[tdms]'"


def read_tdms(data: bytes, name: str) -> list[Trace]:
    """Every channel with samples: by its waveform properties, or against a channel ``Time`` of its group.

    Raises BadFile, also when npTDMS is not installed.
    """
    try:
        from nptdms import TdmsFile
    except ImportError:
        raise BadFile("TDMS needs npTDMS, which is not installed", EXTRA) from None
    try:
        file = TdmsFile.read(BytesIO(data))
        groups = [(group.name, [(item.name, dict(item.properties), item[:]) for item in group.channels()])
                  for group in file.groups()]  # fmt: skip
    except Exception as error:  # npTDMS raises whatever struct, numpy and its own checks raise on a damaged file
        raise BadFile(f"npTDMS cannot read it: {type(error).__name__}: {str(error)[:120]}") from error
    traces: list[Trace] = []
    for group, channels in groups:
        times = next((samples for label, _, samples in channels if label.lower() in ("time", "t", "t_s")), None)
        for label, properties, samples in channels:
            if samples is times or not len(samples):
                continue
            title, unit = f"{group}/{label}", str(properties.get("unit_string") or "1")
            try:
                values = np.asarray(samples, dtype=np.float64)
                if "wf_increment" in properties:
                    start_s = float(properties.get("wf_start_offset", 0.0))
                    traces.append(from_steps(title, unit, float(properties["wf_increment"]), start_s, values))
                elif times is not None:
                    traces.append(from_values(title, unit, np.asarray(times, dtype=np.float64), values))
            except (TypeError, ValueError) as error:
                raise BadFile(f"{title}: {error}", getattr(error, "remedy", "export numbers")) from None
    if not traces or len(traces) > TRACES_MAX:
        raise BadFile(f"{len(traces)} channels with samples and times", f"give 1 to {TRACES_MAX} waveforms")
    return traces
