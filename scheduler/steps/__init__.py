"""The work itself: ingest, build, report, and the main job composed of them.

Commands, `signalroom run`, the scheduler's children and any other engine call these and get the
same typed results.
"""
