"""The browser used to check pages as users see them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Chromium cannot use its sandbox as root; the other flags stop it from contacting its vendor.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Contrast of text against the background behind it, as WCAG defines it.
CONTRAST = """
() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (node) => {
    for (let one = node; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, box = node.parentElement;
    const style = getComputedStyle(box);
    if (!node.textContent.trim() || style.fontSize === '0px' || !box.offsetParent) continue;
    const [a, b] = [light(parse(style.color)), light(behind(box))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push([node.textContent.trim(), ratio]);
  }
  return poor;
}
"""


def find_chromium() -> Path:
    """The machine's Chromium; if there is none, the test fails and says what to install."""
    for name in NAMES:
        found = shutil.which(name) or shutil.which(name, path="/usr/bin")
        if found:
            return Path(found)
    pytest.fail(
        "This test looks at a page: sudo apt-get install chromium fonts-liberation",
        pytrace=False,
    )


def axe(page: Any, but: tuple[str, ...] = ()) -> list[str]:
    """The problems that axe-core finds on a page, one line per rule; `but` lists rules to skip."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {one['nodes'][0]['html'][:150]}"
        for one in found
        if one["id"] not in but
    ]
