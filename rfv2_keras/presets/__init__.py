"""Released models by name, such as "roformer_v2_base": fetched once, then read from a cache."""

from rfv2_keras.presets.cache import PresetCache
from rfv2_keras.presets.preset import Preset, find_preset, presets

__all__ = ["Preset", "PresetCache", "find_preset", "presets"]
