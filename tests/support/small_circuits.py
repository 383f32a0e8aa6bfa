"""A store of small nets with every fate that a circuit's trial can have, trained in seconds."""

from study.plan.plan import start_study
from study.spec.file import resolve
from study.store.store import Store
from study.training.runner import run_pack

STUDY = {
    "name": "small_circuits",
    "seeds": 2,
    "axes": {
        "n": 20, "k": 2, "width": 60, "train_size": 150,
        "weight_decay": 0.02, "learning_rate": 0.1, "batch_size": 32,
    },
    "data": {"test_rows": 200},
    "budget": {"epochs": 160},
    "detect": {"hold": 1, "stop": False},
    "readings": {"keep_per_decade": "all"},
    "settings": [
        {"label": "standard"},
        {"label": "weight decay 0.001", "axes": {"weight_decay": 0.001}, "budget": {"epochs": 22}},
        {"label": "early", "axes": {"width": 50}, "budget": {"epochs": 1}},
        {"label": "stopped", "axes": {"width": 48}, "detect": {"stop": True}},
        {"label": "diverged", "axes": {"learning_rate": 100.0}, "train": {"loss": "square"}},
    ],
}  # fmt: skip


def train(folder):
    """Train the study into `folder` and give its store."""
    store = Store(folder / STUDY["name"])
    for pack in start_study(resolve(STUDY), store, ["study", "run", "small"]).packs:
        for _ in run_pack(pack, store):
            pass
    return store
