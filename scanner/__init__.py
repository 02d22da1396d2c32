"""Bandscan: the open, reproducible map of DeFi liquidations."""

__version__ = "0.1.0"
