"""Coverage-guided fuzzing of the radar's stream reader and its decoders, with atheris, which only this needs.

    .venv/bin/pip install atheris
    .venv/bin/python tests/fuzz/radar_stream.py CORPUS tests/data/radar -max_total_time=3600

The directory CORPUS gets a stream of every layout to begin with, and then inputs that are worth keeping. One that
breaks an invariant is written as `crash-...` where this runs, and belongs, once its fault is mended, into
tests/data/radar with a line in tests/unit/radar/test_stream.py.
"""

import sys
from pathlib import Path

import atheris

sys.path.append(str(Path(__file__).resolve().parents[1]))
from radar_frames import HEADER_BYTES, ONE_POINT, frame_of

with atheris.instrument_imports():
    from mission_core.radar import contents, layout, stream, tlv

LAYOUTS = (layout.AUTO, *layout.LAYOUTS)


def test_one_input(data: bytes) -> None:
    """Whatever the bytes: nothing is raised, each byte is accounted for, and chunks make no difference.

    The last byte chooses layout and chunk, so that recordings are inputs as they are.
    """
    choice, data = (data[-1], data[:-1]) if data else (0, data)
    name = LAYOUTS[choice % len(LAYOUTS)]
    size = 1 + choice * 7
    whole, cut = stream.FrameStream(name), stream.FrameStream(name)
    frames = whole.feed(data) + whole.finish()
    pieces = [each for at in range(0, len(data), size) for each in cut.feed(data[at : at + size])] + cut.finish()
    assert [each.raw for each in frames] == [each.raw for each in pieces]
    assert whole.counters == cut.counters
    assert sum(len(each.raw) for each in frames) + whole.counters.bytes_dropped == len(data)
    for each in frames:
        own = layout.LAYOUTS[each.layout]
        alone = tlv.decode_frame(each.raw, own)
        assert alone.points.tobytes() == each.points.tobytes()
        assert set(tlv.typed_views(each.raw, own)) <= set(contents.KINDS[own])


def write_seeds(corpus: Path) -> None:
    """Two frames of every layout."""
    corpus.mkdir(parents=True, exist_ok=True)
    for name in HEADER_BYTES:
        frames = (frame_of(name, ONE_POINT[name], number=number) for number in (1, 2))
        (corpus / f"seed-{name}").write_bytes(b"".join(frames) + bytes((LAYOUTS.index(name),)))


if __name__ == "__main__":
    write_seeds(Path(sys.argv[1]))
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
