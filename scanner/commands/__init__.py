"""The commands, one file for each kind: parse, call, print.

answering.py   what the commands that read stored scans share
scan.py        scan
lists.py       bands, ticks, positions, account
levels.py      levels
history.py     scans, history, diff
report.py      report
accounts.py    accounts
doctor.py      doctor
verify.py      verify
tokens.py      tokens
serve.py       serve
watch.py       watch
liquidations.py liquidations, backtest

Nothing heavy is imported before a command runs.
"""

COMPLETE, USAGE, INCOMPLETE, UNUSABLE = 0, 2, 3, 4
"""Exit codes of the commands. 4, no endpoint was usable, is mostly an error's own."""
