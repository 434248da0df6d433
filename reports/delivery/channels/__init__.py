"""Channels: Slack, email and SMS, each with the same interface.

`payload` (what is stored), `send` (one attempt), `find` (did an earlier attempt arrive?),
`RESENDS_UNKNOWN` (may it be sent again if not?), and the variables it needs.
"""
