"""A command under a time limit, stopped the way that bandscan likes to be stopped."""

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from publish.github import quoting
from scanner.errors import BandscanError


def guarded(command: Sequence[str | Path], seconds: float, grace: float) -> int:
    """Run `command`, ask it to stop after `seconds` [s], kill it `grace` [s] later.

    A signal to us, as a cancelled run sends one, is passed on.

    Returns
    -------
    int
        Its exit code; negative where a signal ended it.

    Raises
    ------
    BandscanError
        It could not be started.
    """
    try:
        # One stream, so that nothing it prints falls outside the quotation.
        with quoting(), subprocess.Popen(command, stderr=subprocess.STDOUT) as child:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: child.terminate())
            try:
                return child.wait(seconds)
            except subprocess.TimeoutExpired:
                print(f"The time is up after {seconds / 60:g} minutes: stopping.", flush=True)
                child.terminate()
            try:
                return child.wait(grace)
            except subprocess.TimeoutExpired:
                child.kill()
                return child.wait()
    except OSError as error:
        raise BandscanError(
            f"{command[0]} could not be started: {error.strerror}.",
            fix="pip install '.[report]'",
        ) from error
