"""What the packages of the chain do to the process, and what they may not."""

import subprocess
import sys

CODE = """
import sys
before = sys.getrecursionlimit()
from scanner.chain.packages import imported
for name in ("multicall.constants", "multicall.utils", "web3"):
    imported(name)
assert sys.getrecursionlimit() == before, sys.getrecursionlimit()
import json
try:
    json.loads("[" * 100_000)
except RecursionError:
    print("refused")
"""


def test_nested_answers_are_refused_and_do_not_end_the_process():
    """py_ecc raises the recursion limit to 100,000: the C stack would overflow before it."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr
