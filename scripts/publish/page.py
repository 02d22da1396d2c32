"""The site, and what it shows in words."""

import io

from publish.github import fenced, put, summary
from publish.guard import guarded
from publish.settings import COMPLETE, MEANING, Settings
from scanner import reading
from scanner.deployments import chain_info
from scanner.errors import BandscanError
from scanner.outputs.screen import Screen
from scanner.outputs.summary import show_summary

BUILD_LIMIT = 1200.0  # [s]
# Hours after which a page calls itself old: a run each six, late by up to two, is no reason.
OLD = 8
WIDTH = 100  # of the text on the run's page


def run(settings: Settings) -> None:
    """Build the site from the newest complete scan; puts out `built`.

    `bandscan report` marks every page where the scan that just ended was not a complete one.
    """
    code = settings.scan_exit
    command = ["bandscan", "report", "--store", str(settings.store), "--out", str(settings.site)]
    command += ["--stale", str(OLD), "--scan-exit", str(code)]
    if settings.site_url:
        command += ["--site-url", settings.site_url]
    if guarded(command, BUILD_LIMIT, settings.grace) != 0:
        raise BandscanError(
            "The site could not be built; the published page stays as it is.",
            fix="see the messages above",
        )
    put(built=True)
    fresh = code == COMPLETE
    summary(
        "The page is up to date" if fresh else "The page shows the last complete scan and says so",
        "" if fresh else MEANING[code],
        fenced(in_words(settings)),
    )


def in_words(settings: Settings) -> str:
    """Bands and certificate of the scan that a reader sees, as `bandscan scan` prints them."""
    document = reading.newest(settings.store, settings.chain).document
    name = chain_info(document["chain_id"]).name
    text = io.StringIO()
    screen = Screen(text)
    screen.width = WIDTH
    show_summary(screen, document, name[:1].upper() + name[1:])
    return text.getvalue()
