"""The simulated vendors.

To add one: a module here with a class that keeps to `stage.Vendor` (its answers a function of
`stage.world` and `stage.now()` alone), its place in `Agency`, its events in `world` and its
tables in `ledger`, and tests that each of its traps occurs.
"""
