"""Unforeseen names must not become markup or a mention, nor contain letters phones cannot show."""

from __future__ import annotations

import html
import re

import pytest
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.messages.render import _environment
from reports.shared.text import GSM_BASIC, GSM_EXTENDED, gsm, mrkdwn, septets

HOSTILE = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(
            ["<!channel>", "<@U1>", "<http://x|y>", "*b*", "_i_", "~s~", "`c`", "```", ":smile:",
             "&amp;", "&lt;", "<script>", "</td>", "javascript:", "\x00", "\u202e", "{{ 7*7 }}",
             "=HYPERLINK(1)", "<mj-include path='/etc/passwd'/>", "\ud800", "\U0001f600"]
        ),
    ),
    max_size=6,
).map("".join)  # fmt: skip


@pytest.mark.fault(59)
@settings(max_examples=300, deadline=None)
@given(text=HOSTILE)
def test_no_text_is_formatting_a_mention_or_a_link_in_slack(text: str) -> None:
    shown = mrkdwn(text)
    assert not re.search(r"[<>*~`]", shown)
    assert re.fullmatch(r"(?:[^&]|&(?:amp|lt|gt);)*", shown, re.DOTALL)
    assert not re.search(r":[\w+'-]+:", shown)
    assert html.unescape(shown).count("<") == text.count("<"), "it reads as it was written"


@pytest.mark.fault(59)
@settings(max_examples=300, deadline=None)
@given(text=HOSTILE)
def test_every_text_fits_the_alphabet_of_an_sms(text: str) -> None:
    shown = gsm(text)
    assert set(shown) <= GSM_BASIC | GSM_EXTENDED
    assert septets(shown) >= len(shown)


@pytest.mark.fault(59)
@settings(max_examples=200, deadline=None)
@given(text=HOSTILE)
def test_no_text_is_an_element_of_a_mail(text: str) -> None:
    stored = text.encode("utf-8", "replace").decode()  # no mart contains half a surrogate pair
    written = _environment(None).from_string("{{ report }}").render(report=stored)
    assert not re.search(r"[<>\"']", written)
    assert [one.name for one in BeautifulSoup(written, "html.parser").find_all()] == []
