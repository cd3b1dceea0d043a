"""The simulated radar against theory, for each profile that is shipped."""

import math
from pathlib import Path

import numpy as np
import pytest

from mission_core.geometry import sensor_to_room
from mission_core.radar.profile import SPEED_OF_LIGHT, load_profile, parse_profile
from mission_core.radar.tlv import decode_frame, encode_frame
from mission_core.sim.fmcw import Effects, FmcwRadar, Room, Wall, slow_time
from mission_core.sim.scatter import Scatterers, Trails
from mission_core.types import Column, Mount

DIRECTORY = Path(__file__).resolve().parents[3] / "config" / "radar"
PROFILES = [load_profile(path) for path in sorted(DIRECTORY.glob("walking_*.cfg"))]
POINTS = load_profile(DIRECTORY / "walking_10fps.cfg")
HEATMAP = load_profile(DIRECTORY / "walking_heatmap_10fps.cfg")
MOUNT = Mount(height=1.0)
NOTHING = Scatterers(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0, np.complex64))
every_profile = pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)


def radar(profile=POINTS, seed=1, room=None, **effects):
    return FmcwRadar(profile, MOUNT, seed, effects=Effects(room=room, **effects))


def changed(profile_name, old, new):
    text = (DIRECTORY / f"{profile_name}.cfg").read_text()
    assert old in text
    return parse_profile(text.replace(old, new), "changed")


def direction(azimuth_deg=0.0, elevation_deg=0.0):
    azimuth, elevation = np.deg2rad(azimuth_deg), np.deg2rad(elevation_deg)
    return np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])


def point(distance, azimuth_deg=0.0, elevation_deg=0.0, speed=1.0, cross_section=1.0):
    """One scatterer that moves straight away at `speed`; azimuth to the left."""
    unit = direction(azimuth_deg, elevation_deg)[None]
    return Scatterers(distance * unit, speed * unit, np.array([math.sqrt(cross_section)], np.complex64))


def both(first, second):
    names = ("positions", "velocities", "amplitudes")
    return Scatterers(*(np.concatenate((getattr(first, name), getattr(second, name))) for name in names))


def strongest(observation):
    levels = observation.points[:, Column.SNR] + observation.points[:, Column.NOISE]
    return observation.points[levels.argmax()].astype(float)


def doppler_axis(profile, speed):
    """Where a speed appears: the firmware's axis is made for the start of the ramp, the shift for the middle."""
    return speed * profile.centre_frequency / profile.start_frequency


@every_profile
@pytest.mark.parametrize("speed", [-3.3, -0.9, 1.2, 2.5])
@pytest.mark.parametrize(
    ("distance", "azimuth", "elevation"), [(2.0, 0, 0), (3.3, 30, 0), (4.1, -40, 8), (5.7, 10, -9)]
)
def test_a_scatterer_appears_where_theory_says(profile, distance, azimuth, elevation, speed):
    found = strongest(radar(profile).observe(point(distance, azimuth, elevation, speed, 5.0)))
    _, y, z = found[:3]
    assert abs(np.linalg.norm(found[:3]) - distance) <= 0.5 * profile.range_step + 0.005  # coupling moves by v f / S
    assert abs(found[Column.DOPPLER] - doppler_axis(profile, speed)) <= 0.5 * profile.doppler_step
    _, left, up = direction(azimuth, elevation)
    residue = 0.02  # of the compensation between transmitters, which knows the speed to half a bin
    assert abs(y / distance - left) <= 0.5 * 2 / 64 + residue
    assert abs(z / distance - up) <= residue + 0.01


# Resolution after Harris (Proc. IEEE 66(1), 1978): two equal scatterers whose echoes are in phase in the middle between
# them resolve where that middle falls below the peaks. That happens at the window's 6 dB width, in units of the
# resolution without a window 2.35 for Blackman, 2.00 for Hann, 1.21 for none (his table I). To see between bins the
# pair is moved in fractions of a bin past one bin of the receiver's own spectrum.


