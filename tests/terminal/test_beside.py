"""Work beside the main thread is begun once, and its errors end nothing."""

import threading

from study.terminal.beside import Beside


def test_it_runs_once_in_another_thread():
    threads = []
    beside = Beside(lambda: threads.append(threading.current_thread()))
    beside.wait()
    assert threads == [], "it has not begun"
    beside.start()
    beside.start()
    beside.wait()
    [thread] = threads
    assert thread is not threading.current_thread()


def test_what_it_raises_is_dropped():
    beside = Beside(lambda: 1 / 0)
    beside.start()
    beside.wait()
