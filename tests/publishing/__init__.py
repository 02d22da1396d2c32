"""Tests of scripts/publish, with stand-ins for what costs hours or needs GitHub."""
