"""A study of when small networks grok.

The path of the data: a TOML file becomes a `StudySpec` (`spec`), which expands to trials and packs
(`trials`). An engine trains a pack and reads it (`engine`, from `nets`, `tasks` and `measures`). A
detector turns readings into transitions (`detect`). `training` joins these and fills the `store`;
`search` proposes more trials; `plan` says what is left. Ray Tune runs packs (`driver`), and the
command line starts it all (`cli`). The package `analysis` reads the store.

The public names below are loaded at their first use, because torch and Ray take seconds to load.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from study.detect.detector import GrokkingDetector
    from study.driver.stoppers import GrokkingStopper
    from study.spec.file import load_spec
    from study.store.store import Store
    from study.training.replay import replay
    from study.training.runner import run_pack
    from study.vocabulary.nets import register_net
    from study.vocabulary.tasks import register_task

__all__ = [
    "GrokkingDetector",
    "GrokkingStopper",
    "Store",
    "load_spec",
    "register_net",
    "register_task",
    "replay",
    "run_pack",
]

_HOMES = {
    "GrokkingDetector": "detect.detector",
    "GrokkingStopper": "driver.stoppers",
    "Store": "store.store",
    "load_spec": "spec.file",
    "register_net": "vocabulary.nets",
    "register_task": "vocabulary.tasks",
    "replay": "training.replay",
    "run_pack": "training.runner",
}


def __getattr__(name: str) -> Any:
    """Load a public name at its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """The public names, loaded or not, for `dir` and for completion."""
    return __all__
