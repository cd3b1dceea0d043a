"""`mission radar`: look into captures, find radars."""

import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np

from mission_core.radar.capture import read_capture
from mission_core.radar.device import list_radars
from mission_core.radar.layout import LAYOUTS
from mission_core.radar.stream import FrameStream
from mission_core.types import Column, RadarFrame


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares `decode` and `ports`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    decode = actions.add_parser("decode", help="show the frames in a file of data-port bytes")
    decode.add_argument("file", type=Path, help="bytes as they came off the data port")
    decode.add_argument("--json", action="store_true", help="one JSON object per frame, then one with the counters")
    actions.add_parser("ports", help="list the radars that are plugged in")


def run(arguments: argparse.Namespace) -> int:
    """Runs `decode` or `ports`.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    if arguments.action == "ports":
        return _ports()
    return _decode(arguments.file, as_json=arguments.json)


def _decode(path: Path, *, as_json: bool) -> int:
    stream = FrameStream()
    if not as_json:
        print(f"{'frame':>10} {'bytes':>6} {'points':>6}  {'range [m]':>13}  {'doppler [m/s]':>15}  {'SNR [dB]':>13}")
    for frame in read_capture(path, stream):
        print(_json(frame) if as_json else _row(frame))
    counters = dataclasses.asdict(stream.counters)
    if as_json:
        print(json.dumps(counters))
    else:
        print(", ".join(f"{name.replace('_', ' ')}: {value or 0}" for name, value in counters.items()))
    return 0


def _json(frame: RadarFrame) -> str:
    return json.dumps(
        {
            "frame_number": frame.frame_number,
            "header_bytes": LAYOUTS[frame.layout].header_bytes,
            "layout": frame.layout,
            "points": frame.points.tolist(),
        }
    )


def _row(frame: RadarFrame) -> str:
    row = f"{frame.frame_number:10d} {len(frame.raw):6d} {len(frame.points):6d}"
    if not len(frame.points):
        return row
    ranges = np.linalg.norm(frame.points[:, : Column.DOPPLER], axis=1)
    doppler, snr = frame.points[:, Column.DOPPLER], frame.points[:, Column.SNR]
    return (
        f"{row}  {ranges.min():6.2f} {ranges.max():6.2f}  {doppler.min():+7.2f} {doppler.max():+7.2f}"
        f"  {snr.min():6.1f} {snr.max():6.1f}"
    )


def _ports() -> int:
    radars = list_radars()
    for radar in radars:
        print(f"CLI {radar.cli}  data {radar.data}  serial number {radar.serial_number or '-'}  ({radar.bridge})")
    if not radars:
        print("no radar is plugged in")
    return 0
