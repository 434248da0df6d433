"""The second engine: the same jobs, steps and ledger, executed by Temporal workers.

Used if TEMPORAL_ADDRESS is set. Only `workflows`, `activities`, `connection`, `schedules` and
`worker` import temporalio; everything else works without the extra.
"""
