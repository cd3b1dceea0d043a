"""Frames of every layout, laid out by hand as TI's documents have them, not with the code under test."""

import struct

MAGIC = bytes.fromhex("0201040306050807")
VERSION, PLATFORM = 0x03050004, 0xA6843

HEADER_BYTES = {
    **{"sdk3": 40, "sdk2": 36, "area_scanner": 44},
    **{"people_counting": 48, "long_range": 52, "tracking_2d": 52},
}
COUNTS_ITSELF = ("people_counting", "tracking_2d")


def frame_of(
    layout: str,
    *tlvs: tuple[int, bytes],
    number: int = 7,
    num_points: int = 0,
    num_tlvs: int | None = None,
    packet_bytes: int | None = None,
    padding: bytes = b"",
) -> bytes:
    """A frame; `padding` is repeated where the layout has any."""
    own = 8 if layout in COUNTS_ITSELF else 0
    body = b"".join(struct.pack("<2I", kind, len(payload) + own) + payload for kind, payload in tlvs)
    size = HEADER_BYTES[layout] + len(body)
    fill = 0 if own else -size % 32
    total = size + fill if packet_bytes is None else packet_bytes
    count = len(tlvs) if num_tlvs is None else num_tlvs
    head = header_of(layout, number, total, num_points, count)
    return head + body + (padding * fill or bytes(fill))[:fill]


def header_of(layout: str, number: int, total: int, num_points: int, count: int) -> bytes:
    match layout:
        case "sdk3":
            words = struct.pack("<8I", VERSION, total, PLATFORM, number, 123456, num_points, count, 0)
        case "sdk2":
            words = struct.pack("<7I", VERSION, total, PLATFORM, number, 123456, num_points, count)
        case "area_scanner":
            words = struct.pack("<9I", VERSION, total, PLATFORM, number, 123456, num_points, count, 0, 0)
        case "people_counting":
            words = struct.pack("<9I", VERSION, total, PLATFORM, number, 0, 70_000, 12_568, 900, 800)
            return with_checksum(MAGIC + words + struct.pack("<H", count))
        case _:
            words = struct.pack("<10I", VERSION, PLATFORM, 123456, total, number, 0, 70_000, 60_000, 900, 800)
            return with_checksum(MAGIC + words + struct.pack("<H", count))
    return MAGIC + words


def with_checksum(header: bytes) -> bytes:
    total = sum(struct.unpack(f"<{len(header) // 2}H", header))
    return header + struct.pack("<H", ~((total >> 16) + (total & 0xFFFF)) & 0xFFFF)


def compressed(*points: tuple[int, int, int, int, int]) -> bytes:
    """Elevation, azimuth, Doppler, range, SNR in the firmware's units."""
    units = struct.pack("<5f", 0.01, 0.01, 0.00028, 0.00025, 0.04)
    return units + b"".join(struct.pack("<2bh2H", *point) for point in points)


ONE_POINT = {
    "sdk3": (1, struct.pack("<4f", 1.0, 4.0, 0.5, -1.25)),
    "sdk2": (1, struct.pack("<2H", 1, 8) + struct.pack("<HhH3h", 80, -5, 900, 256, 1024, 128)),
    "area_scanner": (1, struct.pack("<4f", 2.0, 0.0, 0.0, -1.25)),
    "people_counting": (6, compressed((12, 65, 249, 2782, 263))),
    "long_range": (6, struct.pack("<4f", 2.0, 0.0, 0.0, -1.25)),
    "tracking_2d": (6, struct.pack("<4f", 2.0, 0.0, -1.25, 10.0)),
}
"""A block with one detection in each layout."""
