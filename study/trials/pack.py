"""Packs: trials of one setting and one shape, trained together."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from study.spec.models import Setting
from study.spec.validated import validated
from study.trials.identity import digest
from study.trials.trial import Point, Trial
from study.vocabulary.axes import AXES


@dataclass(frozen=True)
class Pack:
    """Trials of one setting and one shape, trained together."""

    trials: tuple[Trial, ...]

    @cached_property
    def pack_id(self) -> str:
        """Hash of the members' ids, in order."""
        return digest([trial.trial_id for trial in self.trials])

    @property
    def setting(self) -> Setting:
        """The setting that all members share."""
        return self.trials[0].setting

    def to_json(self) -> dict[str, Any]:
        """The pack as JSON data: enough to train it anywhere without the study file."""
        first = self.trials[0]
        # The members' seeds, not the study's: each of many packs would list them all.
        seeds = {"seeds": list(dict.fromkeys(trial.seed for trial in self.trials))}
        return {
            "study": first.study,
            "setting": {**self.setting.model_dump(mode="json", exclude={"seeds"}), **seeds},
            "members": [{"seed": trial.seed, **trial.point.values()} for trial in self.trials],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Pack":
        """Inverse of `to_json`. Raises SpecError where the setting breaks a rule."""
        setting = validated(Setting, data["setting"])
        trials = []
        for member in data["members"]:
            axes = {name: member.get(name) for name in AXES}  # old packs lack newer axes
            trials.append(Trial(data["study"], setting, Point(**axes), member["seed"]))
        return cls(tuple(trials))
