"""What the payloads of TI's frames mean: bytes in, arrays out. The same type number means another thing per layout.

Sources: SDK user's guide, "mmw demo output" (types 1 to 9); mmwdemo_tlvs.h and the parsers of the Radar Toolbox (1000
and above); guides of the people counting, long-range, area scanner and vital signs demos. Axes are TI's: x right, y
forward, z up, azimuth from y to x; they are turned to REP-103 here and nowhere else.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mission_core.errors import FrameError
from mission_core.geometry import ti_to_rep103
from mission_core.radar.layout import (
    AREA_SCANNER,
    LONG_RANGE,
    PEOPLE_COUNTING,
    SDK2,
    SDK3,
    TRACKING_2D,
    Layout,
)
from mission_core.types import Column, Float32Array, Points, Stats, Targets, Temperatures, VitalSigns

SIDE_INFO_STEP = 0.1  # [dB]
FARTHEST = 1000.0
"""[m], beyond which no radar of this kind sees anything."""
TARGET_IDS = 2**16
"""Larger ones are no ids but another field of a target read in its place."""

Decoder: TypeAlias = Callable[[bytes | memoryview], Any]


@dataclass(frozen=True)
class Kind:
    """What one type of a layout is.

    Attributes:
        name: key of `RadarContents`, or POINTS or SIDE_INFO.
        decode: makes of a payload what that is.
        item: of which there is any number; None where there are none.
        head_bytes: in front of the items.
        joins: whether payloads one behind the other are decoded to what they are, one behind the other.
    """

    name: str
    decode: Decoder
    item: "np.dtype[Any] | None" = None
    head_bytes: int = 0
    joins: bool = False

    def fits(self, length: int) -> bool:
        """Whether a payload may have that length [bytes]."""
        rest = length - self.head_bytes
        return rest == 0 if self.item is None else rest >= 0 and rest % self.item.itemsize == 0

    def count(self, length: int) -> int:
        """Items in a payload of that length [bytes], which fits; those without any are bytes."""
        return length if self.item is None else (length - self.head_bytes) // self.item.itemsize

    def items(self, where: slice) -> "tuple[np.dtype[Any], int, int]":
        """Of a payload at a place in a frame: what its items are, how many, where the first is [bytes]."""
        item, head = (_BYTE, 0) if self.item is None else (self.item, self.head_bytes)
        return item, self.count(where.stop - where.start), where.start + head


# --- detections -------------------------------------------------------------------------------------------------------


_BYTE, _HALF, _FLOAT = np.dtype("u1"), np.dtype("<u2"), np.dtype("<f4")
_FOUR_FLOATS, _TWO_HALVES = np.dtype(("<f4", (4,))), np.dtype(("<i2", (2,)))
_SIX_HALVES, _HEIGHT = np.dtype(("<i2", (6,))), np.dtype([("id", "<u4"), ("upper", "<f4"), ("lower", "<f4")])
_COMPRESSED_3D = np.dtype(
    [("elevation", "i1"), ("azimuth", "i1"), ("doppler", "<i2"), ("range", "<u2"), ("snr", "<u2")]
)
_COMPRESSED_2D = np.dtype([("azimuth", "i1"), ("doppler", "i1"), ("range", "<u2"), ("snr", "<u2")])


def _empty(num_points: int) -> Points:
    return np.zeros((num_points, len(Column)), np.float32)


_FROM_CARTESIAN = np.zeros((4, len(Column)), np.float32)
_FROM_CARTESIAN[(1, 0, 2, 3), (Column.X, Column.Y, Column.Z, Column.DOPPLER)] = 1.0, -1.0, 1.0, 1.0
_FROM_SIDE_INFO = np.zeros((2, len(Column)), np.float32)
_FROM_SIDE_INFO[(0, 1), (Column.SNR, Column.NOISE)] = SIDE_INFO_STEP
"""Matrices, for a product takes a third of the time that it takes to fill columns."""


def _cartesian(payload: bytes | memoryview) -> Points:
    """x, y, z [m], velocity [m/s]: four floats."""
    points: Points = np.frombuffer(payload, _FOUR_FLOATS).dot(_FROM_CARTESIAN)
    return points


def _spherical(payload: bytes | memoryview) -> Points:
    """Range [m], azimuth, elevation [rad], velocity [m/s]: four floats."""
    return _from_angles(*np.frombuffer(payload, _FOUR_FLOATS).T)


def _compressed(payload: bytes | memoryview) -> Points:
    """Five units, then int8 elevation and azimuth, int16 velocity, uint16 range and SNR (a linear ratio) in them."""
    elevation, azimuth, doppler, ranges, snr, least = _in_units(payload, _COMPRESSED_3D)
    return _from_angles(ranges, azimuth, elevation, doppler, _decibels(snr, least))


def _compressed_flat(payload: bytes | memoryview) -> Points:
    """Four units, then int8 azimuth and velocity, uint16 range and SNR (a linear ratio) in them."""
    azimuth, doppler, ranges, snr, least = _in_units(payload, _COMPRESSED_2D)
    return _from_angles(ranges, azimuth, np.zeros_like(azimuth), doppler, _decibels(snr, least))


def _flat(payload: bytes | memoryview) -> Points:
    """Range [m], azimuth [rad], velocity [m/s], SNR (a linear ratio): four floats."""
    ranges, azimuth, doppler, snr = np.frombuffer(payload, _FOUR_FLOATS).T
    return _from_angles(ranges, azimuth, np.zeros_like(azimuth), doppler, _decibels(snr, np.float32(0.0)))


def _flat_of_either_form(payload: bytes | memoryview) -> Points:
    """Firmware sends floats or multiples of units; where the length leaves it open, floats have to be possible."""
    if len(payload) % 16 == 0:
        ranges, azimuth, *_ = np.frombuffer(payload, _FOUR_FLOATS).T
        if (len(payload) - 16) % 6 or ((ranges >= 0.0) & (ranges < FARTHEST) & (np.abs(azimuth) < np.pi)).all():
            return _flat(payload)
    return _compressed_flat(payload)


@np.errstate(all="ignore")  # what is not finite is dropped and counted
def _in_units(payload: bytes | memoryview, kind: "np.dtype[np.void]") -> list[Any]:
    """The fields of compressed detections, and at the end the last unit."""
    names = kind.names or ()
    units = np.frombuffer(payload, "<f4", len(names))
    values = np.frombuffer(payload[units.nbytes :], kind)
    return [*(values[name].astype(np.float32) * unit for name, unit in zip(names, units, strict=True)), units[-1]]


@np.errstate(all="ignore")
def _from_angles(
    ranges: Float32Array,
    azimuth: Float32Array,
    elevation: Float32Array,
    doppler: Float32Array,
    decibels: Float32Array | float = 0.0,
) -> Points:
    points = _empty(len(ranges))
    level = ranges * np.cos(elevation)
    points[:, Column.X] = level * np.cos(azimuth)
    points[:, Column.Y] = -level * np.sin(azimuth)
    points[:, Column.Z] = ranges * np.sin(elevation)
    points[:, Column.DOPPLER] = doppler
    points[:, Column.SNR] = decibels
    return points


@np.errstate(all="ignore")
def _decibels(ratio: Float32Array, least: np.float32) -> Float32Array:
    """Of a ratio; one of nothing is taken for the least that can be told."""
    return np.float32(10.0) * np.log10(np.maximum(ratio, np.maximum(least, np.finfo(np.float32).tiny)))


def _fixed_point(payload: bytes | memoryview) -> Points:
    """Number and exponent, then range bin, Doppler bin, peak, and x, y, z in 2^-exponent m: SDK 1 and 2."""
    values, exponent = _sdk2_objects(payload)
    points = _empty(len(values))
    points[:, : Column.DOPPLER] = ti_to_rep103(values[:, 3:].astype(np.float32) * np.float32(2.0**-exponent))
    return points


def _sdk2_objects(payload: bytes | memoryview) -> tuple[NDArray[np.int16], int]:
    if not payload:
        return np.zeros((0, 6), np.int16), 0
    num_points, exponent = struct.unpack_from("<2H", payload)
    if len(payload) != 4 + 12 * num_points or exponent > 15:
        raise FrameError(
            "bad_tlv",
            f"{len(payload)} bytes of {num_points} points in 2^-{exponent} m, expected 4 and 12 each",
        )
    return np.frombuffer(payload[4:], "<i2").reshape(-1, 6), exponent


def _side_info(payload: bytes | memoryview) -> Points:
    """SNR and noise [0.1 dB], signed; as detections of which nothing else is known."""
    values = np.frombuffer(payload, _TWO_HALVES).astype(np.float32)
    points: Points = values.dot(_FROM_SIDE_INFO)
    return points


# --- everything else --------------------------------------------------------------------------------------------------


def _words(payload: bytes | memoryview) -> NDArray[np.uint16]:
    return np.frombuffer(payload, "<u2")


def _bytes(payload: bytes | memoryview) -> NDArray[np.uint8]:
    return np.frombuffer(payload, np.uint8)


def _floats(payload: bytes | memoryview) -> Float32Array:
    return np.frombuffer(payload, "<f4")


def _complex(payload: bytes | memoryview) -> NDArray[np.complex64]:
    """The imaginary part comes first."""
    parts = np.frombuffer(payload, "<i2").reshape(-1, 2).astype(np.float32)
    return parts[:, ::-1].copy().view(np.complex64)[:, 0]


def _word(payload: bytes | memoryview) -> int:
    return int(struct.unpack_from("<I", payload)[0])


def _float(payload: bytes | memoryview) -> float:
    return float(struct.unpack_from("<f", payload)[0])


def _velocity(payload: bytes | memoryview) -> tuple[float, bool]:
    value, trusted = struct.unpack_from("<f?", payload)
    return float(value), bool(trusted)


def _stats(payload: bytes | memoryview) -> Stats:
    return Stats._make(struct.unpack_from("<6I", payload))


def _temperatures(payload: bytes | memoryview) -> Temperatures:
    fault, time_ms, *celsius = struct.unpack_from("<iI10h", payload)
    return Temperatures(fault == 0, time_ms, tuple(celsius[:4]), tuple(celsius[4:7]), celsius[7], tuple(celsius[8:]))


def _vital_signs(payload: bytes | memoryview) -> VitalSigns:
    target, range_bin, deviation, heart, breath, *waves = struct.unpack_from("<2H33f", payload)
    return VitalSigns(target, range_bin, deviation, heart, breath, tuple(waves[:15]), tuple(waves[15:]))


def _vital_signs_of_one(payload: bytes | memoryview) -> VitalSigns:
    """VitalSignsDemo_OutputStats of the lab for one person: rates from the largest peaks of both spectra."""
    values = struct.unpack_from("<2HfI2H28f", payload)
    return VitalSigns(0, values[1], 0.0, heart_rate=values[9], breath_rate=values[13])


def sdk2_doppler_bins(payload: bytes | memoryview) -> NDArray[np.int16]:
    """(N,) Doppler bins of detections of SDK 1 and 2, from whose frames alone no velocity can be told."""
    return _sdk2_objects(payload)[0][:, 1]


# --- targets ----------------------------------------------------------------------------------------------------------


class _TargetForm(NamedTuple):
    """Places of a target's fields among its words, the first of which is the id."""

    words: int
    position: tuple[int, ...]
    velocity: tuple[int, ...]
    acceleration: tuple[int, ...]
    covariance: int  # numbers of its matrix, which begin behind the kinematics; the gate's gain follows them
    confidence: bool


