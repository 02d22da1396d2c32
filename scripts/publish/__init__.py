"""The steps of .github/workflows/report.yml that are more than a line; they run without GitHub too.

    python scripts/publish restore   go on with the stored scans, or stop where they cannot be had
    python scripts/publish scan      scan under a time guard; all it found stays in the store
    python scripts/publish report    build the site from the newest complete scan in the store

Settings are environment variables (settings.py). What later steps need goes to $GITHUB_OUTPUT and
what people read to $GITHUB_STEP_SUMMARY, or to stdout where those are not set. Exit codes: 0 the
step did its part, whatever the scan said; 1 it could not; 2 a setting that cannot be meant.

settings.py   what the environment says
github.py     outputs, summary, notes on the run's page, and questions to GitHub
guard.py      a command under a time limit
restore.py    where the store comes from
scanning.py   the scan, and what the later steps are to do
page.py       the site
"""
