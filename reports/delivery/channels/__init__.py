"""Channels: Slack, email and SMS, each with the same few names.

`payload` (what is stored), `send` (one attempt), `find` (did an earlier attempt arrive?),
`RESENDS_UNKNOWN` (may it be sent again when it did not?), and the variables it needs.
"""
