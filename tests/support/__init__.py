"""Shared test helpers: servers, warehouses, commands, the browser."""
