"""`python scripts/publish restore|scan|report`: one step of the workflow."""

import argparse
import importlib
import os
import sys
from pathlib import Path

if not __package__:  # run as a directory: its parent is where the package is imported from
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from publish import github
from publish.settings import Settings
from scanner.errors import BandscanError, UsageError

STEPS = {"restore": "restore", "scan": "scanning", "report": "page"}


def main() -> int:
    """Run the step; an error is told in the log and on the run's page."""
    parser = argparse.ArgumentParser(prog="scripts/publish", description=__doc__)
    parser.add_argument("step", choices=STEPS)
    step = importlib.import_module(f"publish.{STEPS[parser.parse_args().step]}")
    try:
        step.run(Settings.of(os.environ))
    except BandscanError as error:
        print(error, file=sys.stderr)
        github.note("error", error.what)
        return 2 if isinstance(error, UsageError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
