"""What each column of trials means, and its unit: for `analysis columns` and data cards."""

from dataclasses import dataclass

from analysis.phases.classify import phase_rules
from study.vocabulary.columns import CROSSINGS

EPOCH, ROWS, SHARE = "epoch", "rows", "0 to 1"


@dataclass(frozen=True, slots=True)
class Meaning:
    """A column in words.

    Attributes:
        unit: of its numbers, "" for text and for numbers without a unit.
        says: what it holds.
    """

    unit: str
    says: str

    def to_json(self) -> dict[str, str]:
        """The unit and the words."""
        return {"unit": self.unit, "meaning": self.says}


def _crossings(event: str, rows: str) -> dict[str, Meaning]:
    """The columns of first crossings of an event, and of the readings before them."""
    return {
        **{
            f"{event}_epoch_{level}": Meaning(
                EPOCH, f"first reading with accuracy on {rows} rows above 0.{level}"
            )
            for level in CROSSINGS
        },
        **{
            f"{event}_after_epoch_{level}": Meaning(
                EPOCH, f"last reading before {event}_epoch_{level}"
            )
            for level in CROSSINGS
        },
    }


COLUMN_MEANINGS: dict[str, Meaning] = {
    "study": Meaning("", "name of the study"),
    "setting": Meaning("", "label of the setting"),
    "trial_id": Meaning("", "hash of everything that decides the trajectory, seed included"),
    "point_id": Meaning("", "the same without the seed"),
    "pack_id": Meaning("", "of the trials that were trained together"),
    "task": Meaning("", "what is learned"),
    "net": Meaning("", "kind of network"),
    "n": Meaning("bits", "length of an input"),
    "k": Meaning("bits", "hidden bits whose product is the label"),
    "width": Meaning("neurons", "in the hidden layer"),
    "weight_decay": Meaning("", "of the optimizer"),
    "train_size": Meaning(ROWS, "for training; null where rows are fresh every step"),
    "learning_rate": Meaning("", "of the optimizer"),
    "batch_size": Meaning(ROWS, "of one step"),
    "init_scale": Meaning("", "factor on the initial weights"),
    "modulus": Meaning("", "of arithmetic modulo a number"),
    "train_fraction": Meaning(SHARE, "share of all equations that is for training"),
    "layers": Meaning("", "of a transformer"),
    "heads": Meaning("", "of a transformer"),
    "label_noise": Meaning(SHARE, "share of training labels that are flipped"),
    "seed": Meaning("", "of data, initial weights and order"),
    "test_size": Meaning(ROWS, "for testing"),
    "steps_per_epoch": Meaning("steps", "updates in one pass over the training rows"),
    "fewer_rows": Meaning("rows", "of the training rows, all that is left from fewer_from on"),
    "fewer_from": Meaning(EPOCH, "whose pass is the first over fewer rows"),
    "budget_epochs": Meaning("epochs", "after which a trial is given up"),
    "epochs_run": Meaning("epochs", "that it was trained"),
    "ended": Meaning("", "why it was trained no longer: decided, budget, collapsed, diverged"),
    "commuting_share": Meaning(SHARE, "test equations whose swapped twin is for training"),
    "memorized_epoch": Meaning(EPOCH, "first of the readings that hold the training threshold"),
    "memorized_after_epoch": Meaning(EPOCH, "last reading before memorizing"),
    "generalized_epoch": Meaning(EPOCH, "first of the readings that hold the test threshold"),
    "generalized_after_epoch": Meaning(EPOCH, "last reading before generalizing"),
    **_crossings("memorized", "training"),
    **_crossings("generalized", "test"),
    "ungrokked_epoch": Meaning(EPOCH, "test accuracy back at 0.90 or less, held"),
    "ungrokked_after_epoch": Meaning(EPOCH, "last reading before ungrokking"),
    "final_train_accuracy": Meaning(SHARE, "at the last reading"),
    "final_test_accuracy": Meaning(SHARE, "at the last reading"),
    "final_train_loss": Meaning("", "at the last reading"),
    "final_test_loss": Meaning("", "at the last reading"),
    "final_weight_norm": Meaning("", "of all weights, at the last reading"),
    "final_effective_sparsity_train": Meaning(
        "neurons", "that predict like the whole net on training rows"
    ),
    "final_effective_sparsity_test": Meaning(
        "neurons", "that predict like the whole net on test rows"
    ),
    "device": Meaning("", "that trained it"),
    "kernel": Meaning("", "code that trained it"),
    "wall_seconds": Meaning("seconds", "of its share of a pack"),
    "code_version": Meaning("", "of this program"),
    "schema_version": Meaning("", "of this table"),
    "phase": Meaning("", ", ".join(phase_rules())),
    "delay": Meaning("epochs", "from memorizing to generalizing"),
}