_3D = (1, 2, 3), (4, 5, 6), (7, 8, 9)
_3D_FORMERLY = (1, 2, 7), (3, 4, 8), (5, 6, 9)
_2D = (1, 2), (3, 4), (5, 6)
_TARGET_FORMS = (
    _TargetForm(28, *_3D, 16, True),
    _TargetForm(27, *_3D_FORMERLY, 16, False),
    _TargetForm(18, *_2D, 9, True),
    _TargetForm(17, *_2D, 9, False),
    _TargetForm(10, *_3D_FORMERLY, 0, False),
    _TargetForm(7, *_2D, 0, False),
)
"""112, 108, 72, 68, 40 and 28 bytes; demos changed their order of fields with their size."""


def _targets(payload: bytes | memoryview) -> Targets:
    """Targets of whichever form makes sense: a list may be as long as one of another form with other targets."""
    for form in _TARGET_FORMS:
        if len(payload) % (4 * form.words) == 0:
            words = np.frombuffer(payload, "<u4").reshape(-1, form.words)
            if _makes_sense(words):
                return _targets_of(words, form)
    sizes = ", ".join(str(4 * form.words) for form in _TARGET_FORMS)
    raise FrameError("bad_tlv", f"{len(payload)} bytes are no targets of {sizes} bytes")


