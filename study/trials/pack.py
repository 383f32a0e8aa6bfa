"""Packs: trials of one setting and one shape, trained together."""

from dataclasses import dataclass
from functools import cached_property

from pydantic import BaseModel, ValidationError

from study.errors import SpecError
from study.spec.models import Setting
from study.spec.validated import validated
from study.trials.identity import digest
from study.trials.trial import Trial, recorded_point
from study.vocabulary.axes import AxisValue, AxisValues


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

    def to_json(self) -> dict[str, object]:
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
    def from_json(cls, data: object) -> "Pack":
        """Inverse of `to_json`.

        Raises: SpecError where the data is not a pack, or the setting breaks a rule.
        """
        try:
            content = _PackContent.model_validate(data)
        except ValidationError:
            raise SpecError("a pack lists its trials") from None
        setting = validated(Setting, content.setting)
        return cls(tuple(_trial(content.study, setting, member) for member in content.members))


class _PackContent(BaseModel):
    """The JSON of a pack before its setting is read."""

    study: str
    setting: object
    members: tuple[dict[str, AxisValue], ...]


def _trial(study: str, setting: Setting, member: AxisValues) -> Trial:
    """The trial of a member: its seed, and its axes by name. Old packs lack newer axes."""
    seed = member.get("seed")
    if not isinstance(seed, int):
        raise SpecError("a pack lists its trials")
    return Trial(study, setting, recorded_point(setting, member), seed)
