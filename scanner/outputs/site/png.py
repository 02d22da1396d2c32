"""An indexed PNG with the standard library alone: up to 16 colours, two pixels to the byte."""

import struct
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def indexed(pixels: npt.NDArray[np.uint8], colours: Sequence[str]) -> bytes:
    """The picture of `pixels` (rows, columns), each the number of one of `colours`.

    A colour is "#rrggbb", or "" for fully transparent.
    """
    height, width = pixels.shape
    even = np.pad(pixels, [(0, 0), (0, width % 2)])
    packed = even[:, 0::2] << 4 | even[:, 1::2]
    lines = np.pad(packed, [(0, 0), (1, 0)]).astype(np.uint8)  # filter 0 before each line
    palette = b"".join(bytes.fromhex(colour[1:] or "000000") for colour in colours)
    clear = bytes(0 if colour == "" else 255 for colour in colours)
    header = struct.pack(">IIBBBBB", width, height, 4, 3, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, data)
        for kind, data in (
            (b"IHDR", header),
            (b"PLTE", palette),
            (b"tRNS", clear),
            (b"IDAT", zlib.compress(lines.tobytes(), 9)),
            (b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
