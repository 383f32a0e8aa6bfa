"""How far the study of a store is, in words, for commands that conclude from what is stored."""

from study.plan.plan import make_plan
from study.store.manifest import stored_spec
from study.store.store import Store

MOST_COUNTED = 50_000  # trials of a study whose plan is made for a sentence: about a second


def standing(store: Store, stored: int | None = None) -> list[str]:
    """What a reader should know of the trials of a store, a sentence each; none where all is done.

    Of a study of more than MOST_COUNTED trials, the rows of the table are counted alone.

    Args:
        store: of the study.
        stored: how many trials the store has, where that is known already.
    Raises: StudyError where study.json cannot be read.
    """
    spec = stored_spec(store)
    if spec.size > MOST_COUNTED:
        if len(spec.settings) > 1:
            return []  # settings may share trials: then the study has fewer than its size
        ended = store.trials(columns=["trial_id"]).num_rows if stored is None else stored
        return [so_far(ended, spec.size)] if ended < spec.size else []
    plan = make_plan(spec, store)
    sentences = [so_far(plan.done, plan.planned)] if plan.done < plan.planned else []
    if plan.others:
        sentences.append(
            f"{plan.others:,} of the {plan.stored:,} stored trials are of other plans or smaller "
            "budgets; these count here, too"
        )
    return sentences


def so_far(ended: int, planned: int) -> str:
    """That a study is not done."""
    return f"so far: {ended:,} of {planned:,} trials have ended"
