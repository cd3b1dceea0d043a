"""How real the simulated radar's walkers look: their points beside those of three real radars, as distributions.

    MISSION_DATA=DIR .venv/bin/python benchmarks/twin_realism.py [--people 12] [--seconds 40] [--images docs/images]

For every real recording people walk before the simulated radar with that recording's chirps, frame rate and ranges.
Frames are drawn so that both sides have the same ranges. Printed for each statistic: medians, the Kolmogorov-Smirnov
statistic, and the Wasserstein distance in standard deviations of the real values; beside it the distance between one
half of the real recording and the other, which is what two samples of one and the same thing come to.

The chirps were found from the recordings' own grids: the steps of range and of Doppler fit one published configuration.
"""

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from mission_core.data.real import Recording, load_gtrack, load_radhar, load_uart, radhar_files
from mission_core.radar.profile import RadarProfile, parse_profile
from mission_core.realism import (
    STATISTICS,
    WalkerStatistics,
    matched,
    moving_points,
    two_sample,
    walker_places,
    walker_statistics,
)
from mission_core.sim import path
from mission_core.sim.body import Body
from mission_core.sim.cohort import Person, sample_person
from mission_core.sim.fmcw import FmcwRadar
from mission_core.sim.gait import Walk
from mission_core.sim.scatter import scatterers
from mission_core.types import Column, Float64Array, Mount, Points

