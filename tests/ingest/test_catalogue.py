"""Files that are generated from the sources must be up to date."""

from ingest.catalogue import example, page
from signalroom.paths import root

REPAIR = "run `python -m ingest.catalogue`"


def test_the_page_of_sources_says_what_the_code_does() -> None:
    written = (root() / "docs" / "sources.md").read_text(encoding="utf-8")
    assert written == page(), REPAIR


def test_the_example_of_variables_says_what_the_sources_declare() -> None:
    written = (root() / ".env.example").read_text(encoding="utf-8")
    assert written == example(written), REPAIR
    assert "EVERFLOW_API_KEY=\n" in written