def separation_that_resolves(resolves, guess):
    """Bisects for the least separation at which `resolves` is true."""
    least, most = 0.5 * guess, 1.5 * guess
    assert resolves(most)
    assert not resolves(least)
    for _ in range(7):
        middle = (least + most) / 2
        least, most = (least, middle) if resolves(middle) else (middle, most)
    return (least + most) / 2


def has_dip(response):
    middle = len(response) // 2
    return response[middle] < 0.999 * min(response[:middle].max(), response[middle + 1 :].max())


@every_profile
def test_range_resolution(profile):
    simulated = radar(profile)
    bin_index = round(5.0 / profile.range_step)
    centre = bin_index * profile.range_step
    wavenumber = 4 * np.pi * profile.centre_frequency / SPEED_OF_LIGHT

    def response(separation, offset):
        distances = centre + offset + separation * np.array([-0.5, 0.5])
        amplitudes = (30.0 * np.exp(-1j * wavenumber * distances)).astype(np.complex64)
        positions = distances[:, None] * direction()
        pair = Scatterers(positions, np.tile(direction(), (2, 1)), amplitudes)
        return np.abs(simulated.receiver.spectrum(simulated.cube(pair))[0, :, bin_index]).max()

    def resolves(separation):
        offsets = np.linspace(-0.75, 0.75, 13) * separation
        return has_dip(np.array([response(separation, offset) for offset in offsets]))

    expected = 2.35 * profile.range_resolution
    assert separation_that_resolves(resolves, expected) == pytest.approx(expected, rel=0.1)


@every_profile
def test_doppler_resolution(profile):
    simulated = radar(profile)
    column = 5
    centre = column * profile.doppler_step * profile.start_frequency / profile.centre_frequency
    row = round(5.0 / profile.range_step)

    def response(separation, offset):
        pair = both(
            *(point(5.0, speed=centre + offset + side * separation, cross_section=900.0) for side in (-0.5, 0.5))
        )
        return np.abs(simulated.receiver.spectrum(simulated.cube(pair))[0, column, row])

    def resolves(separation):
        offsets = np.linspace(-0.75, 0.75, 13) * separation
        return has_dip(np.array([response(separation, offset) for offset in offsets]))

    expected = 2.00 * profile.velocity_resolution
    assert separation_that_resolves(resolves, expected) == pytest.approx(expected, rel=0.1)


@every_profile
def test_angle_resolution(profile):
    simulated = radar(profile)
    row, column = round(5.0 / profile.range_step), 5
    speed = column * profile.doppler_step * profile.start_frequency / profile.centre_frequency

    def response(separation, offset):
        pair = []
        for sine in (offset - separation / 2, offset + separation / 2):
            one = point(5.0, np.rad2deg(np.arcsin(sine)), speed=speed, cross_section=900.0)
            in_phase = np.exp(-1j * np.pi * 3.5 * sine)  # in the middle of the azimuth row
            pair.append(Scatterers(one.positions, one.velocities, (one.amplitudes * in_phase).astype(np.complex64)))
        cell = simulated.receiver.spectrum(simulated.cube(both(*pair)))[:, column, row]
        compensated = cell * np.exp(-2j * np.pi * column * simulated.receiver.array.delays)
        return np.abs(compensated[: 2 * profile.num_rx].sum())  # TX1 and TX3 send first: the beam straight ahead

    def resolves(separation):
        offsets = np.linspace(-0.75, 0.75, 13) * separation
        return has_dip(np.array([response(separation, offset) for offset in offsets]))

    expected = 1.21 * 2 / 8  # eight antennas at half a wavelength, direction cosine
    assert separation_that_resolves(resolves, expected) == pytest.approx(expected, rel=0.1)


@every_profile
def test_power_falls_with_the_fourth_power_of_range(profile):
    distances = np.array([1.0, 1.7, 2.9, 4.8, 8.0])
    cubes = [radar(profile).cube(point(distance, cross_section=1e6)) for distance in distances]
    power = [np.mean(np.abs(cube) ** 2) for cube in cubes]
    exponent = np.polyfit(np.log(distances), np.log(power), 1)[0]
    assert exponent == pytest.approx(-4.0, abs=0.01)


