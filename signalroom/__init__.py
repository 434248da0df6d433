"""Foundation that every layer stands on: settings, clock, clients, warehouse, errors."""
