"""Where everything is in a frame, worked out once for all frames that are made up alike.

To walk from block to block and to check every length costs more than to decode what is in them. A stream has few
kinds of frames, which differ in their number of points: what was worked out for one holds for every other whose
blocks are of the same types and lengths, and that is asked of all of them at once.
"""

import struct
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from mission_core.errors import FrameError
from mission_core.radar.contents import POINTS, SIDE_INFO, Decoder, Kind, kind_of
from mission_core.radar.layout import Layout

MOST_PLANS = 4096
"""That are kept; damage makes ever new ones."""


class Block(NamedTuple):
    """One payload: its type, where in the frame it is, and what it is if that is known."""

    number: int
    where: slice
    kind: Kind | None

    @property
    def length(self) -> int:
        """Size [bytes]."""
        return int(self.where.stop - self.where.start)


class Detections(NamedTuple):
    """Detections that can be decoded together with those of other frames.

    Attributes:
        number: of them, at least one.
        points: where they are in the frame.
        side_info: where is what stands beside them, of as many.
        decoders: of both; None for side information where there is none.
    """

    number: int
    points: slice
    side_info: slice
    decoders: tuple[Decoder, Decoder | None]


class Plan(NamedTuple):
    """What a frame is made up of. Everything in it adds up.

    Attributes:
        packet_bytes: of the whole frame, padding included.
        heads: the headers of the blocks in a frame, as one structure.
        told: what they tell in frames of this plan: type and length, one after the other.
        blocks: all, in the frame's order.
        detections: None where there are none, or none that can be decoded together.
        parts: the other blocks that are known.
        unknown_tlvs: how often each type occurs that is not known.
        views: of the known blocks type and, as `numpy.frombuffer` takes them, kind of item, number of items and place
            of the first [bytes].
    """

    packet_bytes: int
    heads: struct.Struct
    told: tuple[int, ...]
    blocks: tuple[Block, ...]
    detections: Detections | None
    parts: tuple[Block, ...]
    unknown_tlvs: Mapping[int, int]
    views: tuple[tuple[int, "tuple[np.dtype[Any], int, int]"], ...]


_plans: defaultdict[Layout, dict[tuple[Any, ...], Plan]] = defaultdict(dict)


def plan_of(raw: bytes, layout: Layout) -> Plan:
    """The plan of what should be one whole frame.

    Raises:
        FrameError: as `Layout.header` and `Layout.check_length`; "bad_tlv" where the lengths of its blocks do not add
            up, or a known type has a length that it cannot have, occurs twice, or is side information of another number
            of detections.
    """
    shape, plans = layout.shape(raw), _plans[layout]
    plan = plans.get(shape)
    if plan is None or len(raw) != plan.packet_bytes or plan.heads.unpack_from(raw) != plan.told:
        if len(plans) >= MOST_PLANS:
            plans.clear()
        plan = plans[shape] = _made(raw, layout)
    return plan


def _made(raw: bytes, layout: Layout) -> Plan:
    header = layout.header(raw)
    layout.check_length(raw, header.packet_bytes)
    blocks = tuple(
        Block(number, slice(start, start + length), kind_of(layout, number, length))
        for number, start, length in layout.tlvs(raw, header.num_tlvs)
    )
    known: dict[str, Block] = {}
    for block in blocks:
        if block.kind is not None and known.setdefault(block.kind.name, block) is not block:
            raise FrameError("bad_tlv", f"TLV {block.number} ({block.kind.name}) occurs twice in one frame")
    detections = _detections(known)
    return Plan(
        len(raw),
        struct.Struct(f"<{layout.header_bytes}x" + "".join(f"2I{block.length}x" for block in blocks)),
        tuple(word for block in blocks for word in (block.number, block.length + layout.uncounted_bytes)),
        blocks,
        detections,
        tuple(known.values()),
        Counter(block.number for block in blocks if block.kind is None),
        tuple((block.number, block.kind.items(block.where)) for block in blocks if block.kind is not None),
    )


def _detections(known: dict[str, Block]) -> Detections | None:
    """Takes the detections out of the known blocks if they can be decoded together with others."""
    points = known.get(POINTS)
    if points is None or points.kind is None or not points.kind.joins or not points.length:
        return None
    del known[POINTS]
    number = points.kind.count(points.length)
    side_info = known.pop(SIDE_INFO, None)
    if side_info is None or side_info.kind is None:
        return Detections(number, points.where, slice(0), (points.kind.decode, None))
    check_side_info(side_info.kind.count(side_info.length), number)
    return Detections(number, points.where, side_info.where, (points.kind.decode, side_info.kind.decode))


def check_side_info(found: int, number: int) -> None:
    """Whether side information is of as many detections as there are.

    Raises:
        FrameError: "bad_tlv".
    """
    if found != number:
        raise FrameError("bad_tlv", f"side information is of {found} detections, the frame has {number}")
