"""PURE: the JSON schemas that editors use, made from the same models that check the files.

A test holds configs/schema/*.json to this. After a change of a model, write each file anew, for example
``python -c "import sys; from controller.sequencer.schema import rig_schema as s; sys.stdout.write(s())"``.
"""

import json
from typing import Any

from controller.rig.schema import RigFile
from controller.rig.scope_file import ScopeFile
from controller.sequencer.profile import ProfileFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def profile_schema() -> str:
    """configs/schema/profile.json."""
    return _text("Sparkgap profile", ProfileFile.model_json_schema())


def rig_schema() -> str:
    """configs/schema/rig.json."""
    return _text("Sparkgap rig", RigFile.model_json_schema())


def scope_schema() -> str:
    """configs/schema/scope.json."""
    return _text("Sparkgap scope verbs", ScopeFile.model_json_schema())


def _text(title: str, schema: dict[str, Any]) -> str:
    document = {**schema, "$schema": DIALECT, "title": title}
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