@every_profile
def test_noise_floor_is_ktbf(profile):
    simulated = radar(profile)
    cube = simulated.cube(NOTHING)
    expected_dbm = -173.98 + 12.0 + 10 * np.log10(profile.sample_rate)  # kT at 290 K, noise figure
    assert 10 * np.log10(np.mean(np.abs(cube) ** 2) * 1e3) == pytest.approx(expected_dbm, abs=0.1)
    spectrum = simulated.receiver.spectrum(cube)[:, 3:-3]  # clutter removal empties the columns about zero
    windows = np.sum(np.blackman(profile.num_adc_samples) ** 2) * np.sum(np.hanning(profile.loops) ** 2)
    floor_dbm = expected_dbm + 10 * np.log10(windows)
    assert 10 * np.log10(np.mean(np.abs(spectrum) ** 2) * 1e3) == pytest.approx(floor_dbm, abs=0.15)


@every_profile
def test_snr_of_a_square_metre_at_five_metres(profile):
    row, column = round(5.0 / profile.range_step), 6
    speed = column * profile.doppler_step * profile.start_frequency / profile.centre_frequency
    reflector = point(row * profile.range_step, speed=speed)
    distance = float(np.linalg.norm(reflector.positions))
    # 12 dBm, 7 dBi twice, (4 pi)^3 = 32.98 dB, -173.98 dBm/Hz, 12 dB noise figure
    wavelength_db = 20 * np.log10(SPEED_OF_LIGHT / profile.centre_frequency)
    received_dbm = 12.0 + 14.0 + wavelength_db - 32.98 - 40 * np.log10(distance)
    listening_db = 10 * np.log10(profile.num_adc_samples / profile.sample_rate * profile.loops)
    window_loss_db = 10 * np.log10(1.73) + 10 * np.log10(1.50)  # equivalent noise bandwidths of Blackman and Hann
    expected = received_dbm - (-173.98 + 12.0) + listening_db - window_loss_db

    simulated = radar(profile)
    peak = np.abs(simulated.receiver.spectrum(simulated.cube(reflector))[:, column, row]) ** 2
    empty = np.abs(simulated.receiver.spectrum(simulated.cube(NOTHING))[:, 3:-3]) ** 2
    assert 10 * np.log10(peak.mean() / empty.mean()) == pytest.approx(expected, abs=0.5)
    # the firmware averages logarithms, which puts noise 2.5 dB lower, and CASO takes the quieter side
    reported = strongest(simulated.observe(reflector))[Column.SNR]
    assert reported == pytest.approx(expected + 2.5, abs=2.0)


@every_profile
@pytest.mark.parametrize("factor", [1.3, -1.3])
def test_velocity_wraps(profile, factor):
    speed = factor * profile.max_velocity
    found = strongest(radar(profile).observe(point(3.0, speed=speed)))
    wrapped = doppler_axis(profile, speed) - np.sign(factor) * 2 * profile.max_velocity
    assert found[Column.DOPPLER] == pytest.approx(wrapped, abs=0.5 * profile.doppler_step)


@every_profile
def test_motion_between_transmitters_is_compensated_for_the_velocity_that_is_seen(profile):
    azimuths = [
        np.arctan2(*strongest(radar(profile).observe(point(3.0, 20.0, speed=speed)))[[1, 0]])
        for speed in (0.5, 1.9, 4.0)
    ]
    assert np.rad2deg(azimuths) == pytest.approx(20.0, abs=1.5)
    aliased = strongest(radar(profile).observe(point(3.0, 20.0, speed=1.3 * profile.max_velocity)))
    assert abs(np.rad2deg(np.arctan2(aliased[1], aliased[0])) - 20.0) > 5.0


