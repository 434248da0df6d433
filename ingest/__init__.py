"""First layer: pulls each vendor's data and lands it, exactly as given, in raw tables."""
