"""Tests of scanner/outputs."""
