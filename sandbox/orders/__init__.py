"""Sticky.io: orders, what happens to them later, and the daily CSV exports that tell of it."""
