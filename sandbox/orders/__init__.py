"""Sticky.io: orders, their later changes, and the daily CSV exports."""
