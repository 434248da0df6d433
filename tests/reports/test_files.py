"""The files of a rendered report, and the errors for invalid requests."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from reports import compose, render_report
from reports.model import FOLDER
from reports.registry import definitions, find
from signalroom.errors import ConfigurationError, ReportError, WarehouseError
from tests.reports.world import DAY, Day, Marts

NAMES = ["slack.json", "email.html", "email.txt", "sms.txt"]


def test_files_have_the_agreed_names_in_the_outbox_folder(marts: Marts, tmp_path: Path) -> None:
    marts.load(Day())
    rendered = render_report("daily_ccw", "713", DAY)
    folder = tmp_path / "home" / "outbox"
    assert rendered.paths == tuple(folder / f"daily_ccw-713-2026-11-18.{name}" for name in NAMES)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        path.name for path in rendered.paths
    )
    payload = json.loads(rendered.paths[0].read_text(encoding="utf-8"))
    assert payload == {name: rendered.messages["slack"][name] for name in ("text", "blocks")}
    assert rendered.paths[3].read_text(encoding="utf-8").count("\n") == 1


def test_second_rendering_of_the_same_data_changes_no_byte(marts: Marts, tmp_path: Path) -> None:
    marts.load(Day())
    first = [path.read_bytes() for path in render_report("daily_ccw", "713", DAY).paths]
    second = [path.read_bytes() for path in render_report("daily_ccw", "713", DAY).paths]
    assert first == second


def test_only_the_channels_asked_for_are_rendered(marts: Marts, tmp_path: Path) -> None:
    marts.load(Day())
    rendered = render_report("daily_exp", "713", DAY, ["sms"], tmp_path / "deep" / "er")
    assert [path.name for path in rendered.paths] == ["daily_exp-713-2026-11-18.sms.txt"]


def test_folder_that_cannot_be_written_is_named(marts: Marts, tmp_path: Path) -> None:
    marts.load(Day())
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match=r"cannot be written to .*file"):
        render_report("daily_ccw", "713", DAY, out=tmp_path / "file")


def test_wrong_questions_get_one_line(marts: Marts, monkeypatch: pytest.MonkeyPatch) -> None:
    for error, name, client, channels, words in (
        (ReportError, "dayly", "713", [], "there are: daily_ccw, daily_exp, daily_cti"),
        (ReportError, "daily_ccw", "cti", [], "no brand CCW"),
        (ReportError, "daily_ccw", "713", ["fax"], "no channel 'fax'"),
        (ConfigurationError, "daily_ccw", "../713", [], "malformed"),
    ):
        with pytest.raises(error, match=re.escape(words)) as caught:
            compose(name, client, DAY, channels)
        assert "\n" not in str(caught.value)


def test_missing_warehouse_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path / "empty"))
    with pytest.raises(WarehouseError, match="signalroom run"):
        compose("daily_ccw", "713", DAY)


def test_one_report_is_the_other_with_another_parameter() -> None:
    ccw, exp = find("daily_ccw"), find("daily_exp")
    assert (ccw.queries, ccw.folder, ccw.build) == (exp.queries, exp.folder, exp.build)
    assert (ccw.brand, exp.brand) == ("CCW", "EXP")
    assert [client.id for client in ccw.clients()] == ["713"]


def test_every_report_has_its_queries_and_templates_in_its_folder() -> None:
    for report in definitions().values():
        assert set(report.sql()) == set(report.queries)
        assert report.queries or report.read, report.name
        for channel in report.channels:
            assert list((FOLDER / report.folder / "templates").glob(f"{channel}*.j2"))
