"""Findings of `signalroom doctor`: one line for each check."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "off", "warning", "fault"]
SHOWN: Mapping[State, str] = {
    "ok": "connected",
    "off": "off",
    "warning": "limited",
    "fault": "refused",
}
UNREACHED = "cannot be reached"  # part of the message about a vendor that did not answer
# The end of a vendor error's message for a pull, which does not apply to a check.
_UNLOADED = re.compile(r"; (?:nothing was loaded|nothing of (?:it|this pull) was loaded)\.\s*")


@dataclass(frozen=True)
class Check:
    """One finding: global, for one client, or for a source or channel of one client.

    `message` is the state, `repair` what to do about it; both are shown, so neither has a secret.
    """

    name: str
    state: State
    message: str
    repair: str = ""
    client: str | None = None
    source: str | None = None
    channel: str | None = None

    @property
    def word(self) -> str:
        """The state of a source or channel, in a word or two."""
        if self.state == "warning" and " is off: " in self.message:
            return "off"
        if self.state == "fault" and f" {UNREACHED}: " in self.message:
            return "no answer"
        return SHOWN[self.state]

    @property
    def line(self) -> str:
        """Message and repair in one line."""
        return f"{self.message}. {self.repair}" if self.repair else self.message


def split(error: Exception) -> tuple[str, str]:
    """The message of an error and the fix that it names, if any."""
    message, *repair = _UNLOADED.split(str(error), maxsplit=1)
    return message.rstrip("."), "".join(repair)
