"""Second layer: the dbt project, and the few lines that run it."""
