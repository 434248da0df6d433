"""Tests; folders mirror the packages that they test, `support` holds what they share."""
