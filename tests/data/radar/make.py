"""Writes the broken samples of this folder: three frames each, the second one damaged or unusual.

    python tests/data/radar/make.py

Every frame has the ten points of `POINTS`; see README.md for what each file holds.
"""

import struct
from pathlib import Path

import numpy as np

from mission_core.radar.tlv import MAGIC, TLV_HEADER_BYTES, encode_frame

NUM_POINTS = 10
POINTS = np.random.default_rng(6843).uniform(0.5, 6.0, (NUM_POINTS, 6)).astype(np.float32)
BODY = 40
SIDE_INFO = BODY + TLV_HEADER_BYTES + 16 * NUM_POINTS
PERIOD = 20_000_000  # cycles of 200 MHz


def frame(number: int) -> bytes:
    return encode_frame(number, POINTS, cpu_cycles=number * PERIOD)


def lose(raw: bytes, start: int, num_bytes: int) -> bytes:
    return raw[:start] + raw[start + num_bytes :]


def patch(raw: bytes, start: int, new: bytes) -> bytes:
    return raw[:start] + new + raw[start + len(new) :]


def _with_nan(points: np.ndarray) -> np.ndarray:
    points = points.copy()
    points[3, 0], points[7, 3] = np.nan, np.inf
    return points


def samples() -> dict[str, bytes]:
    """Bytes of the second frame by file name."""
    good = frame(2)
    return {
        "lost_bytes_points": lose(good, BODY + 50, 37),
        "lost_bytes_side_info": lose(good, SIDE_INFO + 9, 37),
        "lost_bytes_last_tlv": lose(good, len(good) - 40, 37),
        "lost_bytes_header": lose(good, 21, 5),
        "wrong_length": patch(good, 12, struct.pack("<I", len(good) + 2**20)),
        "wrong_length_in_bounds": patch(good, 12, struct.pack("<I", len(good) + 2**12)),
        "wrong_tlv_count": patch(good, 32, struct.pack("<I", 2)),
        "wrong_tlv_length": patch(good, BODY + 4, struct.pack("<I", 2**31)),
        "wrong_magic": patch(good, 3, b"\0"),
        "noise_between": good + bytes(range(255, 155, -1)),
        "magic_in_payload": patch(good, BODY + 40, MAGIC),
        "old_header_in_payload": patch(good, BODY + 40, frame(1)[:40]),
        "unknown_tlv": patch(good, SIDE_INFO, struct.pack("<I", 1234)),
        "no_points": encode_frame(2, POINTS[:0], cpu_cycles=2 * PERIOD),
        "not_finite": encode_frame(2, _with_nan(POINTS), cpu_cycles=2 * PERIOD),
        "restart": encode_frame(0, POINTS, cpu_cycles=5),
    }


def main() -> None:
    folder = Path(__file__).parent
    for name, second in samples().items():
        (folder / f"{name}.bin").write_bytes(frame(1) + second + frame(3))
    (folder / "truncated_end.bin").write_bytes(frame(1) + frame(2) + frame(3)[:-1])


if __name__ == "__main__":
    main()
