"""`mission radar`: look into captures, check profiles, find radars."""

import argparse
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mission_core.paths import shared_file
from mission_core.radar.capture import read_capture
from mission_core.radar.device import DATA_BAUDRATE, TYPICAL_POINTS, check_uart, list_radars
from mission_core.radar.heatmaps import heatmaps
from mission_core.radar.layout import AUTO, LAYOUTS
from mission_core.radar.profile import MAX_FREQUENCY_GHZ, RadarProfile, load_profile
from mission_core.radar.stream import FrameStream
from mission_core.radar.tlv import blocks_of
from mission_core.types import Column, RadarFrame


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares `decode`, `check` and `ports`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    decode = actions.add_parser("decode", help="show the frames in a file of data-port bytes")
    decode.add_argument("file", type=Path, help="bytes as they came off the data port")
    decode.add_argument("--json", action="store_true", help="one JSON object per frame, then one with the counters")
    decode.add_argument(
        "--layout", default=AUTO, choices=(AUTO, *LAYOUTS), help="of the frames' headers (default: whichever fits)"
    )
    decode.add_argument(
        "--profile", default="", metavar="CFG", help="that the radar ran: heat maps and profiles get axes and dB"
    )
    check = actions.add_parser("check", help="show what a .cfg file means, and whether it can work")
    check.add_argument("file", help="path, or name of a profile that comes with mission")
    check.add_argument("--baudrate", type=int, default=DATA_BAUDRATE, help="of the data port (%(default)s)")
    check.add_argument("--json", action="store_true", help="one JSON object, in SI units")
    actions.add_parser("ports", help="list the radars that are plugged in")


def run(arguments: argparse.Namespace) -> int:
    """Runs `decode`, `check` or `ports`.

    Raises:
        ConfigurationError: the file cannot be read, or the profile cannot work or is not the one of the capture.
    """
    if arguments.action == "ports":
        return _ports()
    if arguments.action == "check":
        return _check(shared_file(arguments.file, "config/radar"), arguments.baudrate, as_json=arguments.json)
    profile = load_profile(shared_file(arguments.profile, "config/radar")) if arguments.profile else None
    return _decode(arguments.file, arguments.layout, profile, as_json=arguments.json)


# --- decode -----------------------------------------------------------------------------------------------------------


def _decode(path: Path, layout: str, profile: RadarProfile | None, *, as_json: bool) -> int:
    stream = FrameStream(layout)
    if not as_json:
        print(
            f"{'frame':>10} {'bytes':>6} {'points':>6}  {'range [m]':>13}  {'doppler [m/s]':>15}  {'SNR [dB]':>13}  "
            "layout, beside points"
        )
    for frame in read_capture(path, stream):
        maps = [] if profile is None else list(heatmaps(frame, profile))
        print(json.dumps(_plain(_content(frame) | {"heatmaps": maps})) if as_json else _row(frame))
    counters = dataclasses.asdict(stream.counters)
    if as_json:
        print(json.dumps(counters))
    else:
        print(", ".join(f"{name.replace('_', ' ')}: {value or 0}" for name, value in counters.items()))
    return 0


def _content(frame: RadarFrame) -> dict[str, Any]:
    """Of a frame; `tlvs` tells how long the payloads of each type are, `targets` and `vital_signs` may be null."""
    tlvs: dict[int, list[int]] = {}
    for number, _, length in blocks_of(frame):
        tlvs.setdefault(number, []).append(length)
    return {
        "frame_number": frame.frame_number,
        "layout": frame.layout,
        "header_bytes": LAYOUTS[frame.layout].header_bytes,
        "tlvs": tlvs,
        "points": frame.points,
        "nonfinite_points": frame.nonfinite_points,
        "targets": None,
        "vital_signs": None,
        **frame.contents,
        "unknown_tlvs": frame.unknown_tlvs,
    }


