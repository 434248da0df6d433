"""Top layer: calls ingest, dbt build and reports. Only the command line imports it."""
