"""The simulated vendors, one module each."""
