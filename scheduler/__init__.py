"""Top layer: calls ingest, then dbt build, then reports. Nothing imports it but the command line."""
