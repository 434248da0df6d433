"""What the tests share: servers, warehouses, commands, the browser."""