DATA = Path(os.environ.get("MISSION_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
FIRST_SEED = 20_000  # of the simulated walkers
RANGE_BIN = 0.5  # [m]
PLACE_TIME = 0.5  # over which a walker's place is taken as the median [s]
INSTANT = 0.005  # between the poses that velocities are taken from [s]
WALKING = 0.3  # speed of a track of TI's tracker from which its person walks [m/s]
# Where and how fast people walk, by the real points: RadHAR's go round in 9.5 s, TI's come in slowly and stop
RADHAR_CIRCLE = path.circle((1.55, 0.35), 0.9)
GTRACK_LANE = path.back_and_forth((1.3, 0.5), (5.5, -0.5))
DOORS_LANE = path.back_and_forth((1.4, 0.0), (3.7, 0.0))
FEWEST = 10  # values of a sample that is compared
LONELY = 1.5  # distance to the next track from which its points are not mixed up [m]

# IWR1443BOOST, SDK 1: range step 4.36 cm as the driver has it (c / 2B of 240 samples), Doppler step 0.6147 m/s, 30 Hz.
# Points of one Doppler lie in neighbouring range bins, and never in neighbouring Doppler bins of one range: peaks are
# grouped in Doppler only. The threshold is not known; 15 dB is the visualizer's default of that time.
RADHAR_CFG = """
adcCfg 2 1
channelCfg 15 7 0
profileCfg 0 60 7 7 57.14 0 0 70 1 240 4884 0 0 30
chirpCfg 0 0 0 0 0 0 0 1
chirpCfg 1 1 0 0 0 0 0 4
chirpCfg 2 2 0 0 0 0 0 2
frameCfg 0 2 16 0 33.333 1 0
guiMonitor -1 1 0 0 0 0 0
cfarCfg -1 0 2 8 4 3 0 15 0
cfarCfg -1 1 0 4 2 3 1 15 1
multiObjBeamForming -1 1 0.5
clutterRemoval -1 0
aoaFovCfg -1 -90 90 -90 90
cfarFovCfg -1 0 0 9
cfarFovCfg -1 1 -6 6
"""
# people counting with two azimuth transmitters: range step 4.89 cm, Doppler step 0.0803 m/s of 128 chirps, 20 Hz
GTRACK_CFG = """
adcCfg 2 1
channelCfg 15 5 0
profileCfg 0 60 30 7 62 0 0 60 1 128 2500 0 0 30
chirpCfg 0 0 0 0 0 0 0 1
chirpCfg 1 1 0 0 0 0 0 4
frameCfg 0 1 128 0 50 1 0
guiMonitor -1 1 0 0 0 0 0
cfarCfg -1 0 2 8 4 3 0 11 0
cfarCfg -1 1 0 4 2 3 1 11 0
multiObjBeamForming -1 0 0.5
clutterRemoval -1 1
aoaFovCfg -1 -60 60 -90 90
cfarFovCfg -1 0 0 6
cfarFovCfg -1 1 -6 6
"""
# automated doors, IWR6843: range step 4.36 cm, Doppler step 0.1252 m/s up to +-1 m/s, 10 Hz, SNR from 15 dB
DOORS_CFG = """
adcCfg 2 1
channelCfg 15 5 0
profileCfg 0 60 567 7 57.14 0 0 70 1 256 5209 0 0 30
chirpCfg 0 0 0 0 0 0 0 1
chirpCfg 1 1 0 0 0 0 0 4
frameCfg 0 1 16 0 100 1 0
guiMonitor -1 1 1 0 0 0 1
cfarCfg -1 0 2 8 4 3 0 15 1
cfarCfg -1 1 0 4 2 3 1 15 1
multiObjBeamForming -1 1 0.5
clutterRemoval -1 0
aoaFovCfg -1 -90 90 -90 90
cfarFovCfg -1 0 0 9
cfarFovCfg -1 1 -2 2
"""


@dataclass(frozen=True)
class Case:
    """One real recording and how to stand a simulated walker beside it.

    Attributes:
        title: of the plot.
        profile: of the radar.
        doppler_step: of the recording [m/s]; drivers take the middle of the band, the start, or c = 3e8 m/s.
        path: that the people walk, without end.
        speed: at which [m/s]; None = their own.
        pool: frames taken together, for radars that give two or three moving points per frame.
        real: statistics of every walker, in recordings or parts of them.
    """

    title: str
    profile: RadarProfile
    doppler_step: float
    path: path.Path
    speed: float | None
    pool: int
    real: Callable[[], list[WalkerStatistics]]


def main() -> None:
    """Compares and plots."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=40.0, help="that each of them walks")
    parser.add_argument("--images", type=Path, help="directory to plot into")
    options = parser.parse_args()
    cases = {
        "radhar": Case(
            "RadHAR, IWR1443, 30 Hz", profile(RADHAR_CFG, 77e9), 0.61467, RADHAR_CIRCLE, 0.6, 3, radhar_walkers
        ),
        "gtrack": Case(
            "TI tracker vectors, 20 Hz", profile(GTRACK_CFG, 77e9), 0.08031, GTRACK_LANE, 0.66, 1, gtrack_walkers
        ),
        "doors": Case(
            "TI doors, IWR6843, 10 Hz", profile(DOORS_CFG, 60e9), 0.12517, DOORS_LANE, None, 1, doors_walkers
        ),
    }
    for name, case in cases.items():
        real = case.real()
        simulated = [simulate(case, FIRST_SEED + i, options.seconds) for i in range(options.people)]
        print(f"\n{case.title}: {sum(len(s.range) for s in real)} real frames, {options.people} simulated people")
        compare(real, simulated)
        if options.images:
            plot(case, real, simulated, options.images / f"twin_realism_{name}.png")


def profile(text: str, start_frequency: float) -> RadarProfile:
    """A profile at any start frequency [Hz]; the reader of .cfg files takes the band of the IWR6843 only."""
    return replace(parse_profile(text, "recording"), start_frequency=start_frequency)


# --- the real side ------------------------------------------------------------------------------------------------


def radhar_walkers() -> list[WalkerStatistics]:
    """Every file, three frames of 33 ms taken together."""
    return [follow(pooled(load_radhar(path).frames, 3), 0.1) for path in radhar_files(DATA)]


def doors_walkers() -> list[WalkerStatistics]:
    """The 34 frames in which somebody moves."""
    recording = load_uart(DATA / "uart_captures" / "ti_doors_xwr68xx_processed_stream.dat")
    busy = (recording.stamps >= 1.8) & (recording.stamps <= 5.1)
    frames = [points for points, own in zip(recording.frames, busy, strict=True) if own]
    half = len(frames) // 2
    return [follow(part, 0.1) for part in (frames[:half], frames[half:])]


def gtrack_walkers() -> list[WalkerStatistics]:
    """Those of TI's tracks whose person walks and has nobody near, by track."""
    recording = load_gtrack(DATA / "gtrack_vectors" / "gtrack_fHistScene4_3d_0001.bin")
    found: dict[int, list[tuple[Points, Float64Array]]] = {}
    for track_id, points, place in lonely_walkers(recording):
        found.setdefault(track_id, []).append((points, place))
    return [
        walker_statistics([points for points, _ in rows], np.array([place for _, place in rows]))
        for rows in found.values()
    ]


def lonely_walkers(recording: Recording) -> Iterator[tuple[int, Points, Float64Array]]:
    """Track id, points of the frame and place of every track that walks alone, frame by frame."""
    for points, tracks in zip(recording.frames, recording.tracks, strict=True):
        for i, (track_id, x, y, vx, vy) in enumerate(tracks):
            others = np.delete(tracks[:, 1:3], i, axis=0)
            alone = not len(others) or np.hypot(*(others - (x, y)).T).min() > LONELY
            if alone and np.hypot(vx, vy) > WALKING:
                yield int(track_id), points, np.array([x, y])


def pooled(frames: Sequence[Points], count: int) -> list[Points]:
    """`count` frames after another as one."""
    return [np.concatenate(frames[i : i + count]) for i in range(0, len(frames) - count + 1, count)]


def follow(frames: Sequence[Points], period: float) -> WalkerStatistics:
    """The one walker of a recording."""
    moving = moving_points(frames)
    return walker_statistics(moving, walker_places(moving, round(PLACE_TIME / period)))


# --- the simulated side -------------------------------------------------------------------------------------------


def simulate(case: Case, seed: int, seconds: float) -> WalkerStatistics:
    """One person alone."""
    person = sample_person(seed)
    body, mount = Body(person), Mount(height=1.0)
    walk = walk_at(person, case, seed)
    radar = FmcwRadar(case.profile, mount, seed)
    period = case.profile.frame_period
    frames = []
    for t in np.arange(0.0, seconds, period):
        surface = body.samples(walk.joints(t + np.array([-INSTANT, 0.0, INSTANT])))
        points = radar.observe(scatterers([surface], INSTANT, mount, [seed])).points
        points[:, Column.DOPPLER] *= case.doppler_step / case.profile.doppler_step
        frames.append(points)
    return follow(pooled(frames, case.pool), period * case.pool)


def walk_at(person: Person, case: Case, seed: int) -> Walk:
    """A walk at the speed of the case, cadence and step length changed alike as people do."""
    walk = Walk(person, case.path, seed)
    if case.speed is None:
        return walk
    way = np.diff(walk.joints(np.arange(0.0, 20.0, 0.5))[:, 0, :2], axis=0)
    factor = np.sqrt(case.speed / (np.linalg.norm(way, axis=1).mean() / 0.5))
    habit = person.gait
    slower = replace(habit, cadence=habit.cadence * factor, step_length=habit.step_length * factor)
    return Walk(replace(person, gait=slower), case.path, seed)


# --- beside each other --------------------------------------------------------------------------------------------


def samples(
    real: Sequence[WalkerStatistics], simulated: Sequence[WalkerStatistics]
) -> dict[str, tuple[Float64Array, ...]]:
    """By statistic: values of the real frames, of simulated ones at the same ranges, and of the halves of the real."""
    drawn = matched(ranges(real), ranges(simulated), np.arange(0.0, 12.0, RANGE_BIN))
    result = {}
    for name in STATISTICS:
        own, other = (np.concatenate([s.values[name] for s in side]) for side in (real, simulated))
        halves = (np.concatenate([s.values[name] for s in real[i::2]]) for i in range(2))
        result[name] = (own, other[drawn], *halves)
    for name in ("snr", "floor", "heights"):
        own, other = (np.concatenate([getattr(s, name) for s in side]) for side in (real, simulated))
        if np.isfinite(own).any() and own.std() > 0:
            centre = np.nanmedian if name == "heights" else (lambda _: 0.0)  # the sensor's height is not known
            halves = (np.concatenate([getattr(s, name) for s in real[i::2]]) for i in range(2))
            result[name] = tuple(values - centre(values) for values in (own, other, *halves))
    return {name: values for name, values in result.items() if all(map(measurable, values))}


def measurable(values: Float64Array) -> bool:
    """Whether a sample is large enough, and not all one value."""
    finite = values[np.isfinite(values)]
    return len(finite) >= FEWEST and bool(finite.std() > 0)


def ranges(side: Sequence[WalkerStatistics]) -> Float64Array:
    """Of all frames [m]."""
    return np.concatenate([s.range for s in side])


def compare(real: Sequence[WalkerStatistics], simulated: Sequence[WalkerStatistics]) -> None:
    """Prints the table."""
    print(
        "| statistic | real | simulated | KS | Wasserstein | real halves: KS | Wasserstein |\n"
        "|---|---|---|---|---|---|---|"
    )
    for name, (own, other, *halves) in samples(real, simulated).items():
        apart, noise = two_sample(own, other), two_sample(*halves)
        print(
            f"| {name} | {apart.medians[0]:.2f} | {apart.medians[1]:.2f} | {apart.ks:.2f} | {apart.wasserstein:.2f} "
            f"| {noise.ks:.2f} | {noise.wasserstein:.2f} |"
        )


def plot(case: Case, real: Sequence[WalkerStatistics], simulated: Sequence[WalkerStatistics], file: Path) -> None:
    """Distributions of all statistics, real and simulated."""
    both = samples(real, simulated)
    figure, axes = plt.subplots(2, (len(both) + 1) // 2, figsize=(13, 5.2), layout="constrained", squeeze=False)
    for axis, (name, (own, other, *_)) in zip(axes.ravel(), both.items(), strict=False):
        finite = np.concatenate((own[np.isfinite(own)], other[np.isfinite(other)]))
        low, high = np.quantile(finite, (0.002, 0.998))
        edges = np.linspace(low, high, 31)
        for values, label, colour in ((own, "real", "tab:red"), (other, "simulated", "tab:blue")):
            axis.hist(values, edges, density=True, histtype="step", color=colour, label=label, linewidth=1.6)
        axis.set(xlabel=LABELS[name], yticks=[])
    for axis in axes.ravel()[len(both) :]:
        axis.axis("off")
    axes[0, 0].legend()
    figure.suptitle(case.title)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=80)
    plt.close(figure)


LABELS = {
    "count": "points per frame",
    "per_range": "points per range that has any",
    "height": "deviation of height [m]",
    "width": "lateral deviation [m]",
    "depth": "deviation along the line of sight [m]",
    "doppler_spread": "deviation of Doppler [m/s]",
    "doppler_extreme": "farthest Doppler from the median [m/s]",
    "speed": "|median Doppler| [m/s]",
    "snr": "SNR at 2 m [dB]",
    "floor": "noise beside a point [dB]",
    "heights": "height about its median [m]",
}


if __name__ == "__main__":
    main()
