"""Many seeds of what the hostile tests try a few of."""
