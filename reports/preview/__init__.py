"""The preview gallery: every report, channel and scenario on one local page; nothing is sent.

Modules, in the order in which they work: scenarios (what is shown), world and tables (made-up
marts for it), stage (an empty home of its own, with these marts), gallery (the reports' own query,
context and rendering on that stage), limits and block_kit (what is measured, how Slack looks),
page (the folder), serve (the same, made again on each save).
"""