def _plain(value: Any) -> Any:
    """The same in JSON's types; complex numbers as pairs, what is not finite as null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        pairs = np.stack((value.real, value.imag), -1) if np.iscomplexobj(value) else value
        finite = np.issubdtype(pairs.dtype, np.integer) or bool(np.isfinite(pairs).all())
        return pairs.tolist() if finite else _plain(pairs.tolist())
    if hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _row(frame: RadarFrame) -> str:
    row = f"{frame.frame_number:10d} {len(frame.raw):6d} {len(frame.points):6d}"
    ranges = np.linalg.norm(frame.points[:, : Column.DOPPLER], axis=1)
    doppler, snr = frame.points[:, Column.DOPPLER], frame.points[:, Column.SNR]
    spread = f"{'':45}"
    if len(frame.points):
        spread = (
            f"{ranges.min():6.2f} {ranges.max():6.2f}  {doppler.min():+7.2f} {doppler.max():+7.2f}"
            f"  {snr.min():6.1f} {snr.max():6.1f}"
        )
    unknown = [f"{count} x type {number}" for number, count in frame.unknown_tlvs.items()]
    return f"{row}  {spread}  {', '.join((frame.layout, *sorted(frame.contents), *unknown))}"


# --- check ------------------------------------------------------------------------------------------------------------


def _check(path: Path, baudrate: int, *, as_json: bool) -> int:
    profile = load_profile(path)
    tables = [_derived(each, baudrate) for each in (profile, *profile.more_sub_frames)]
    if as_json:
        values = [{name: value for name, (value, _) in derived.items()} for derived in tables]
        print(json.dumps(values[0] if len(values) == 1 else {"sub_frames": values}))
    else:
        for number, derived in enumerate(tables):
            print(profile.name if len(tables) == 1 else f"{profile.name}, sub-frame {number}")
            for name, (_, text) in derived.items():
                print(f"  {name.replace('_', ' '):<24}{text}")
    check_uart(profile, baudrate)
    if not as_json:
        print("  it can work")
    return 0


def _derived(profile: RadarProfile, baudrate: int) -> dict[str, tuple[float, str]]:
    """What follows from a profile, in SI units and as it is shown."""
    active = profile.num_tx * profile.loops * profile.chirp_period
    empty, typical = profile.bytes_per_frame(0), profile.bytes_per_frame(TYPICAL_POINTS)
    carried = baudrate / 10 * profile.frame_period
    end = profile.start_frequency + profile.slope * (profile.adc_start + profile.num_adc_samples / profile.sample_rate)
    return {
        "bandwidth": (profile.bandwidth, f"{profile.bandwidth * 1e-6:.1f} MHz while the ADC samples"),
        "end_frequency": (end, f"{end * 1e-9:.3f} GHz at the last sample, of {MAX_FREQUENCY_GHZ:g}"),
        "range_resolution": (profile.range_resolution, f"{profile.range_resolution * 100:.2f} cm"),
        "range_step": (profile.range_step, f"{profile.range_step * 100:.2f} cm, {profile.num_range_bins} bins"),
        "max_range": (profile.max_range, f"{profile.max_range:.2f} m, of which 80 % are usable"),
        "max_velocity": (profile.max_velocity, f"+-{profile.max_velocity:.2f} m/s"),
        "velocity_resolution": (profile.velocity_resolution, f"{profile.velocity_resolution:.3f} m/s"),
        "doppler_step": (profile.doppler_step, f"{profile.doppler_step:.3f} m/s, {profile.num_doppler_bins} bins"),
        "virtual_antennas": (profile.num_virtual, f"{profile.num_virtual}: {profile.num_tx} TX x {profile.num_rx} RX"),
        "frame_period": (profile.frame_period, f"{profile.frame_period * 1e3:g} ms"),
        "active_time": (active, f"{active * 1e3:.1f} ms, {active / profile.frame_period:.0%} of the period"),
        "bytes_per_frame": (empty, f"{empty} without detections, {typical} with {TYPICAL_POINTS}"),
        "uart_load": (
            typical / carried,
            f"{empty / carried:.0%} without detections, {typical / carried:.0%} with {TYPICAL_POINTS}, of the "
            f"{carried:.0f} bytes that {baudrate} baud carry in a period",
        ),
    }


# --- ports ------------------------------------------------------------------------------------------------------------


def _ports() -> int:
    radars = list_radars()
    for radar in radars:
        print(f"CLI {radar.cli}  data {radar.data}  serial number {radar.serial_number or '-'}  ({radar.bridge})")
    if not radars:
        print("no radar is plugged in")
    return 0
