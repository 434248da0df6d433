"""A mistake in the registry is reported in one line, and never interpreted as something else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from signalroom import clients
from signalroom.errors import ConfigurationError

FIRST = '"713": {name: One, default: true, brands: {CCW: 1}}'


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Write another dbt_project.yml."""

    def run(text: str) -> None:
        (tmp_path / "dbt_project.yml").write_text(text)
        clients.registry.cache_clear()

    monkeypatch.setattr(clients, "root", lambda: tmp_path)
    yield run
    monkeypatch.undo()
    clients.registry.cache_clear()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("cti: null", "client cti has no entries"),
        ("cti: [CTI]", "client cti has no entries"),
        ("713: {name: Two, brands: {A: 3}}", "713 is malformed: quote it"),
        ("CTI: {name: Two, brands: {A: 3}}", "'CTI' is malformed"),
        ("cti: {brands: {A: 3}}", "client cti has no name"),
        (
            "cti: {name: 2024, brands: {A: 3}}",
            "no name, or one that is not a string",
        ),
        ("cti: {name: Two}", "client cti has no brands"),
        ("cti: {name: Two, brands: }", "client cti has no brands"),
        ("cti: {name: Two, brands: {}}", "client cti has no brands"),
        ("cti: {name: Two, brands: [A]}", "client cti has no brands"),
        ("cti: {name: Two, brands: {NO: 3}}", "brand False is not a string: quote its name"),
        ("cti: {name: Two, brands: {2024: 3}}", "brand 2024 is not a string"),
        ("cti: {name: Two, brands: {A: }}", "brand A has None as its advertiser"),
        ("cti: {name: Two, brands: {A: seven}}", "brand A has 'seven' as its advertiser"),
        ("cti: {name: Two, brands: {A: 7.5}}", "brand A has 7.5 as its advertiser"),
        ("cti: {name: Two, brands: {A: 3, B: 3}}", r"brands A and B have the same advertiser \(3"),
        ('cti: {name: Two, active: "no", brands: {A: 3}}', "says `active: 'no'`"),
        ("cti: {name: Two, default: true, brands: {A: 3}}", "exactly one client"),
        ("cti: {name: Two, mapping: offers, brands: {A: 3}}", "only `offer` is known"),
        ("a-b: {name: A, brands: {A: 3}}, a_b: {name: B, brands: {B: 4}}", "share their variables"),
        ("cti: {name: Two, brands: {A: 3}", "cannot be read"),
    ],
)
def test_a_slip_is_named(write: Callable[[str], None], entry: str, said: str) -> None:
    write(f"vars: {{clients: {{{FIRST}, {entry}}}}}")
    with pytest.raises(ConfigurationError, match=said) as caught:
        clients.registry()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "vars:", "vars: {clients: }", "vars: {clients: [a]}", "a: ["])
def test_a_file_without_a_registry_says_so(write: Callable[[str], None], text: str) -> None:
    write(text)
    with pytest.raises(ConfigurationError, match=r"dbt_project\.yml"):
        clients.registry()


def test_a_client_is_active_unless_it_says_otherwise(write: Callable[[str], None]) -> None:
    write(f"vars: {{clients: {{{FIRST}, cti: {{name: T, active: no, brands: {{A: 3}}}}}}}}")
    assert [one.id for one in clients.active_clients()] == ["713"]
