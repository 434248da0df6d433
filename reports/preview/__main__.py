"""One gallery, made in a fresh process, which `signalroom preview --serve` starts on each save.

python -m reports.preview FOLDER VERSION [REPORT]...
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from reports.preview.failure import failure


def main(folder: str, version: str, *names: str) -> int:
    """Write the live page; a complete failure is reported as JSON on standard output."""
    try:
        from reports import registry
        from reports.preview.gallery import gallery
        from reports.preview.page import write_page

        chosen = [registry.find(name) for name in names or registry.reports()]
        write_page(gallery(chosen), Path(folder), version)
    except Exception as error:
        told = failure(error)
        sys.stdout.write(json.dumps({"text": told.text, "place": told.place}))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
