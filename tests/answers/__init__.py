"""Tests of what bandscan answers."""
