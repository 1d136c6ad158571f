"""The simulated plant of a bench: the only place that imports the code of benches, shipped or not."""

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType

from controller.app.locate import plant_package, rig_files
from controller.rig.source import Problem, Refused
from firmware_sim.plant.contract import MEMBERS, AnyPlant

BuildPlant = Callable[[int], AnyPlant]
"""Makes the plant of one bench, freshly switched on, from a seed."""


def plant_builder(rig: str) -> BuildPlant:
    """What builds the plants of a bench: its files are read once. Raises Refused, here or in what it returns."""
    path = rig_files(rig).plant
    module, text = _plant_module(rig), path.read_text(encoding="utf-8")

    def build(seed: int) -> AnyPlant:
        try:
            plant: AnyPlant = module.build(text, seed)
        except ValueError as error:
            raise Refused([Problem(str(path), 0, "", str(error), "correct it, or plant.py")]) from error
        missing = [name for name in MEMBERS if not hasattr(plant, name)]
        if missing:
            remedy = "firmware_sim/plant/contract.py says what a plant is"
            problem = f"builds a plant without {', '.join(missing)}"
            raise Refused([Problem(str(path.with_suffix(".py")), 0, "build", problem, remedy)])
        return plant

    return build


def build_plant(rig: str, seed: int) -> AnyPlant:
    """The plant that plant.py of a bench builds from its plant.yaml. Raises Refused."""
    return plant_builder(rig)(seed)


def _plant_module(rig: str) -> ModuleType:
    """plant.py as a module of a package made of the bench's folder, so that it may have helpers beside it."""
    name, folder = plant_package(rig)
    where = str(folder / "plant.py")
    if "." not in name and name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    try:
        module = import_module(f"{name}.plant")
    except (ImportError, SyntaxError) as error:
        remedy = "correct it; helpers beside it are imported with `from .helper import ...`"
        raise Refused([Problem(where, 0, "", f"cannot be imported: {error}", remedy)]) from error
    if not callable(getattr(module, "build", None)):
        remedy = "define build(text: str, seed: int) -> Plant"
        raise Refused([Problem(where, 0, "build", "there is no such function", remedy)])
    return module
