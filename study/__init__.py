"""A study of when small networks grok.

The path of the data: a TOML file becomes a `StudySpec` (`spec`), which expands to trials and packs
(`trials`). An engine trains a pack and reads it (`engine`, from `nets`, `tasks` and `measures`). A
detector turns readings into transitions (`detect`). `training` joins these and fills the `store`;
`search` proposes more trials; `plan` says what is left. Ray Tune runs packs (`driver`), and the
command line starts it all (`cli`). The package `analysis` reads the store.

The public names below are loaded at their first use, because torch and Ray take seconds to load.
"""

from typing import TYPE_CHECKING

from study.lazy import lazily

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

__getattr__, __dir__ = lazily(
    __name__,
    {
        "GrokkingDetector": "detect.detector",
        "GrokkingStopper": "driver.stoppers",
        "Store": "store.store",
        "load_spec": "spec.file",
        "register_net": "vocabulary.nets",
        "register_task": "vocabulary.tasks",
        "replay": "training.replay",
        "run_pack": "training.runner",
    },
)
