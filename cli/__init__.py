"""The `signalroom` command."""