@pytest.mark.parametrize(
    ("masks", "loops", "samples"), [((1, 2, 4), 20, 200), ((1, 4), 32, 256), ((1,), 64, 128), ((5,), 16, 256)]
)
def test_other_arrays_and_sizes(masks, loops, samples):
    text = (DIRECTORY / "walking_10fps.cfg").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("chirpCfg")]
    lines += [f"chirpCfg {index} {index} 0 0 0 0 0 {mask}" for index, mask in enumerate(masks)]
    text = "\n".join(lines).replace("frameCfg 0 2 32", f"frameCfg 0 {len(masks) - 1} {loops}")
    profile = parse_profile(text.replace("60.00 1 256 5000", f"60.00 1 {samples} 5000"), "other")
    found = strongest(radar(profile).observe(point(3.3, 15.0, 6.0, speed=-1.1)))
    assert np.linalg.norm(found[:3]) == pytest.approx(3.3, abs=0.5 * profile.range_step + 0.005)
    assert found[Column.DOPPLER] == pytest.approx(doppler_axis(profile, -1.1), abs=0.5 * profile.doppler_step)
    assert np.rad2deg(np.arctan2(found[1], found[0])) == pytest.approx(15.0, abs=2.0)
    assert np.rad2deg(np.arcsin(found[2] / 3.3)) == pytest.approx(6.0 if 2 in masks else 0.0, abs=2.0)


def test_what_stands_still_is_removed_unless_the_profile_keeps_it():
    still = point(3.0, speed=0.0)
    assert len(radar().observe(still).points) == 0
    keeping = changed("walking_10fps", "clutterRemoval -1 1", "clutterRemoval -1 0")
    assert strongest(radar(keeping).observe(still))[Column.DOPPLER] == 0


def test_clutter_appears_only_where_the_profile_keeps_it():
    assert len(radar(clutter=20).observe(NOTHING).points) == 0
    keeping = changed("walking_10fps", "clutterRemoval -1 1", "clutterRemoval -1 0")
    points = radar(keeping, clutter=20).observe(NOTHING).points
    assert len(points) >= 10
    assert (np.abs(points[:, Column.DOPPLER]) <= 2 * keeping.doppler_step).all()


@every_profile
def test_noise_alone_is_hardly_ever_detected(profile):
    simulated = radar(profile)
    assert sum(len(simulated.observe(NOTHING).points) for _ in range(20)) <= 1


