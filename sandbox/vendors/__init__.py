"""The simulated vendors.

To add one: a module here with a class that implements `stage.Vendor` (its responses depend only on
`stage.world` and `stage.now()`), its place in `Agency`, its events in `world` and its tables in
`ledger`, and tests that each of its traps occurs.
"""
