"""Numbers for chart axes: short, with cents only where they matter."""

from __future__ import annotations

from reports.shared.figures import MINUS

UNITS = ((1e9, "B"), (1e6, "M"), (1e4, "k"))


def short_money(value: float) -> str:
    """Dollars for an axis: `$25`, `$27.50`, `$12k`."""
    sign = MINUS if value < 0 else ""
    amount = abs(value)
    if amount >= 10_000 or amount == round(amount):
        return f"{sign}${_short(amount)}"
    return f"{sign}${amount:,.2f}"


def short_count(value: float) -> str:
    """A count for an axis: `1,200`, `12k`."""
    return f"{MINUS if value < 0 else ''}{_short(abs(value))}"


def _short(amount: float) -> str:
    for least, unit in UNITS:
        if amount >= least:
            scaled = amount / (1000 if unit == "k" else least)
            return f"{scaled:,.1f}".removesuffix(".0") + unit
    return f"{amount:,.0f}" if amount == round(amount) else f"{amount:,.1f}"
