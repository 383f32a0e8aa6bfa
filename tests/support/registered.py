"""The tables of tasks and nets as they were, whatever a test registers."""

from collections.abc import Iterator
from contextlib import contextmanager

from study.vocabulary.nets import NETS
from study.vocabulary.tasks import TASKS


@contextmanager
def tables_put_back() -> Iterator[None]:
    """Undo, at the end, what was registered inside."""
    before = [(table, dict(table)) for table in (TASKS, NETS)]
    try:
        yield
    finally:
        for table, rows in before:
            table.clear()
            table.update(rows)
