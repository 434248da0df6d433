"""The preview gallery: every report, channel and scenario on one local page; nothing is sent.

Modules, in the order in which they work: scenarios (what is shown), recorded (the recorded marts),
patches (how a scenario differs from them), stage (an empty home), gallery (the reports' own query,
context and rendering on that stage), limits and mrkdwn (message sizes, Slack's look), page (the
folder), serve (the same, rebuilt on each save).
"""
