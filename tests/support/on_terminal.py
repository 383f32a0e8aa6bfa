"""Runs a command on a terminal of its own, and gives what it writes there."""

import os
import pty
import subprocess
import threading


def shown_on_terminal(command, stream, **environment):
    """What a command writes to a stream that is a terminal.

    Args:
        command: the words of the command.
        stream: "stdout" or "stderr".
        environment: variables beside those of this process; NO_COLOR and the locale are not kept.
    """
    terminal, far_end = pty.openpty()
    pieces = []

    def read():
        while True:
            try:
                piece = os.read(terminal, 65_536)
            except OSError:  # Linux says EIO when the other end is closed
                return
            if not piece:
                return
            pieces.append(piece)

    reader = threading.Thread(target=read)
    reader.start()
    kept = {n: v for n, v in os.environ.items() if n not in {"NO_COLOR", "LC_ALL", "LANG"}}
    there = {**kept, "TERM": "xterm", "COLUMNS": "80", "LANG": "C.UTF-8", **environment}
    try:
        subprocess.run(command, check=True, env=there, **{stream: far_end})
    finally:
        os.close(far_end)
        reader.join()
        os.close(terminal)
    return b"".join(pieces).decode().replace("\r\n", "\n")
