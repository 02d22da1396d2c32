"""The I/O edge out: each module takes a finished scan and shows or writes it; none computes.

words.py      numbers, prices and untrusted symbols as text
document.py   JSON: the document, its parts, the certificate in short
records.py    the positions table as CSV or Parquet
files.py      a file appears whole or not at all
screen.py     the terminal: width, encoding, tables that shrink
summary.py    what `bandscan scan` prints
terminal.py   what the commands about one scan print
ladder.py     what `bandscan levels` prints
chronicle.py  what the commands about several scans print
site/         the static report
api/          the HTTP API, given its answers by scanner/serving/
progress.py   progress bars on stderr
"""
