"""The truth: what raw tables and marts must contain, computed from the event log without SQL."""

from sandbox.ledger.truth import Truth

__all__ = ["Truth"]
