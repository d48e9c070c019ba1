"""Which released models there are."""

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path


@dataclass(frozen=True)
class Preset:
    """A released model.

    Attributes:
        name: such as "roformer_v2_base".
        architecture: what `build_transformer_model` calls `model`.
        archive: name of the published zip file.
        site: URL of the folder that the archive is published in.
        about: what it is, in a few words.
    """

    name: str
    architecture: str
    archive: str
    site: str
    about: str


def presets():
    """dict from name to `Preset`, of all released models that are known; `released.json` is the list."""
    listed = json.loads(resources.files(__package__).joinpath("released.json").read_text(encoding="utf-8"))
    return {
        name: Preset(name, **{**values, "site": listed["sites"][values["site"]]})
        for name, values in listed["presets"].items()
    }


def find_preset(name):
    """The `Preset` that a user means by a string, or None. A file or folder of this name comes first."""
    if not isinstance(name, str) or Path(name).exists():
        return None
    return presets().get(name)
