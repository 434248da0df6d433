"""The second engine: the same jobs, steps and ledger, worked off by Temporal's workers.

Used where TEMPORAL_ADDRESS is set. Only `workflows`, `activities`, `connection`, `schedules` and
`worker` import temporalio; everything else works without the extra.
"""