def _makes_sense(words: NDArray[np.uint32]) -> bool:
    """Whether every row begins with an id of its own, and ids are nowhere else: they would be tiny floats there."""
    ids, others = words[:, 0], words[:, 1:]
    misplaced = (others > 0) & (others < TARGET_IDS)
    return bool((ids < TARGET_IDS).all()) and len(np.unique(ids)) == len(ids) and not bool(misplaced.any())


def _targets_of(words: NDArray[np.uint32], form: _TargetForm) -> Targets:
    values = words.view("<f4")
    behind = 1 + len(form.position) + len(form.velocity) + len(form.acceleration)
    size = round(form.covariance**0.5)
    covariances = None
    if size:
        turned = np.ones(size, np.float32)
        turned[1] = -1.0  # azimuth grows to the right there
        matrices = values[:, behind : behind + form.covariance].reshape(-1, size, size)
        covariances = matrices * np.outer(turned, turned)
    gain = behind + form.covariance
    return Targets(
        ids=words[:, 0].astype(np.int32),
        positions=_vectors(values, form.position),
        velocities=_vectors(values, form.velocity),
        accelerations=_vectors(values, form.acceleration),
        covariances=covariances,
        gains=values[:, gain].copy() if form.covariance else None,
        confidences=values[:, gain + 1].copy() if form.confidence else None,
    )


