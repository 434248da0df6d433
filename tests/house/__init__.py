"""Tests of the repository itself: commands, configuration, documents, container."""
