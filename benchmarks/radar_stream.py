"""The radar's byte stream: how fast it is decoded, and what comes out when it is damaged.

    .venv/bin/python benchmarks/radar_stream.py [--mutated 100000] [--hours 1]

Speed: frames of 100 points with side information (2080 bytes), CPU time, medians of rounds that take turns with the
reference, a straightforward loop of `struct`; a stream is fed frame by frame as a port brings it, and by as many bytes
as files are read. Damage: 600 frames at 10 per second of which 12 are hit, one kind at a time; a frame that comes out
is wrong if its number or its points were not sent. Mutations: bytes flipped, lost, inserted and repeated at random;
whatever comes out must be a frame by itself, and memory must not grow. Hours: a stream of ten frames a second as fast
as it goes, a frame a minute damaged; memory and counters must be flat.
"""

import argparse
import os
import platform
import resource
import statistics
import struct
import time
from collections.abc import Callable

import numpy as np
import psutil

from mission_core.errors import FrameError
from mission_core.radar.capture import CHUNK_BYTES
from mission_core.radar.layout import MAGIC, SDK3
from mission_core.radar.stream import FrameStream
from mission_core.radar.tlv import decode_frame, typed_views

NUM_POINTS = 100
FRAMES = 600
HIT = range(24, FRAMES, 50)
"""Frames that are damaged, by their place."""
PERIOD = 20_000_000
"""Of the frames [cycles]."""
ROUNDS = 15
FIELDS = ("version", "length", "platform", "number", "cycles", "points", "blocks", "sub-frame")

Damage = Callable[[bytes, bytes], tuple[bytes, list[bytes]]]
"""Of a frame and the one after it: what arrives in their place, and the good frames in it."""