def _vectors(values: Float32Array, places: tuple[int, ...]) -> Float32Array:
    found = np.zeros((len(values), 3), np.float32)
    found[:, : len(places)] = values[:, places]
    return ti_to_rep103(found)


def _target_heights(payload: bytes | memoryview) -> dict[int, tuple[float, float]]:
    """Lower and upper end by target; the upper one comes first on the wire."""
    return {target: (low, high) for target, high, low in struct.iter_unpack("<I2f", payload)}


# --- which type is what -----------------------------------------------------------------------------------------------

POINTS = "points"
SIDE_INFO = "side_info"
STATIC_POINTS = "static_points"
STATIC_SIDE_INFO = "static_side_info"

_OUT_OF_BOX: dict[int, tuple[Kind, ...]] = {
    1: (Kind(POINTS, _cartesian, _FOUR_FLOATS, joins=True),),
    2: (Kind("range_profile", _words, _HALF),),
    3: (Kind("noise_profile", _words, _HALF),),
    4: (Kind("azimuth_heatmap", _complex, _TWO_HALVES),),
    5: (Kind("range_doppler", _words, _HALF),),
    6: (Kind("stats", _stats, None, 24), Kind("vital_signs", _vital_signs_of_one, None, 128)),
    7: (Kind(SIDE_INFO, _side_info, _TWO_HALVES, joins=True),),
    8: (Kind("antenna_heatmap", _complex, _TWO_HALVES),),
    9: (Kind("temperatures", _temperatures, None, 28),),
}
_TARGETS = (Kind("targets", _targets, _FLOAT),)
_TARGET_INDEX = (Kind("target_index", _bytes, _BYTE),)
_PRESENCE = (Kind("presence", _word, None, 4),)
_SPHERICAL = (Kind(POINTS, _spherical, _FOUR_FLOATS, joins=True),)
_COMPRESSED = (Kind(POINTS, _compressed, _COMPRESSED_3D, 20),)

KINDS: Mapping[Layout, Mapping[int, tuple[Kind, ...]]] = {
    SDK3: {
        **_OUT_OF_BOX,
        1000: _SPHERICAL,
        1010: _TARGETS,
        1011: _TARGET_INDEX,
        1012: (Kind("target_heights", _target_heights, _HEIGHT),),
        1020: _COMPRESSED,
        1021: _PRESENCE,
        1030: (Kind("occupancy", _word, None, 4),),
        1031: (Kind("surface", _float, None, 4),),
        1033: (Kind("velocity", _velocity, None, 5), Kind("velocity", _velocity, None, 8)),
        1040: (Kind("vital_signs", _vital_signs, None, 136),),
        1050: (Kind("gesture_features", _floats, None, 40),),
        1051: (Kind("gesture_probabilities", _floats, None, 40),),
    },
    SDK2: _OUT_OF_BOX | {1: (Kind(POINTS, _fixed_point, None, 0), Kind(POINTS, _fixed_point, _SIX_HALVES, 4))},
    AREA_SCANNER: {
        1: _SPHERICAL,
        2: _OUT_OF_BOX[2],
        3: _OUT_OF_BOX[3],
        7: _OUT_OF_BOX[7],
        8: (Kind(STATIC_POINTS, _cartesian, _FOUR_FLOATS),),
        9: (Kind(STATIC_SIDE_INFO, _side_info, _TWO_HALVES),),
        10: _TARGETS,
        11: _TARGET_INDEX,
    },
    PEOPLE_COUNTING: {6: _COMPRESSED, 7: _TARGETS, 8: _TARGET_INDEX, 11: _PRESENCE},
    LONG_RANGE: {
        6: _SPHERICAL,
        7: _TARGETS,
        8: _TARGET_INDEX,
        9: _OUT_OF_BOX[7],
    },
    TRACKING_2D: {
        6: (Kind(POINTS, _flat_of_either_form, _FOUR_FLOATS), Kind(POINTS, _flat_of_either_form, _COMPRESSED_2D, 16)),
        7: _TARGETS,
        8: _TARGET_INDEX,
    },
}
"""By layout and type, what it can be: the first whose length fits. Other types are skipped and counted."""


def kind_of(layout: Layout, number: int, length: int) -> Kind | None:
    """What a block of a type and a length is; None for a type that is not known.

    Raises:
        FrameError: "bad_tlv": no block of its type has its length.
    """
    possible = KINDS[layout].get(number, ())
    for kind in possible:
        if kind.fits(length):
            return kind
    if not possible:
        return None
    expected = " or ".join(_lengths(kind) for kind in possible)
    raise FrameError("bad_tlv", f"TLV {number} has {length} bytes, expected {expected}")


def _lengths(kind: Kind) -> str:
    items = "" if kind.item is None else f"a multiple of {kind.item.itemsize}"
    return " and ".join(filter(None, (str(kind.head_bytes or ""), items))) + f" ({kind.name})"
