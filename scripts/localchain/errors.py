"""The one exception of the local chain."""


class LocalChainError(Exception):
    """Something the local chain needs is missing or does not behave; the text says what to do."""
