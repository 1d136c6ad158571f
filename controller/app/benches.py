"""The simulated plant of a bench, by the bench's name: the only place that imports code from ``hil_rigs``."""

from importlib import import_module

from controller.app.locate import rig_files
from firmware_sim.plant.bench import BenchPlant


def build_plant(rig: str, seed: int) -> BenchPlant:
    """The plant that ``hil_rigs/<rig>/plant.py`` builds from its plant.yaml. Raises Refused for an unknown rig."""
    files = rig_files(rig)
    module = import_module(f"hil_rigs.{rig}.plant")
    plant: BenchPlant = module.build(files.plant.read_text(encoding="utf-8"), seed)
    return plant
