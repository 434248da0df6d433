"""Weekly rollup."""