def main() -> None:
    """Runs all and prints tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutated", type=int, default=100_000, help="frames to mutate (%(default)s)")
    parser.add_argument("--hours", type=float, default=1.0, help="of a stream to go through (%(default)s)")
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print(speed())
    print(damage())
    print(mutations(options.mutated))
    print(hours(options.hours))


# --- frames -----------------------------------------------------------------------------------------------------------


def frame(number: int, *, num_points: int = NUM_POINTS, extra: bytes = b"") -> bytes:
    """A frame as the out-of-box demo sends it, of points that depend on its number; `extra` are whole blocks."""
    rng = np.random.default_rng(number)
    points = rng.uniform(-5.0, 5.0, (num_points, 4)).astype("<f4").tobytes()
    side = rng.integers(100, 300, (num_points, 2)).astype("<i2").tobytes()
    blocks = struct.pack("<2I", 1, len(points)) + points
    blocks += (struct.pack("<2I", 7, len(side)) + side if num_points else b"") + extra
    total = -(-(40 + len(blocks)) // 32) * 32
    count = 1 + (num_points > 0) + (len(extra) > 0)
    header = struct.pack("<8I", 0x03050004, total, 0xA6843, number, number * PERIOD % 2**32, num_points, count, 0)
    return (MAGIC + header + blocks).ljust(total, b"\0")


# --- speed ------------------------------------------------------------------------------------------------------------


def speed() -> str:
    """CPU time of a frame, as a table."""
    frames = [frame(number) for number in range(1, 501)]
    stream = b"".join(frames)
    chunks = [stream[at : at + CHUNK_BYTES] for at in range(0, len(stream), CHUNK_BYTES)]
    tasks: dict[str, Callable[[], object]] = {
        "struct loop, lists of tuples": lambda: [looped(raw) for raw in frames],
        "frame to typed views": lambda: [typed_views(raw, SDK3) for raw in frames],
        "frame to cloud (REP-103, dB, finite)": lambda: [decode_frame(raw, SDK3) for raw in frames],
        "stream to cloud, frame by frame": lambda: fed(frames),
        "stream to cloud, 64 KiB at a time": lambda: fed(chunks),
    }
    spent: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(ROUNDS):
        for name, task in tasks.items():
            began = time.process_time()
            task()
            spent[name].append((time.process_time() - began) / len(frames))
    reference = statistics.median(next(iter(spent.values())))
    lines = ["| stage | frames/s | least .. most | struct loop : this |", "|---|---|---|---|"]
    for name, values in spent.items():
        median = statistics.median(values)
        lines.append(
            f"| {name} | {1 / median:,.0f} | {1 / max(values):,.0f} .. {1 / min(values):,.0f} | "
            f"{reference / median:.1f} |"
        )
    return "\n".join([*lines, ""])


def looped(raw: bytes) -> tuple[list[tuple[float, ...]], list[tuple[int, ...]]]:
    """What somebody writes who follows the document line by line."""
    header = struct.unpack_from("<8s8I", raw)
    points, side_info, position = [], [], 40
    for _ in range(header[7]):
        kind, length = struct.unpack_from("<2I", raw, position)
        position += 8
        if kind == 1:
            points = [struct.unpack_from("<4f", raw, position + 16 * i) for i in range(length // 16)]
        elif kind == 7:
            side_info = [struct.unpack_from("<2h", raw, position + 4 * i) for i in range(length // 4)]
        position += length
    return points, side_info


def fed(pieces: list[bytes]) -> None:
    """A stream that comes in pieces, from the middle of a frame on."""
    stream = FrameStream()
    stream.feed(pieces[0][1000:])
    for piece in pieces[1:]:
        stream.feed(piece)
    assert stream.counters.lost_frames == stream.counters.resyncs - 1 == 0


# --- damage -----------------------------------------------------------------------------------------------------------


def damage() -> str:
    """What comes out of damaged streams, as a table."""
    lines = ["| damage | good frames | delivered | wrong |", "|---|---|---|---|"]
    for name, do in kinds().items():
        good, delivered, wrong = outcome(do)
        lines.append(f"| {name} | {good} | {delivered} | {wrong} |")
    return "\n".join([*lines, ""])


def kinds() -> dict[str, Damage]:
    """By name."""
    costing: dict[str, Callable[[bytes], bytes]] = {
        "37 bytes lost in the points": lambda raw: raw[:500] + raw[537:],
        "37 bytes lost in the side information": lambda raw: raw[:1800] + raw[1837:],
        "a byte lost at the end": lambda raw: raw[:-1],
        "a byte inserted in the points": lambda raw: raw[:500] + b"\x7f" + raw[500:],
        "length + 1 MiB (1 bit)": lambda raw: raw[:14] + bytes((raw[14] ^ 0x10,)) + raw[15:],
        **{f"a byte of the header flipped: {field}": flip(8 + 4 * word) for word, field in enumerate(FIELDS)},
    }
    harmless: dict[str, Callable[[bytes], tuple[bytes, bytes]]] = {
        "empty frame": lambda raw: (b"", frame(number_of(raw), num_points=0)),
        "unknown TLV": lambda raw: (b"", frame(number_of(raw), extra=struct.pack("<2I", 1234, 40) + bytes(40))),
        "magic inside payload": lambda raw: (b"", raw[:496] + MAGIC + raw[504:]),
        "noise between frames": lambda raw: (bytes(range(100)), raw),
    }
    return {
        **{name: lambda raw, after, do=do: (do(raw) + after, [after]) for name, do in costing.items()},  # type: ignore[misc]
        "two frames merged": lambda raw, after: (raw[:700] + after[900:], []),
        **{
            name: lambda raw, after, do=do: (b"".join((*do(raw), after)), [do(raw)[1], after])  # type: ignore[misc]
            for name, do in harmless.items()
        },
    }


def flip(at: int) -> Callable[[bytes], bytes]:
    """Turns the bits of a byte round."""
    return lambda raw: raw[:at] + bytes((raw[at] ^ 0xFF,)) + raw[at + 1 :]


def number_of(raw: bytes) -> int:
    """Of a frame."""
    return int(struct.unpack_from("<I", raw, 20)[0])


def outcome(do: Damage) -> tuple[int, int, int]:
    """Good frames in the stream, those of them that came out, and frames that came out but were not sent so."""
    sent = [frame(number) for number in range(1, FRAMES + 1)]
    arrives, good = [], []
    for place in range(0, FRAMES, 2):
        pair = sent[place], sent[place + 1]
        piece, whole = do(*pair) if place in HIT else (b"".join(pair), list(pair))
        arrives.append(piece)
        good += whole
    stream, reader = b"".join(arrives), FrameStream()
    found = [each for start in range(0, len(stream), 2080) for each in reader.feed(stream[start : start + 2080])]
    told = [(each.frame_number, each.points.tobytes()) for each in found + reader.finish()]
    true = {raw: (number_of(raw), decode_frame(raw).points.tobytes()) for raw in {*sent, *good}}
    return len(good), len({true[raw] for raw in good} & set(told)), len(set(told) - set(true.values()))


# --- mutations --------------------------------------------------------------------------------------------------------


def mutations(number: int) -> str:
    """Feeds mutated frames and tells what came out."""
    rng, stream = np.random.default_rng(0), FrameStream()
    originals = [frame(n, num_points=n % 40) for n in range(1, 200)]
    frames = invalid = 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for done in range(number):
        if done == number // 10:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for each in stream.feed(mutated(originals[done % len(originals)], rng)):
            frames += 1
            invalid += not valid(each.raw)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    counters = stream.counters
    return (
        f"{number} mutated frames: no exception; {frames} came out, {invalid} of them no frame by themselves; "
        f"{counters.bytes_dropped} bytes dropped, {counters.errors}; memory grew by {grown} KiB after the first tenth"
    )


def mutated(raw: bytes, rng: np.random.Generator) -> bytes:
    """A frame with up to three changes."""
    data = bytearray(raw)
    for _ in range(rng.integers(0, 4)):
        at, size = int(rng.integers(len(data))), int(rng.integers(1, 40))
        match rng.integers(5):
            case 0:
                data[at] ^= 1 << int(rng.integers(8))
            case 1:
                del data[at : at + size]
            case 2:
                data[at:at] = rng.bytes(size)
            case 3:
                data[at:at] = data[at : at + size]
            case _:
                data[at : at + size] = MAGIC
        data = data or bytearray(1)
    return bytes(data)


def hours(number: float) -> str:
    """Feeds a long stream and tells how memory and counters went."""
    originals = [bytearray(frame(n, num_points=n % 80)) for n in range(1, 200)]
    stream, sent, damaged, came = FrameStream(), round(number * 36_000), 0, 0
    memory: list[int] = []
    process, began = psutil.Process(), time.process_time()
    for count in range(1, sent + 1):
        raw = originals[count % len(originals)]
        struct.pack_into("<2I", raw, 20, count, count * PERIOD % 2**32)
        if count % 600 == 0:
            damaged += 1
            came += len(stream.feed(bytes(raw[:-40])))
        else:
            came += len(stream.feed(bytes(raw)))
        if count % (sent // 10) == 0:
            memory.append(process.memory_info().rss // 1024)
    counters = stream.counters
    return (
        f"{number:g} h of stream, {sent} frames, {damaged} of them damaged, in {time.process_time() - began:.0f} s of "
        f"a core: {came} came out, {counters.lost_frames} lost, {counters.resyncs} times found again, "
        f"{counters.errors}, {stream.num_pending} bytes pending; resident memory after each tenth "
        f"{', '.join(map(str, memory))} KiB"
    )


def valid(raw: bytes) -> bool:
    """Whether bytes are a frame by themselves."""
    try:
        decode_frame(raw, SDK3)
    except FrameError:
        return False
    return True


if __name__ == "__main__":
    main()
