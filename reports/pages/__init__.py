"""Pages: the marts' data of a client's last 90 days, as files that need no server."""
