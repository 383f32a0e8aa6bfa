"""What adaptive searches leave in a store: their proposals, and journals for optuna-dashboard."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from study.store.files import Files

_NAME = "search.json"
_REMEDY = "Delete the file: the search asks for its trials again."


class Searches:
    """Reads and writes search.json and the journals beside it."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def proposals(self) -> dict[str, list[list[Any]]]:
        """The JSON of search.json: the proposals so far, rows by setting; none without a file.

        Raises: DamagedError where the file is cut short; see `study.search.proposals.recorded`.
        """
        content = self._files.get_json(_NAME, _REMEDY) or {}
        # Only the JSON is checked here; `recorded` checks the rows.
        return cast("dict[str, list[list[Any]]]", content)

    def write_proposals(self, proposals: Mapping[str, Sequence[Sequence[object]]]) -> None:
        """Replace search.json."""
        self._files.put(_NAME, json.dumps(proposals).encode())

    def set_damaged_aside(self) -> None:
        """Copy a damaged search.json to another name, before the file is written anew."""
        if (content := self._files.get(_NAME)) is not None:
            self._files.put(f"{_NAME}.damaged", content)

    def write_journal(self, name: str, content: bytes) -> None:
        """Replace what optuna-dashboard reads of one search."""
        self._files.put(f"{name}.log", content)