@every_profile
def test_heat_map_and_points_come_from_one_signal(profile):
    text = (DIRECTORY / profile.name).read_text()
    wanting = parse_profile(text.replace("guiMonitor -1 1 0 0 0 0 1", "guiMonitor -1 1 0 0 0 1 1"), "wanting")
    observation = radar(wanting).observe(both(point(4.0, 20, speed=-1.5), point(2.0, -30, speed=2.0)))
    heat = wanting.range_doppler_map(observation.range_doppler)
    full_scale = wanting.range_doppler_map(np.zeros_like(observation.range_doppler))[0, 0]
    distances = np.linalg.norm(observation.points[:, :3].astype(float), axis=1)
    rows = np.rint(distances / wanting.range_step).astype(int)
    columns = np.rint(observation.points[:, Column.DOPPLER] / wanting.doppler_step).astype(int)
    levels = observation.points[:, Column.SNR] + observation.points[:, Column.NOISE]
    assert len(rows) > 10
    np.testing.assert_allclose(heat[rows, columns + wanting.num_doppler_bins // 2] - full_scale, levels, atol=0.1)
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert wanting.ranges[row] == pytest.approx(2.0, abs=wanting.range_step)
    assert wanting.velocities[column] == pytest.approx(doppler_axis(wanting, 2.0), abs=wanting.doppler_step)


def test_heat_map_only_where_the_profile_asks():
    assert radar(POINTS).observe(point(3.0)).range_doppler is None
    assert radar(HEATMAP).observe(point(3.0)).range_doppler.dtype == np.uint16


@every_profile
def test_frames_survive_the_wire(profile):
    observation = radar(profile).observe(both(point(4.0, 20, 5, -1.5), point(2.0, -30, -5, 2.0)))
    decoded = decode_frame(encode_frame(7, observation.points, range_doppler=observation.range_doppler))
    np.testing.assert_allclose(decoded.points[:, :4], observation.points[:, :4], atol=1e-6)
    np.testing.assert_allclose(decoded.points[:, 4:], observation.points[:, 4:], atol=0.051)
    if observation.range_doppler is None:
        assert "range_doppler" not in decoded.contents
    else:
        np.testing.assert_array_equal(decoded.contents["range_doppler"], observation.range_doppler)


def test_a_wall_gives_ghosts_where_its_mirror_images_are():
    wall = Wall((0.0, 1.0, 0.0), 2.0)  # to the left
    walker = point(3.0, speed=1.0)
    direct = radar().observe(walker).points
    with_wall = radar(walls=(wall,)).observe(walker).points
    distances = np.linalg.norm(with_wall[:, :3], axis=1)
    image = np.hypot(3.0, 4.0)
    assert np.linalg.norm(direct[:, :3], axis=1).max() < 3.5
    halfway = with_wall[np.abs(distances - (3.0 + image) / 2) < 0.1]  # out directly, back over the wall, and vice versa
    beyond = with_wall[np.abs(distances - image) < 0.1]
    assert len(halfway) > 0
    assert len(beyond) > 0
    azimuth = np.rad2deg(np.arctan2(beyond[:, 1], beyond[:, 0]))
    loudest = beyond[:, Column.SNR].argmax()
    assert azimuth[loudest] == pytest.approx(np.rad2deg(np.arctan2(4.0, 3.0)), abs=3.0)
    # the image moves with the mirrored velocity: along the room
    expected = doppler_axis(POINTS, 1.0 * 3.0 / image)
    assert beyond[loudest, Column.DOPPLER] == pytest.approx(expected, abs=0.5 * POINTS.doppler_step)
    assert beyond[:, Column.SNR].max() < direct[:, Column.SNR].max() - 16.0  # twice the loss of the wall


def test_the_floor_is_a_wall_in_the_room_frame():
    floor = Wall((0.0, 0.0, 1.0), 0.0)
    tilted = FmcwRadar(POINTS, Mount(1.0, pitch_deg=10.0), 1, effects=Effects(walls=(floor,)))
    paths = tilted._paths(point(3.0))
    assert paths.lengths[3] / 2 == pytest.approx(
        np.linalg.norm(sensor_to_room(3.0 * direction(), tilted.mount) * [1, 1, -1] - [0, 0, 1.0])
    )


def test_losses():
    lost = radar(frame_loss=1.0).observe(point(3.0))
    assert lost.lost
    assert lost.points.shape == (0, 6)
    all_points = len(radar().observe(point(3.0)).points)
    kept = [len(radar(seed=seed, point_loss=0.5).observe(point(3.0)).points) for seed in range(20)]
    assert np.mean(kept) == pytest.approx(0.5 * all_points, rel=0.2)


def test_same_seed_same_frames():
    observations = [radar(HEATMAP, seed=seed, clutter=5).observe(point(3.0, 10)) for seed in (4, 4, 5)]
    first, second, other = observations
    np.testing.assert_array_equal(first.points, second.points)
    np.testing.assert_array_equal(first.range_doppler, second.range_doppler)
    assert (first.range_doppler != other.range_doppler).any()


def straight_trails(speed, begin=3.0, duration=1.5, weight=1.0):
    times = np.arange(0.0, duration + 0.01, 0.02)
    return Trails(times, (begin + speed * times)[:, None], np.full((len(times), 1), weight, np.complex64))


def test_slow_time_has_the_doppler_shift_of_the_scatterer():
    carrier, prf = 4.23e9, 290.0
    iq = slow_time(straight_trails(1.7), carrier=carrier, prf=prf)
    assert len(iq) == 1 + int(1.5 * prf)
    spectrum = np.abs(np.fft.fft(iq * np.hanning(len(iq)), 4096))
    velocity = np.fft.fftfreq(4096, 1 / prf)[spectrum.argmax()] * SPEED_OF_LIGHT / (2 * carrier)
    assert velocity == pytest.approx(1.7, rel=0.01)


def test_slow_time_gate_and_noise():
    near, far = straight_trails(0.0, 2.0, weight=1.0), straight_trails(0.0, 6.0, weight=1.0)
    pair = Trails(near.times, np.hstack((near.ranges, far.ranges)), np.hstack((near.amplitudes, far.amplitudes)))
    gated = slow_time(pair, carrier=4e9, prf=500.0, gate=(1.0, 3.0))
    np.testing.assert_allclose(np.abs(gated), 1 / 4.0, rtol=1e-5)
    clean, noisy = (slow_time(near, carrier=4e9, prf=5000.0, snr_db=snr, seed=3) for snr in (math.inf, 10.0))
    assert np.mean(np.abs(clean) ** 2) / np.mean(np.abs(noisy - clean) ** 2) == pytest.approx(10.0, rel=0.05)


ROOM = Room(volume=170.0, surface=200.0, absorption=0.68)  # reach 5 m


def test_a_room_answers_with_a_tail_of_diffuse_echoes_behind_what_moves():
    assert ROOM.reach == pytest.approx(5.0)
    mover = point(3.0, speed=1.5, cross_section=1e4)
    simulated = radar(room=ROOM)
    tails = np.mean(
        [np.abs(simulated.receiver.spectrum(simulated._diffuse(mover, ROOM))) ** 2 for _ in range(40)], axis=(0, 1)
    )
    profile = 10 * np.log10(tails.sum(axis=0))
    distances = POINTS.ranges
    assert profile[distances < 2.8].max() < profile[distances > 3.2].max() - 25.0
    behind = (distances > 3.3) & (distances < 8.0)
    slope = np.polyfit(distances[behind], profile[behind], 1)[0]  # two ways in 1 m of range
    assert slope == pytest.approx(-2 * 10 / np.log(10) / ROOM.reach, rel=0.1)
    # Doppler from none to that of the mover, as the way back starts against or with the motion
    by_velocity = np.fft.fftshift(tails.sum(axis=1))
    inside = (POINTS.velocities > -0.3) & (POINTS.velocities < doppler_axis(POINTS, 1.5) + 0.3)
    assert by_velocity[inside].sum() > 0.97 * by_velocity.sum()


def test_power_of_the_diffuse_echo_follows_room_electromagnetics():
    distance, isotropic = 3.0, 4 * np.pi
    mover = point(distance, speed=1.5, cross_section=1.0)
    simulated = radar(room=ROOM)
    diffuse = np.mean([np.mean(np.abs(simulated._diffuse(mover, ROOM)) ** 2) for _ in range(20)])
    direct = np.mean(np.abs(simulated._echoes(simulated._paths(mover))) ** 2)
    # energy density of a source of power P: P reach / (c V); an antenna takes in c times that times lambda^2 / 4 pi,
    # half of it in its polarisation; a direct wave brings P / (4 pi d^2) times lambda^2 / 4 pi times its gain
    one_way = ROOM.reach / ROOM.volume / 2 * np.exp(-distance / ROOM.reach) * isotropic * distance**2
    assert diffuse / direct == pytest.approx(2 * one_way * simulated._mean_pattern, rel=0.05)


def test_a_still_room_is_removed_unless_the_profile_keeps_it():
    assert len(radar(room=ROOM).observe(NOTHING).points) == 0
    keeping = changed("walking_10fps", "clutterRemoval -1 1", "clutterRemoval -1 0")
    cubes = [radar(keeping, seed=1, room=ROOM).cube(NOTHING) for _ in range(2)]
    assert np.mean(np.abs(cubes[0]) ** 2) > 3 * radar().noise_power
    np.testing.assert_array_equal(*cubes)
