"""The preview gallery: every report, channel and scenario on one local page; nothing is sent.

Modules, in the order in which they work: scenarios (what is shown), recorded (the marts, as
they once were), patches (how a scenario differs from them), stage (an empty home of its own),
gallery (the reports' own query, context and rendering on that stage), limits and mrkdwn (what is
measured, how Slack looks), page (the folder), serve (the same, made again on each save).
"""
