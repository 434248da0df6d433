"""What goes wrong with a page about sources: it says what was true once."""

from ingest.catalogue import page
from signalroom.paths import root


def test_the_page_of_sources_says_what_the_code_does() -> None:
    written = (root() / "docs" / "sources.md").read_text(encoding="utf-8")
    assert written == page(), "run `python -m ingest.catalogue > docs/sources.md`"
