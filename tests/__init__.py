"""Tests; the folders mirror the packages under test, and `support` has the shared helpers."""
