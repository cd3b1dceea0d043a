"""One picture of one instant of a walk, as both sensors see it: what the simulator does, at a glance."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import Axes3D
from numpy.typing import NDArray
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from mission_core.camera.skeleton import BONES
from mission_core.errors import ConfigurationError
from mission_core.geometry import project, rep103_to_optical, room_to_sensor, sensor_to_room
from mission_core.radar.profile import SPEED_OF_LIGHT, RadarProfile, load_profile
from mission_core.sim import rooms
from mission_core.sim.fmcw import slow_time
from mission_core.sim.path import Motion
from mission_core.sim.rooms import Scenario
from mission_core.sim.scatter import trails
from mission_core.sim.view import CameraView, RadarView, body_of
from mission_core.types import CameraFrame, Column, Float64Array, Points

INSTANT = 0.55  # of the walk
WINDOW = 0.15  # of the spectrogram [s]
SURFACE_RATE = 200.0  # of the surfaces behind it [1/s]
DYNAMIC_RANGE = 45.0  # of maps [dB]


def draw_instant(path: Path, profile_file: Path, seed: int) -> None:
    """Writes the picture: rendered frame, skeleton, points from two sides, range-Doppler map and spectrogram.

    The sensors stand side by side here and see one walk; `seed` chooses person and walk.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    if not path.parent.is_dir():
        raise ConfigurationError(
            f"{path} cannot be written, there is no {path.parent}: name another file with --figure"
        )
    profile = load_profile(profile_file)
    rng = np.random.default_rng(seed)
    who = rooms.person(f"P{int(rng.integers(58)):02d}")
    scenario = rooms.alone(who, "camera", rng, angle_deg=15.0, scene="classroom")
    figure = instant_figure(scenario, profile, INSTANT * scenario.duration)
    try:
        figure.savefig(path, dpi=110)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be written ({error}): name another file with --figure") from error


def instant_figure(scenario: Scenario, profile: RadarProfile, t: float) -> Figure:
    """The picture of a scenario with one person at time t [s]."""
    (motion,) = scenario.motions
    joints = motion.joints(np.array([t]))[0]
    camera = CameraView(scenario)
    radar = RadarView(replace(scenario, sensor="radar"), profile)
    points = radar.observe(t).points.copy()
    points[:, :3] = sensor_to_room(points[:, :3], radar.mount)
    person = motion.person
    figure = Figure(figsize=(16, 10), layout="constrained")
    figure.suptitle(
        f"{person.person_id} ({person.sex}, {person.age} years, {person.stature:.2f} m, {person.mass:.0f} kg) after "
        f"{t:.1f} s of a walk; radar runs {profile.name}"
    )
    grid = figure.add_gridspec(2, 12, height_ratios=(1.15, 1.0))
    _draw_picture(figure.add_subplot(grid[0, :8]), camera, camera.frame(t, 0), joints)
    _draw_skeleton(figure.add_subplot(grid[0, 8:], projection="3d"), joints)
    _draw_points(figure.add_subplot(grid[1, :2]), points, joints, (Column.Y, Column.X))
    _draw_points(figure.add_subplot(grid[1, 2:5]), points, joints, (Column.X, Column.Z))
    _draw_range_doppler(figure.add_subplot(grid[1, 5:8]), radar, t)
    _draw_spectrogram(figure.add_subplot(grid[1, 8:]), motion, scenario, profile, radar, t)
    return figure


def _draw_picture(axes: Axes, view: CameraView, frame: CameraFrame, joints: Float64Array) -> None:
    axes.imshow(frame.image[..., ::-1])
    pixels = project(rep103_to_optical(room_to_sensor(joints, view.mount)), view.camera)
    for bone in BONES:
        axes.plot(*pixels[list(bone)].T, color="lime", linewidth=0.8, alpha=0.8)
    axes.set(title="camera, with the joints that made it", xlim=(0, view.camera.width), ylim=(view.camera.height, 0))
    axes.axis("off")


def _draw_skeleton(axes: Axes, joints: Float64Array) -> None:
    assert isinstance(axes, Axes3D)
    for bone in BONES:
        axes.plot(*joints[list(bone)].T, color="tab:blue", linewidth=2)
    axes.scatter(*joints.T, s=8, color="tab:red", depthshade=False)
    middle = joints[0, :2]
    axes.set(
        title="skeleton [m]",
        xlim=(middle[0] - 0.6, middle[0] + 0.6),
        ylim=(middle[1] - 0.6, middle[1] + 0.6),
        zlim=(0.0, 1.9),
        xlabel="x",
        ylabel="y",
    )
    axes.set_box_aspect((1.2, 1.2, 1.9))
    axes.view_init(elev=12, azim=-125)


