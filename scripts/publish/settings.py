"""What the environment says.

CHAIN        what to scan (ethereum)
STORE        the store's directory (store)
SITE         where the site goes (site)
SITE_URL     where it will be read, for its feed and its link cards (none)
MINUTES      how long a scan may take, at most 300 (300)
GRACE        seconds it then has to stop by itself before it is killed (120)
SCAN_EXIT    for `report`: the exit code that `scan` put out (0)
MATCHED_KEY  for `restore`: the key of the cache that was restored (none)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from scanner.errors import UsageError

# The job's own limit, less the time that saving the store and building the site may take.
LONGEST = 300.0  # [minutes]
COMPLETE, REFUSED, STOPPED, NO_ENDPOINT = 0, 2, 3, 4
MEANING = {
    COMPLETE: "The scan is complete.",
    REFUSED: "The scan was refused; nothing stored was touched.",
    STOPPED: "The scan is incomplete or was stopped half way; all it found is kept.",
    NO_ENDPOINT: "The scan found no endpoint that it could use.",
}


@dataclass(frozen=True)
class Settings:
    """`seconds` and `grace` are seconds; `scan_exit` is a key of MEANING."""

    chain: str
    store: Path
    site: Path
    site_url: str
    seconds: float
    grace: float
    scan_exit: int
    matched_key: str

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """The settings in `environment`; one that is empty counts as not there.

        Raises
        ------
        UsageError
            One that cannot be meant.
        """

        def said(name: str, default: str = "") -> str:
            return environment.get(name, "").strip() or default

        code = said("SCAN_EXIT", "0")
        if code not in map(str, MEANING):
            known = ", ".join(map(str, MEANING))
            raise UsageError(f'SCAN_EXIT is "{code}", which no scan ends with.', known=known)
        return cls(
            chain=said("CHAIN", "ethereum"),
            store=Path(said("STORE", "store")),
            site=Path(said("SITE", "site")),
            site_url=said("SITE_URL"),
            seconds=60 * _number("MINUTES", said("MINUTES", f"{LONGEST:g}"), LONGEST),
            grace=_number("GRACE", said("GRACE", "120"), 600),
            scan_exit=int(code),
            matched_key=said("MATCHED_KEY"),
        )


def _number(name: str, text: str, most: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= most:
        raise UsageError(
            f'{name} is "{text}".', fix=f"give a number above 0 and not above {most:g}"
        )
    return number
