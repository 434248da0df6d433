"""Tests of the house itself: commands, configuration, documents, container."""
