"""Write the schemas, or say which are out of date."""

import sys

from schemas import SCHEMAS, text
from schemas.made import FOLDER


def main() -> int:
    """0 where all is well; 1 with --check where a file is missing, stale or too many."""
    check = "--check" in sys.argv[1:]
    FOLDER.mkdir(exist_ok=True)
    found = {path.name for path in FOLDER.glob("*.json")}
    stale = sorted(found - {f"{name}.json" for name in SCHEMAS})
    for name in SCHEMAS:
        path = FOLDER / f"{name}.json"
        content = text(name)
        if path.exists() and path.read_text() == content:
            continue
        stale.append(path.name)
        if not check:
            path.write_text(content)
    for name in stale:
        print(f"{name}: {'out of date' if check else 'written' if name[:-5] in SCHEMAS else 'old'}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
