"""The antennas of an IWR6843ISK: how much they send where, and which one is where.

Gain and pattern: IWR6843ISK user's guide (SWRU546).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mission_core.radar.profile import RadarProfile
from mission_core.types import Float64Array

GAIN = 10 ** (7.0 / 10)  # each way, at boresight
HALF_GAIN_AZIMUTH = np.deg2rad(60.0)  # where the two-way gain is 6 dB down
HALF_GAIN_ELEVATION = np.deg2rad(20.0)
SIDE_LOBES = 10 ** (-12.5 / 10)  # one-way gain outside the main lobe

TRANSMITTERS = {1: (0, 0), 2: (2, 1), 4: (4, 0)}
"""Where a transmitter (chirpCfg mask) puts its row of four receivers in the virtual array, to the right and up [half
wavelengths; of the middle frequency here, of 62 GHz on the board]. TX1 and TX3 side by side make eight antennas of
azimuth, TX2 sits above their middle. A beam of several transmitters is taken to come from the first."""


def pattern(unit: Float64Array) -> Float64Array:
    """One-way power gain (S,) towards directions (S, 3), relative to the boresight."""
    azimuth, elevation = np.arctan2(unit[:, 1], unit[:, 0]), np.arcsin(np.clip(unit[:, 2], -1, 1))
    exponent = (azimuth / HALF_GAIN_AZIMUTH) ** 2 + (elevation / HALF_GAIN_ELEVATION) ** 2
    return np.maximum(0.5**exponent, SIDE_LOBES) * (np.abs(azimuth) < np.pi / 2)


@dataclass(frozen=True, slots=True, eq=False)
class VirtualArray:
    """Who sends and receives when, as the transmitters take turns. Places are (left, up) [half wavelengths].

    Attributes:
        transmitters: (chirps, 2) place of the one that sends.
        receivers: (rx, 2) places.
        chirps: (tx, loops) indices of the chirps of each transmitter, in order of their first one.
        delays: (A,) when the transmitter of each virtual antenna sends, as a share of a Doppler bin's cycles.
        columns: (A,) place of each virtual antenna to the right, from 0.
        raised: (A,) bool, in the upper row.
    """

    transmitters: Float64Array
    receivers: Float64Array
    chirps: NDArray[np.intp]
    delays: Float64Array
    columns: NDArray[np.intp]
    raised: NDArray[np.bool_]

    @classmethod
    def of(cls, profile: RadarProfile) -> Self:
        """The array that a profile's chirps make."""
        masks = np.tile(profile.tx_masks, profile.loops * profile.num_tx // len(profile.tx_masks))
        order = list(dict.fromkeys(profile.tx_masks))
        right, up = np.array([TRANSMITTERS[mask & -mask] for mask in order]).T
        receivers = np.arange(profile.num_rx)
        turns = np.searchsorted(order, masks, sorter=np.argsort(order))
        turn = np.argsort(order)[turns]
        antenna = np.repeat(np.arange(len(order)), profile.num_rx)
        return cls(
            transmitters=np.stack((-right, up), axis=1)[turn].astype(np.float64),
            receivers=np.stack((-receivers, np.zeros_like(receivers)), axis=1).astype(np.float64),
            chirps=np.stack([np.flatnonzero(turn == index) for index in range(len(order))]),
            delays=antenna / len(order) / profile.num_doppler_bins,
            columns=right[antenna] + np.tile(receivers, len(order)),
            raised=(up - up.min())[antenna] > 0,
        )
