"""Slack's mrkdwn as HTML: shows a text as Slack would.

All text is escaped; mentions and links are marked, so that misplaced ones are visible.
"""

from __future__ import annotations

import html
import re

from markupsafe import Markup, escape

FENCE = re.compile(r"```(.*?)```", re.DOTALL)
# In Slack's order: code first, because it is literal; marks only around whole words.
TOKEN = re.compile(
    r"`(?P<code>[^`\n]+)`"
    r"|<(?P<angle>[^<>\n]+)>"
    r"|(?<![\w*])\*(?P<strong>[^\s*](?:[^*\n]*[^\s*])?)\*(?![\w*])"
    r"|(?<![\w])_(?P<em>[^\s_](?:[^_\n]*[^\s_])?)_(?![\w])"
    r"|(?<![\w~])~(?P<s>[^\s~](?:[^~\n]*[^\s~])?)~(?![\w~])"
    r"|:(?P<emoji>[a-z0-9_+'-]+):"
)
MARKS = {
    "strong": Markup("<strong>{}</strong>"),
    "em": Markup("<em>{}</em>"),
    "s": Markup("<s>{}</s>"),
}
EMOJI = {
    "warning": "\u26a0\ufe0f",
    "arrows_counterclockwise": "\u21bb",
    "speech_balloon": "\U0001f4ac",
    "red_circle": "",
    "large_orange_circle": "",
    "large_blue_circle": "",
    "large_green_circle": "",
    "white_circle": "",
}


def mrkdwn_html(text: str) -> Markup:
    """The HTML of a mrkdwn text."""
    parts = []
    for number, part in enumerate(FENCE.split(text)):
        if number % 2:
            parts.append(Markup("<pre>{}</pre>").format(plain(part.strip("\n"))))
        else:
            parts.append(_inline(part.strip("\n") if number else part.rstrip("\n")))
    return Markup("").join(parts)


def plain(text: str) -> str:
    """Text as Slack shows it, with its three known entities."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def emoji_html(name: str) -> Markup:
    """An emoji for the names that reports use, any other name as text."""
    if name not in EMOJI:
        return escape(f":{name}:")
    return Markup('<span class="emoji {}" title=":{}:">{}</span>').format(name, name, EMOJI[name])


def _inline(text: str) -> Markup:
    parts: list[Markup] = []
    end = 0
    for match in TOKEN.finditer(text):
        parts.append(_text(text[end : match.start()]))
        parts.append(_token(match))
        end = match.end()
    parts.append(_text(text[end:]))
    return Markup("").join(parts)


def _text(text: str) -> Markup:
    return Markup("<br>").join(plain(text).split("\n"))


def _token(match: re.Match[str]) -> Markup:
    kind, inner = next((name, found) for name, found in match.groupdict().items() if found)
    if kind == "code":
        return Markup("<code>{}</code>").format(plain(inner))
    if kind == "emoji":
        return emoji_html(inner)
    if kind == "angle":
        return _angle(inner)
    return MARKS[kind].format(_inline(inner))


def _angle(inner: str) -> Markup:
    """A link or a mention: `<!channel>`, `<@U1>`, `<#C1|name>`."""
    target, _, label = inner.partition("|")
    if target.startswith(("!", "@", "#")):
        said = plain(label) or html.unescape(target)
        return Markup('<span class="mention" title="Slack calls someone here">{}</span>').format(
            said if said.startswith(("@", "#")) else f"@{said.lstrip('!')}"
        )
    # The URL is shown but not linked: nothing on this page leaves the machine.
    return Markup('<span class="link" title="{}">{}</span>').format(
        plain(target), plain(label) or plain(target)
    )
