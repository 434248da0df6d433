"""Foundation of all layers: settings, clock, clients, warehouse, errors."""
