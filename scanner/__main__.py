"""`python -m scanner` is the command `bandscan`."""

from scanner.cli import main

main()
