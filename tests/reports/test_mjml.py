"""A mistake in an email's template must be an error, not be rendered silently."""

from __future__ import annotations

import mrml
import pytest

from reports.messages import mjml
from reports.preview.gallery import gallery
from reports.registry import definitions, reports
from signalroom.errors import ReportError

WHOLE = "<mjml><mj-body><mj-section><mj-column>{}</mj-column></mj-section></mj-body></mjml>"


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("<mj-text colour='red'>a</mj-text>", "<mj-text> has no attribute 'colour'"),
        ("<mj-texts>a</mj-texts>", "<mj-texts> inside <mj-column>"),
        ("<mj-section></mj-section>", "<mj-section> inside <mj-column>"),
        ("a loose text", "text outside a tag that shows it: 'a loose text'"),
        ("<mj-text><mj-text>a</mj-text></mj-text>", "<mj-text> inside <mj-text>"),
        ("<mj-include path='/etc/hostname' />", "<mj-include> inside <mj-column>"),
    ],
)
def test_mistake_is_named_with_its_line(inside: str, said: str) -> None:
    with pytest.raises(ReportError, match="line 1") as caught:
        mjml.check(WHOLE.format(inside), "x/templates/email.mjml.j2")
    assert said in str(caught.value)


def test_html_inside_texts_and_hostile_names_pass() -> None:
    source = WHOLE.format("<mj-text>&lt;mj-text&gt; <b class='x'>1 &amp; 2</b></mj-text>")
    mjml.check(source, "x")
    assert '&lt;mj-text&gt; <b class="x">1 &amp; 2</b>' in mrml.to_html(source).content


@pytest.mark.deep
@pytest.mark.parametrize("name", definitions())
def test_every_mail_of_the_gallery_is_mjml_without_a_warning(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources: list[str] = []
    check = mjml.check

    def checked(source: str, template: str) -> None:
        sources.append(source)
        check(source, template)

    monkeypatch.setattr(mjml, "check", checked)
    chosen = next(one for one in reports().values() if one.folder == definitions()[name].folder)
    assert all(not cell.failures for cell in gallery([chosen]))
    assert sources
    for source in sources:
        assert mrml.to_html(source).warnings == []
