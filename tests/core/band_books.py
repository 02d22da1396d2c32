"""Books of positions whose bands a reader can see, and the search of their falls."""

from collections.abc import Sequence

import numpy as np
from bench.planted import Book

from scanner.core.bands import Band, find_bands


def uniform_crowd(n: int = 2000, side: str = "long") -> Book:
    """n equal accounts of 1,000 USD, evenly spread in log price from spot to the window's end."""
    step = (np.arange(n) + 0.5) / n
    end = 0.4 if side == "long" else 1.6
    return Book(1000.0 * end**step, np.full(n, 1000.0), [])


def with_rows(book: Book, price: Sequence[float], weight: Sequence[float]) -> Book:
    """The same book and further rows."""
    return Book(np.append(book.price, price), np.append(book.weight, weight), [])


def with_box(book: Book) -> Book:
    """300 more accounts from 700 to 725, where the crowd alone has about 77."""
    return with_rows(book, np.geomspace(700.0, 725.0, 300).tolist(), [1000.0] * 300)


def search(book: Book, spot: float = 1000.0, account: object = None) -> list[Band]:
    owner = book.account if account is None else np.asarray(account, dtype=np.int64)
    return find_bands(book.price, book.weight, owner, spot, "long")
