"""The HTTP side of the daemon: health, metrics, and a JSON API; a web console can grow on it."""
