"""The threads of a live page. Each does one job, and ends with the process wherever it then is.

They are daemons: Ctrl-C waits neither for a fit of laws nor for a bucket. Python cannot stop a
thread that is in the hands of a library. A process that has such threads therefore ends by
`study.terminal.console.end_despite_threads`, before the exit handlers of libraries wait for them.
"""

from collections.abc import Callable
from threading import Thread, main_thread

END_SECONDS = 1.0


def process_ends() -> bool:
    """Whether the main thread has ended, or ends within END_SECONDS; for a job that has failed.

    No pool takes work from then on. Python closes its pools before the main thread counts as ended.
    """
    main_thread().join(END_SECONDS)
    return not main_thread().is_alive()


def start_job(name: str, job: Callable[[], None]) -> Thread:
    """Start a job in a daemon thread. It may raise anything once the process ends.

    Args:
        name: of the thread.
        job: is called in the thread.
    """

    def do() -> None:
        try:
            job()
        except Exception:
            if not process_ends():
                raise

    thread = Thread(target=do, name=name, daemon=True)
    thread.start()
    return thread