def _draw_points(axes: Axes, points: Points, joints: Float64Array, columns: Sequence[Column]) -> None:
    """Points over the skeleton, in the plane of two coordinates; coloured by velocity, sized by SNR."""
    horizontal, vertical = columns
    for bone in BONES:
        axes.plot(*joints[list(bone)][:, [horizontal, vertical]].T, color="0.7", linewidth=1, zorder=0)
    dots = axes.scatter(
        points[:, horizontal],
        points[:, vertical],
        c=points[:, Column.DOPPLER],
        s=3 * np.maximum(points[:, Column.SNR], 1.0),
        cmap="coolwarm",
        vmin=-3,
        vmax=3,
        alpha=0.8,
    )
    x, y = float(joints[0, horizontal]), float(joints[0, vertical])
    from_above = vertical == Column.X
    axes.set(
        title="points from above [m]" if from_above else "points from the side [m]",
        xlabel="y, left" if from_above else "x, away from the radar",
        ylabel="x, away from the radar" if from_above else "z, up",
        xlim=(x + 0.9, x - 0.9) if from_above else (x - 1.4, x + 1.4),
        ylim=(y - 1.4, y + 1.4) if from_above else (-0.3, 2.4),
    )
    axes.set_aspect("equal")
    axes.grid(alpha=0.3)
    if not from_above:
        axes.figure.colorbar(dots, ax=axes, label="velocity [m/s], + = away", location="bottom", shrink=0.8)


def _draw_range_doppler(axes: Axes, view: RadarView, t: float) -> None:
    profile = view.radar.profile
    spectrum = view.radar.receiver.spectrum(view.radar.cube(view.targets(t)))  # (A, D, R)
    power = np.fft.fftshift(np.square(np.abs(spectrum)).mean(axis=0), axes=0)
    decibels = 10.0 * np.log10(power / np.median(power))
    edge = profile.doppler_step / 2
    extent = (profile.velocities[0] - edge, profile.velocities[-1] + edge, 0.0, float(profile.ranges[-1]))
    axes.imshow(decibels.T, origin="lower", aspect="auto", extent=extent, vmin=0.0, vmax=DYNAMIC_RANGE, cmap="magma")
    axes.set(
        title="range and Doppler [dB over noise]", xlabel="velocity [m/s], + = away", ylabel="range [m]", ylim=(0, 10)
    )


def _draw_spectrogram(
    axes: Axes, motion: Motion, scenario: Scenario, profile: RadarProfile, view: RadarView, t: float
) -> None:
    prf = 1.0 / (profile.chirp_period * profile.num_tx)
    times = np.arange(round(scenario.duration * SURFACE_RATE)) / SURFACE_RATE
    surface = body_of(motion.person).samples(motion.joints(times))
    signal = slow_time(
        trails([surface], times, view.mount, scenario.seeds), carrier=profile.centre_frequency, prf=prf, snr_db=25.0
    )
    velocities, decibels = spectrogram(signal, prf, profile.centre_frequency)
    extent = (0.0, float(times[-1]), float(velocities[0]), float(velocities[-1]))
    axes.imshow(decibels, origin="lower", aspect="auto", extent=extent, vmin=-DYNAMIC_RANGE, vmax=0.0, cmap="viridis")
    axes.axvline(t, color="white", linestyle="--", linewidth=1)
    axes.set(title="spectrogram [dB]", xlabel="time [s]", ylabel="velocity [m/s], + = away")


def spectrogram(signal: NDArray[np.complex64], prf: float, carrier: float) -> tuple[Float64Array, Float64Array]:
    """Velocities (V,) [m/s] and power (V, T) relative to the largest [dB] of a slow-time signal (S,)."""
    length = max(round(WINDOW * prf), 8)
    transform = ShortTimeFFT(hann(length), max(length // 8, 1), prf, fft_mode="centered", mfft=2 * length)
    power = np.square(np.abs(transform.stft(signal, p0=0, p1=math.ceil(len(signal) / transform.hop))))
    return transform.f * SPEED_OF_LIGHT / (2.0 * carrier), 10.0 * np.log10(np.maximum(power / power.max(), 1e-9))
