"""Bytes in: the contract that readers keep, and one module for each kind of source."""
