"""The one way in: the `signalroom` command."""
