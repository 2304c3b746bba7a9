"""The scheduled service: who runs when (`planner`), and the process around it (`serving`)."""

from ingest.daemon.serving import serve

__all__ = ["serve"]
