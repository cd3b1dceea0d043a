"""Derived quantities against numbers worked out by hand from the firmware's formulas."""

from pathlib import Path

import numpy as np
import pytest

from mission_core.errors import ConfigurationError
from mission_core.radar.profile import RadarProfile, load_profile, parse_profile
from mission_core.radar.tlv import encode_frame

CONFIG = Path(__file__).resolve().parents[3] / "config" / "radar"

TEXT = """\
% comment
sensorStop
flushCfg
channelCfg 15 7 0
profileCfg 0  60.75   30.00 25.00 59.10 0 0 54.71 1   96 2950.00 2 1 36 % two blanks and more
chirpCfg 0 0 0 0 0 0 0 1
chirpCfg 1 1 0 0 0 0 0 4
chirpCfg 2 2 0 0 0 0 0 2
frameCfg 0 2 20.00 0 50.00 1 0
guiMonitor -1 1 1 1 1 1 1
compRangeBiasAndRxChanPhase 0.1 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0
sensorStart
"""


def profile_with(old: str, new: str) -> RadarProfile:
    assert old in TEXT
    return parse_profile(TEXT.replace(old, new), "test.cfg")


def test_derived_quantities() -> None:
    profile = parse_profile(TEXT, "test.cfg")
    # B = 54.71 MHz/us * 96 / 2.95 Msps = 1780.4 MHz; Tc = 89.1 us
    assert profile.bandwidth == pytest.approx(1780.39e6, rel=1e-5)
    assert profile.range_resolution == pytest.approx(0.084193, rel=1e-4)
    assert profile.max_range == pytest.approx(8.0825, rel=1e-4)
    assert profile.num_range_bins == 128
    assert profile.range_step == pytest.approx(8.0825 / 128, rel=1e-4)
    assert (profile.num_tx, profile.num_rx, profile.loops, profile.num_doppler_bins) == (3, 4, 20, 32)
    assert profile.max_velocity == pytest.approx(4.6154, rel=1e-4)
    assert profile.velocity_resolution == pytest.approx(2 * 4.6154 / 20, rel=1e-4)
    assert profile.doppler_step == pytest.approx(2 * 4.6154 / 32, rel=1e-4)
    assert (profile.frame_period, profile.start_frequency, profile.slope) == (0.05, 60.75e9, 54.71e12)
    assert profile.gui_monitor == (1, 1, 1, 1, 1, 1)


def test_axes() -> None:
    profile = parse_profile(TEXT, "test.cfg")
    assert profile.ranges.shape == (128,)
    assert profile.ranges[:3] == pytest.approx([0.0, 0.0, 2 * profile.range_step - 0.1])
    assert profile.velocities.shape == (32,)
    assert profile.velocities[[0, 16]] == pytest.approx([-profile.max_velocity, 0.0])
    assert np.all(np.diff(profile.velocities) > 0)


def test_commands_are_bracketed_and_clean() -> None:
    commands = parse_profile(TEXT.replace("\n", "\r\n"), "test.cfg").commands
    assert commands[:3] == ("sensorStop", "flushCfg", "channelCfg 15 7 0")
    assert commands[3] == "profileCfg 0 60.75 30.00 25.00 59.10 0 0 54.71 1 96 2950.00 2 1 36"
    assert commands[-1] == "sensorStart"
    assert commands.count("sensorStop") == commands.count("flushCfg") == 1


def test_carriage_returns_change_nothing() -> None:
    assert parse_profile(TEXT.replace("\n", "\r\n"), "test.cfg") == parse_profile(TEXT, "test.cfg")


def test_transmitters_in_one_chirp_form_one_beam() -> None:
    text = TEXT.replace("chirpCfg 1 1", "chirpCfg 5 5").replace("chirpCfg 2 2", "chirpCfg 6 6")
    profile = parse_profile(
        text.replace("0 0 0 0 0 1\n", "0 0 0 0 0 7\n", 1).replace("frameCfg 0 2", "frameCfg 0 0"), "x"
    )
    assert (profile.num_tx, profile.num_virtual) == (1, 4)


