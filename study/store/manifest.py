"""study.json: the spec and every start of a study, checked."""

from collections.abc import Mapping

from pydantic import Field

from study.spec.models import Setting, StudySpec
from study.spec.validated import validated
from study.store.record import Count, Moment, Record
from study.store.store import MANIFEST, MANIFEST_REMEDY, Store
from study.vocabulary.columns import SCHEMA_VERSION


class Start(Record):
    """A command that trained something.

    Attributes:
        started: when.
        node: the machine of the command's driver; the first stores did not name it.
        process: the id of the driver's process.
        command: as it was typed.
        done_before: how many trials were stored already.
        versions: of this package and of those it computes with, by name.
        commit: of this package, where it ran from a checkout.
    """

    started: Moment
    node: str = "an unnamed machine"
    process: Count = 0
    command: str = ""
    done_before: Count = 0
    versions: dict[str, str] = Field(default_factory=dict)
    commit: str = ""

    @property
    def code(self) -> dict[str, str]:
        """What trained: the versions and the commit."""
        return {**self.versions, "commit": self.commit}


class Manifest(Start):
    """study.json. `started` is of the first start; the other keys of a start are of the latest.

    Attributes:
        spec: the study file as it was last run.
        settings: every setting that was ever run, by label, as it was last run.
        starts: all commands that trained something, the latest last; empty in the first stores.
        schema_version: of the tables.
    """

    spec: dict[str, object]
    settings: dict[str, dict[str, object]] = Field(default_factory=dict)
    starts: tuple[Start, ...] = ()
    schema_version: int | None = None

    @classmethod
    def begun(
        cls, spec: dict[str, object], settings: dict[str, dict[str, object]], start: Start
    ) -> "Manifest":
        """The manifest of a new study.

        Args:
            spec: the study as JSON.
            settings: the settings of the study as JSON, by label.
            start: the first command.
        """
        first = {**start.to_json(), "spec": spec, "settings": settings, "starts": (start,)}
        return cls(**first, schema_version=SCHEMA_VERSION)

    def started_again(self, start: Start) -> "Manifest":
        """The manifest after another command that trains; the start of the study stays."""
        # The first stores have no list of starts. Their own start becomes the first of the list.
        own = {
            name: getattr(self, name) for name in self.model_fields_set & Start.model_fields.keys()
        }
        latest = {name: getattr(start, name) for name in start.model_fields_set - {"started"}}
        starts = (*(self.starts or (Start(**own),)), start)
        return self.changed(**latest, starts=starts, schema_version=SCHEMA_VERSION)

    @property
    def latest(self) -> Start:
        """The command that trained last."""
        return self.starts[-1] if self.starts else self


def read_manifest(store: Store) -> Manifest:
    """study.json of a store; raises StoreError where the file breaks a rule."""
    return manifest_of(store.manifest(), store.address_of(MANIFEST))


def manifest_of(content: Mapping[str, object], shown: str) -> Manifest:
    """The manifest that the content of a study.json is.

    Args:
        content: JSON that was read already.
        shown: the address of the file, for messages.
    Raises: StoreError where the content breaks a rule.
    """
    return Manifest.checked(content, shown, MANIFEST_REMEDY)


def stored_spec(store: Store) -> StudySpec:
    """The study that a store was last run with."""
    shown = f"{store.address_of(MANIFEST)}: spec."
    return validated(StudySpec, store.manifest().get("spec"), shown)


def stored_settings(store: Store) -> dict[str, Setting]:
    """Every setting that a store was ever run with, by its label, as it was last run."""
    shown = f"{store.address_of(MANIFEST)}: settings."
    settings = read_manifest(store).settings
    return {label: validated(Setting, setting, shown) for label, setting in settings.items()}
