"""Tests of the command line; sample and stand-ins here serve tests/outputs too."""