def test_transmitters_that_channelcfg_disables_do_not_count() -> None:
    text = TEXT.replace("channelCfg 15 7 0", "channelCfg 15 5 0").replace("frameCfg 0 2", "frameCfg 0 1")
    assert parse_profile(text.replace("0 0 0 0 0 4\n", "0 0 0 0 0 6\n"), "x").tx_masks == (1, 4)


@pytest.mark.parametrize(("samples", "bins"), [("96", 128), ("128", 128), ("129", 256), ("1000", 1022)])
def test_range_bins(samples: str, bins: int) -> None:
    profile = parse_profile(TEXT.replace("1   96 2950.00", f"1 {samples} 30000"), "test.cfg")
    assert profile.num_range_bins == bins
    assert profile.ranges.shape == (bins,)


@pytest.mark.parametrize(("loops", "bins"), [("1", 16), ("8", 16), ("17", 32), ("32", 32), ("33", 64)])
def test_doppler_bins(loops: str, bins: int) -> None:
    assert profile_with("20.00", loops).num_doppler_bins == bins


def test_range_doppler_map() -> None:
    profile = parse_profile(TEXT, "test.cfg")
    raw = np.zeros((128, 32), np.uint16)
    raw[7, 0] = 256  # velocity 0
    raw[9, 31] = 512  # one bin towards the radar
    decibel = profile.range_doppler_map(raw.ravel())
    assert decibel.shape == (128, 32)
    assert decibel.dtype == np.float32
    floor = 20 * np.log10(32 / 128 * 16 / 32)
    assert decibel[0, 0] == pytest.approx(floor, abs=1e-3)
    # log2 magnitude in 1/256, scaled by 16 / 12 for twelve virtual antennas
    assert decibel[7, 16] == pytest.approx(floor + 16 / 12 * 6.0206, abs=1e-3)
    assert decibel[9, 15] == pytest.approx(floor + 2 * 16 / 12 * 6.0206, abs=1e-3)


def test_range_doppler_map_takes_the_doppler_bins_from_the_data() -> None:
    profile = parse_profile(TEXT, "test.cfg")
    assert profile.range_doppler_map(np.zeros(128 * 16, np.uint16)).shape == (128, 16)
    for size in (0, 128 * 32 + 1):
        with pytest.raises(ConfigurationError, match=f"heat map has {size} bins, expected 128 x 32"):
            profile.range_doppler_map(np.zeros(size, np.uint16))


