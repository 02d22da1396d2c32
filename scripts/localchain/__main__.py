"""`python scripts/localchain`: build a local chain, say where it is, keep it until told to stop."""

import sys
from pathlib import Path

if not __package__:  # run as a directory: its parent is where the package is imported from
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from localchain.cli import main

if __name__ == "__main__":
    sys.exit(main())
