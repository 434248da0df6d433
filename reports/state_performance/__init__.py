"""State performance."""
