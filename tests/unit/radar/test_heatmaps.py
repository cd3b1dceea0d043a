from dataclasses import replace

import numpy as np
import pytest

from mission_core.errors import ConfigurationError
from mission_core.paths import shared_file
from mission_core.radar.heatmaps import heatmaps, range_azimuth
from mission_core.radar.profile import load_profile
from mission_core.radar.tlv import decode_frame, encode_frame
from mission_core.types import RadarContents, RadarFrame

PROFILE = load_profile(shared_file("walking_heatmap_10fps.cfg", "config/radar"))
R, D, A = PROFILE.num_range_bins, PROFILE.num_doppler_bins, 8


def frame_with(contents: RadarContents, sub_frame: int = 0) -> RadarFrame:
    return RadarFrame(1, np.zeros((0, 6), np.float32), "sdk3", b"", contents, sub_frame=sub_frame)


def test_a_frame_without_maps_has_none() -> None:
    assert list(heatmaps(decode_frame(encode_frame(1, np.zeros((0, 6), np.float32))), PROFILE)) == []


def test_range_doppler_from_the_wire() -> None:
    raw = np.zeros((R, D), np.uint16)
    raw[20, 3] = 3000  # away from the radar
    sent = encode_frame(1, np.zeros((0, 6), np.float32), range_doppler=raw.ravel())
    (heatmap,) = heatmaps(decode_frame(sent), PROFILE)
    assert heatmap.kind == "range_doppler"
    row, column = np.unravel_index(heatmap.values.argmax(), heatmap.values.shape)
    assert heatmap.ranges[row] == pytest.approx(20 * PROFILE.range_step)
    assert heatmap.columns[column] == pytest.approx(3 * PROFILE.doppler_step)
    np.testing.assert_allclose(heatmap.columns, PROFILE.velocities, atol=1e-6)


def test_velocities_follow_the_bins_that_were_sent() -> None:
    (heatmap,) = heatmaps(frame_with({"range_doppler": np.zeros(R * D // 2, np.uint16)}), PROFILE)
    assert heatmap.values.shape == (R, D // 2)
    assert heatmap.columns[0] == pytest.approx(-PROFILE.max_velocity)
    assert np.diff(heatmap.columns) == pytest.approx(2 * PROFILE.doppler_step)


@pytest.mark.parametrize("k", [-20, 0, 9])
def test_range_azimuth_of_a_plane_wave(k: int) -> None:
    signals = np.zeros((R, A), np.complex64)
    signals[12] = 100 * np.exp(2j * np.pi * k * np.arange(A) / 64)
    heatmap = range_azimuth(signals.ravel(), PROFILE)
    assert heatmap.values.shape == (R, 63)
    assert np.all(np.diff(heatmap.columns) > 0)
    row, column = np.unravel_index(heatmap.values.argmax(), heatmap.values.shape)
    assert row == 12
    assert heatmap.columns[column] == pytest.approx(-np.arcsin(2 * k / 64), abs=1e-6)  # TI's grows to the right
    assert heatmap.values[row, column] == pytest.approx(20 * np.log10(8 * 100), abs=1e-3)
    assert heatmap.values[0].max() == 0.0


def test_profiles_have_the_scale_of_the_range_doppler_map() -> None:
    magnitudes = np.arange(R, dtype=np.uint16) * 50
    level, noise = heatmaps(frame_with({"range_profile": magnitudes, "noise_profile": magnitudes}), PROFILE)
    assert (level.kind, noise.kind) == ("range_profile", "noise_profile")
    assert (level.columns[0], noise.columns[0]) == (0.0, pytest.approx(PROFILE.max_velocity))
    assert level.values.shape == (R, 1)
    # 1/256 of a factor two each, widened for twelve antennas; 32 / 64 range bins, 16 / 32 Doppler bins
    step = 20 * np.log10(2) / 256 * 16 / 12
    np.testing.assert_allclose(level.values[:, 0], magnitudes * step + 20 * np.log10(0.25), atol=1e-3)


@pytest.mark.parametrize(
    ("contents", "says"),
    [
        ({"range_doppler": np.zeros(R * D + 1, np.uint16)}, "heat map has 2049 bins"),
        ({"azimuth_heatmap": np.zeros(R * 4, np.complex64)}, f"azimuth heat map has 256 values, expected {R} x 8"),
        ({"range_profile": np.zeros(R - 1, np.uint16)}, f"range profile has 63 values, expected {R}"),
    ],
)
def test_another_profile_is_noticed(contents: RadarContents, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        list(heatmaps(frame_with(contents), PROFILE))


def test_sub_frames_have_axes_of_their_own() -> None:
    both = replace(PROFILE, more_sub_frames=(replace(PROFILE, slope=PROFILE.slope / 2),))
    (second,) = heatmaps(frame_with({"range_profile": np.zeros(R, np.uint16)}, sub_frame=1), both)
    assert second.ranges[10] == pytest.approx(2 * PROFILE.ranges[10])
    with pytest.raises(ConfigurationError, match="sub-frame 1"):
        list(heatmaps(frame_with({}, sub_frame=1), PROFILE))