def test_bytes_per_frame() -> None:
    profile = parse_profile(TEXT, "test.cfg")
    # header; points, side information; two profiles; 8 azimuth antennas; range-Doppler; statistics and temperature
    expected = 40 + 8 + 160 + 8 + 40 + 2 * (8 + 256) + 8 + 128 * 8 * 4 + 8 + 128 * 32 * 2 + 68
    assert profile.bytes_per_frame(10) == -(-expected // 32) * 32
    points_only = profile_with("-1 1 1 1 1 1 1", "-1 2 0 0 0 0 0")
    assert points_only.bytes_per_frame(10) == 224
    assert points_only.bytes_per_frame(0) == 64
    assert points_only.uart_load(10, 921_600) == pytest.approx(224 / 92_160 / 0.05)
    assert profile_with("-1 1 1 1 1 1 1", "-1 0 0 0 0 0 0").bytes_per_frame(10) == 64


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("channelCfg 15 7 0\n", "", "test.cfg: no channelCfg, expected one line"),
        ("guiMonitor -1 1 1 1 1 1 1\n", "", "test.cfg: no guiMonitor"),
        ("frameCfg", "frameCfg 0 2 1 0 50 1 0\nframeCfg", "line 10: a second frameCfg"),
        ("channelCfg 15 7 0", "channelCfg 0 7 0", "line 4: 'channelCfg 0 7 0', expected masks"),
        (
            "channelCfg 15 7 0",
            "channelCfg 15 1 0",
            r"line 9: .* that channelCfg enables in each chirp, found masks \(1, 0, 0\)",
        ),
        (
            "guiMonitor -1 1 1 1 1 1 1",
            "guiMonitor -1 1 1",
            "line 10: guiMonitor has 3 arguments, expected 7: guiMonitor",
        ),
        ("60.75", "sixty", "line 5: .* expected numbers: profileCfg id startGHz"),
        ("60.75", "nan", "line 5: .* expected numbers"),
        ("60.75", "63.75", "line 5: .* a ramp up to 64 GHz, not 66.983"),
        ("2950.00", "0", "line 5: .* positive quantities"),
        ("2950.00", "2000", "line 5: .* samples within the ramp of 59.1 us, not up to 73.00"),
        ("profileCfg 0", "profileCfg 1", "test.cfg: no profileCfg 0"),
        ("frameCfg 0 2", "frameCfg 0 3", r"line 9: .* a chirpCfg for each chirp, found \[0, 1, 2\]"),
        ("frameCfg 0 2", "frameCfg 2 0", "line 9: .* ascending"),
        ("frameCfg 0 2 20.00", "frameCfg 0 2 0", "line 9: .* at least one loop"),
        ("frameCfg 0 2 20.00", "frameCfg 0 2 250", "line 9: .* a period longer than its chirps, which take 66.8 ms"),
        ("0 0 0 0 0 4", "0 0 0 0 0 1", r"line 9: .* equally many chirps of each transmitter, found masks \(1, 1, 2\)"),
        ("chirpCfg 2 2 0", "chirpCfg 2 2 1", r"line 9: .* chirps of one profile, found profiles \[0, 1\]"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(old: str, new: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        profile_with(old, new)


def test_absent_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.cfg cannot be read: No such file"):
        load_profile(tmp_path / "none.cfg")


def test_comments_in_any_encoding(tmp_path: Path) -> None:
    path = tmp_path / "latin.cfg"
    path.write_bytes("% 5 µs\n".encode("latin-1") + TEXT.encode())
    assert load_profile(path).name == "latin.cfg"


SHIPPED = sorted(CONFIG.glob("*.cfg"))
WALKING = [path for path in SHIPPED if path.name.startswith("walking")]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_profiles_work(path: Path) -> None:
    profile = load_profile(path)
    assert (profile.num_tx, profile.num_rx) == (3, 4)
    assert f"_{1.0 / profile.frame_period:g}fps" in path.name
    assert profile.max_range >= 6.0
    assert profile.uart_load(100, 921_600) < 0.8


@pytest.mark.parametrize("path", WALKING, ids=lambda path: path.name)
def test_shipped_profiles_suit_walking_people(path: Path) -> None:
    profile = load_profile(path)
    assert 4.0 <= profile.max_velocity <= 5.0
    assert profile.max_range >= 8.0
    heat_map = None
    if profile.gui_monitor[4]:
        assert (profile.num_range_bins, profile.num_doppler_bins) in {(64, 32), (128, 16)}
        heat_map = np.zeros(profile.num_range_bins * profile.num_doppler_bins, np.uint16)
    # the estimate also holds the temperature report of newer SDKs
    sent = len(encode_frame(1, np.zeros((50, 6), np.float32), range_doppler=heat_map))
    assert 0 <= profile.bytes_per_frame(50) - sent <= 64


def test_shipped_profiles() -> None:
    assert {path.name for path in SHIPPED} == {
        *("walking_10fps.cfg", "walking_20fps.cfg", "walking_heatmap_10fps.cfg"),
        *("paper_10fps.cfg", "people_tracking_10fps.cfg"),
    }


def test_the_profile_of_the_paper_has_the_resolution_and_the_ambiguity_of_the_paper() -> None:
    profile = load_profile(CONFIG / "paper_10fps.cfg")
    assert profile.bandwidth == pytest.approx(3194.88e6, rel=1e-3)
    assert (profile.slope, profile.start_frequency, profile.loops) == (12.5e12, 60.065e9, 32)
    assert profile.range_resolution == pytest.approx(0.0469, abs=1e-4)
    assert profile.max_velocity == pytest.approx(1.54, abs=0.01)


def test_firmware_that_follows_people_sends_other_blocks() -> None:
    profile = load_profile(CONFIG / "people_tracking_10fps.cfg")
    assert profile.follows_people
    assert profile.gui_monitor == (0,) * 6
    # header, four blocks, the units, points with their target, five targets with their heights
    expected = 40 + 4 * 8 + 20 + 100 * (8 + 1) + 5 * (112 + 12)
    assert profile.bytes_per_frame(100) == -(-expected // 32) * 32
    assert not parse_profile(TEXT, "test.cfg").follows_people


ADVANCED = (
    TEXT.replace("frameCfg 0 2 20.00 0 50.00 1 0\n", "")
    .replace("chirpCfg 2 2 0", "chirpCfg 3 3 1 0 0 0 0 1\nchirpCfg 2 2 0")
    .replace("chirpCfg 0 0", "profileCfg 1 60 30 7 60 0 0 60 1 64 2000 0 0 30\nchirpCfg 0 0")
    .replace("guiMonitor -1 1 1 1 1 1 1", "guiMonitor 0 1 0 0 0 0 1\nguiMonitor 1 1 0 0 0 1 0")
) + "advFrameCfg 2 0 0 1 0\nsubFrameCfg 0 0 0 3 20 50 0 1 1 60\nsubFrameCfg 1 0 3 1 32 50 0 1 1 40\n"


def test_sub_frames_have_quantities_of_their_own() -> None:
    profile = parse_profile(ADVANCED, "advanced.cfg")
    second = profile.sub_frame(1)
    assert profile.sub_frame(0) is profile
    assert profile.frame_period == second.frame_period == pytest.approx(0.1)
    assert (profile.num_tx, profile.loops, profile.num_adc_samples) == (3, 20, 96)
    assert (second.num_tx, second.loops, second.num_adc_samples) == (1, 32, 64)
    assert (profile.gui_monitor, second.gui_monitor) == ((1, 0, 0, 0, 0, 1), (1, 0, 0, 0, 1, 0))
    assert profile.max_velocity == pytest.approx(4.6154, rel=1e-4)
    assert second.max_velocity == pytest.approx(299792458 / (4 * 60e9 * 90e-6))
    together = profile.bytes_per_frame(10) + second.bytes_per_frame(10)
    assert profile.uart_load(10, 921_600) == pytest.approx(together / 9216)
    with pytest.raises(ConfigurationError, match="sub-frame 2 came in, expected 0 to 1"):
        profile.sub_frame(2)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("subFrameCfg 1 0 3 1 32 50 0 1 1 40\n", "", "no subFrameCfg"),
        ("32 50 0 1 1 40", "32 50 0 2 1 40", "line 17: .* one burst"),
        ("32 50 0 1 1 40", "32 50 0 1 1 2", "line 17: .* a period longer than its chirps, which take 2.9 ms"),
        ("32 50 0 1 1 40", "32 50 0 1 1", "line 17: subFrameCfg has 9 arguments, expected 10: subFrameCfg subFrame"),
        ("guiMonitor 1 ", "guiMonitor 0 ", "line 12: a second guiMonitor"),
        ("advFrameCfg 2", "advFrameCfg 0", "line 15: .* at least one sub-frame"),
    ],
)
def test_what_is_wrong_with_sub_frames_is_named_with_its_line(old: str, new: str, says: str) -> None:
    assert old in ADVANCED
    with pytest.raises(ConfigurationError, match=says):
        parse_profile(ADVANCED.replace(old, new), "advanced.cfg")
