"""The client's own file of internal affiliates.

Parsed independently here, so that the sandbox's truth shares no code with the product.
"""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxError

CLIENTS_FOLDER = Path(__file__).resolve().parents[1] / "data" / "clients"


@dataclass(frozen=True)
class MappingRow:
    """One RedTrack source in the file: names verbatim, the rest trimmed."""

    source_id: str
    source_name: str
    source_alias: str
    affiliate_id: int | None
    label: str | None
    advertiser_id: int | None
    advertiser_label: str | None

    @property
    def is_mapped(self) -> bool:
        """A row maps only when it names both a label and an advertiser."""
        return self.label is not None and self.advertiser_id is not None


def read_mapping(client: str, folder: Path = CLIENTS_FOLDER) -> tuple[MappingRow, ...]:
    """Rows of `<folder>/<client>/mappings/internal-affiliates.csv`, in the file's order."""
    path = folder / client / "mappings" / "internal-affiliates.csv"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SandboxError(f"the sandbox cannot read {path}: {error.strerror}") from error
    reader = csv.reader(io.StringIO(text, newline=""))
    header = [name.strip().lower() for name in next(reader)]
    return tuple(_row(dict(zip(header, cells, strict=False))) for cells in reader if any(cells))


def fold(label: str) -> str:
    """The form in which labels are compared."""
    return label.strip().casefold()


def _row(cells: dict[str, str]) -> MappingRow:
    return MappingRow(
        source_id=cells.get("redtrack.source_id", "").strip(),
        source_name=cells.get("redtrack.source", ""),
        source_alias=cells.get("redtrack.source_alias", "").strip(),
        affiliate_id=_number(cells.get("everflow.affiliate_id", "")),
        label=_text(cells.get("everflow.affiliate_label", "")),
        advertiser_id=_number(cells.get("everflow.advertiser_id", "")),
        advertiser_label=_text(cells.get("everflow.advertiser_label", "")),
    )


def _text(value: str) -> str | None:
    value = value.strip()
    return None if value.lower() in {"", "n/a"} else value


def _number(value: str) -> int | None:
    text = _text(value)
    return int(text) if text is not None and text.isdigit() else None
