"""dlt's questions about types: each is answered as by dlt itself, and once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Final, Literal

import pytest
import yaml
from dlt.common import validation
from dlt.common.configuration import resolve
from dlt.common.configuration.specs import BaseConfiguration, ConnectionStringCredentials
from dlt.common.exceptions import DictValidationException
from dlt.common.schema.typing import TColumnSchema, TStoredSchema
from dlt.common.typing import TSecretStrValue
from dlt.extract import extract

from ingest import dlt_pipeline

TYPES: Final[tuple[Any, ...]] = (
    *(str, int, bool, dict, list[str], str | None, int | str | None, Any, Literal["a", 1]),
    *(TSecretStrValue, TSecretStrValue | None, BaseConfiguration, ConnectionStringCredentials),
    ConnectionStringCredentials | None,
)


@pytest.fixture(autouse=True)
def originals(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """dlt's own functions as they are now; what remembers is removed at the end."""
    for name in dlt_pipeline.OF_TYPES:
        monkeypatch.setattr(resolve, name, getattr(resolve, name))
    monkeypatch.setattr(validation, "get_type_hints", vars(validation)["get_type_hints"])
    monkeypatch.setattr(extract, "yaml", yaml)
    return {name: getattr(resolve, name) for name in dlt_pipeline.OF_TYPES}


def test_what_is_remembered_of_a_type_is_what_dlt_says(originals: dict[str, Any]) -> None:
    dlt_pipeline.remember_types.__wrapped__()
    for name, original in originals.items():
        for kind in TYPES:
            expected = original(kind)
            assert [getattr(resolve, name)(kind) for _ in range(2)] == [expected, expected]


def test_a_schema_is_checked_as_strictly_and_its_types_are_analyzed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []
    get_type_hints = vars(validation)["get_type_hints"]

    def counted(spec: Any, **options: Any) -> Any:
        asked.append(spec)
        return get_type_hints(spec, **options)

    monkeypatch.setattr(validation, "get_type_hints", counted)
    dlt_pipeline.remember_types.__wrapped__()
    for _ in range(3):
        validation.validate_dict(TColumnSchema, {"name": "a", "data_type": "text"}, ".")
        with pytest.raises(DictValidationException):
            validation.validate_dict(TColumnSchema, {"name": "a", "unknown": 1}, ".")
        with pytest.raises(DictValidationException):
            validation.validate_dict(TStoredSchema, {"unknown": 1}, ".")
    assert sorted(map(str, asked)) == sorted({*map(str, asked)})


def test_the_columns_of_a_table_are_written_as_yaml_once(monkeypatch: pytest.MonkeyPatch) -> None:
    dumped: list[object] = []

    def counted(hint: object, **options: Any) -> str:
        dumped.append(hint)
        return str(yaml.dump(hint, **options))

    monkeypatch.setattr(extract, "yaml", SimpleNamespace(dump=counted))
    dlt_pipeline.remember_types.__wrapped__()
    options: Any = {"allow_unicode": True, "default_flow_style": False, "sort_keys": False}
    tables: list[dict[str, Any]] = [
        {"a": {"data_type": "text"}},
        {"b": {"data_type": "text"}},
        {"a": {"scale": 1}},
    ]
    for columns in [*tables, *map(dict, tables)]:
        assert vars(extract)["yaml"].dump(columns, **options) == yaml.dump(columns, **options)
    assert dumped == tables
