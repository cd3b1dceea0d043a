"""Readers of published recordings: small files in their formats, and the real ones where they are at hand."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from mission_core.data.real import (
    load_gtrack,
    load_mars,
    load_radhar,
    load_uart,
    mars_files,
    radhar_files,
)
from mission_core.errors import ConfigurationError
from mission_core.types import Column

COLUMNS = ["x", "y", "z", "range", "velocity", "doppler_bin", "bearing", "intensity"]


def write_radhar(path: Path) -> Path:
    """Two frames of two points and one."""
    rows = np.array(
        [
            [1.0, 0.5, 0.2, 1.2, 0.61, 9, 26.6, 30.0],
            [2.0, -0.5, 0.1, 2.2, 0.0, 8, -14.0, 20.0],
            [3.0, 0.0, 0.3, 3.2, -0.61, 7, 0.0, 25.0],
        ],
        np.float32,
    )
    times = np.array([5.0, 5.001, 5.033], np.float32)
    np.savez(path, t=times, t0=np.array(1561681655.75), frame=np.array([4, 4, 5]), pts=rows, cols=COLUMNS)
    return path


def test_radhar_groups_points_by_frame(tmp_path):
    recording = load_radhar(write_radhar(tmp_path / "Test_walk_1.npz"))
    assert [points.shape for points in recording.frames] == [(2, 6), (1, 6)]
    np.testing.assert_allclose(recording.stamps, [0.0, 0.033], atol=1e-5)
    assert recording.began == 1561681655.75
    np.testing.assert_allclose(recording.frames[0][0, :4], [1.0, 0.5, 0.2, 0.61], rtol=1e-6)
    assert np.isnan(recording.frames[0][:, [Column.SNR, Column.NOISE]]).all()  # its intensity is no SNR
    assert [values.tolist() for values in recording.intensities] == [[30.0, 20.0], [25.0]]


def test_radhar_of_another_form_is_refused(tmp_path):
    path = tmp_path / "other.npz"
    columns = ["y", "x", *COLUMNS[2:]]
    np.savez(path, t=np.zeros(1), t0=np.array(0.0), frame=np.zeros(1, int), pts=np.zeros((1, 8)), cols=columns)
    with pytest.raises(ConfigurationError, match="columns"):
        load_radhar(path)
    with pytest.raises(ConfigurationError, match="absent"):
        load_radhar(tmp_path / "absent.npz")


def tlv(kind: int, payload: bytes) -> bytes:
    return np.array([kind, len(payload)], "<u4").tobytes() + payload


def write_gtrack(path: Path) -> bytes:
    """An empty frame, then one with a point 2 m away, 0.5 rad to the right, and a track that walks to the left."""
    point = np.array([2.0, 0.5, 0.0, -0.7, 100.0], "<f4").tobytes()
    track = np.array([3], "<u4").tobytes() + np.array([0.96, 1.76, 0, -1.0, 0.25, 0, 0, 0, 0], "<f4").tobytes()
    data = np.array([1, 0], "<u4").tobytes() + np.array([2, 2], "<u4").tobytes() + tlv(6, point) + tlv(7, track)
    path.write_bytes(data)
    return data


def test_gtrack_points_and_tracks_are_in_rep103(tmp_path):
    path = tmp_path / "vectors.bin"
    data = write_gtrack(path)
    recording = load_gtrack(path)
    assert [len(points) for points in recording.frames] == [0, 1]
    expected = [2 * np.cos(0.5), -2 * np.sin(0.5), 0.0, -0.7, 20.0]  # to the right is negative y; 100 is 20 dB
    np.testing.assert_allclose(recording.frames[1][0, :5], expected, rtol=1e-5)
    np.testing.assert_allclose(recording.tracks[1], [[3, 1.76, -0.96, 0.25, 1.0]], rtol=1e-5)
    path.write_bytes(data[:-4])
    with pytest.raises(ConfigurationError, match="within a frame"):
        load_gtrack(path)


def write_mars(directory: Path, joint_rows: int) -> tuple[Path, Path]:
    radar, kinect = directory / "radar_data_test.csv.gz", directory / "kinect_data_test.csv.gz"
    head = "Frame #,# Obj,X,Y,Z,Doppler,Intensity,Abs Time"
    rows = f"{head}\n7,2,0.3,2.0,0.1,0.35,8,1\n7,2,0.4,2.1,0.2,0,9,1\n10,1,-0.1,2,0,0,5,1\n"
    radar.write_bytes(gzip.compress(rows.encode()))
    joints = np.concatenate([np.full(25, 0.3), np.full(25, 2.0), np.full(25, 0.1)])
    lines = [",".join(["joint"] * 75), *[",".join(map(str, joints))] * joint_rows]
    kinect.write_bytes(gzip.compress("\n".join(lines).encode()))
    return radar, kinect


def test_mars_points_and_joints_share_a_frame(tmp_path):
    recording = load_mars(*write_mars(tmp_path, 2))
    assert [len(points) for points in recording.frames] == [2, 1]
    np.testing.assert_allclose(recording.frames[0][0, :4], [2.0, -0.3, 0.1, 0.35], rtol=1e-6)
    assert recording.joints is not None
    np.testing.assert_allclose(recording.joints[0, 11], [2.0, -0.3, 0.1], rtol=1e-6)
    np.testing.assert_allclose(recording.stamps, [0.0, 0.3])  # frames 7 and 10


def test_mars_files_that_do_not_belong_together_are_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="2 frames"):
        load_mars(*write_mars(tmp_path, 3))


def test_missing_recordings_are_named(tmp_path):
    with pytest.raises(ConfigurationError, match="MISSION_DATA"):
        radhar_files(tmp_path)
    with pytest.raises(ConfigurationError, match="MISSION_DATA"):
        mars_files(tmp_path)
    (tmp_path / "empty.dat").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="no frame"):
        load_uart(tmp_path / "empty.dat")


def test_real_radhar(mission_data):
    files = radhar_files(mission_data)
    assert len(files) == 43
    recording = load_radhar(files[0])
    assert len(recording.frames) == 603
    assert recording.stamps[-1] == pytest.approx(20.0, abs=0.2)
    doppler = np.unique(np.concatenate(recording.frames)[:, Column.DOPPLER])
    np.testing.assert_allclose(doppler / 0.61467, np.round(doppler / 0.61467), atol=1e-3)


def test_real_gtrack_points_lie_around_their_tracks(mission_data):
    recording = load_gtrack(mission_data / "gtrack_vectors" / "gtrack_fHistScene4_3d_0001.bin")
    assert len(recording.frames) == 400
    frame = recording.frames[80]
    gaps = np.linalg.norm(frame[:, None, :2] - recording.tracks[80][None, :, 1:3], axis=2).min(axis=1)
    assert np.median(gaps) < 0.4


def test_real_uart_capture(mission_data):
    recording = load_uart(mission_data / "uart_captures" / "ti_doors_xwr68xx_processed_stream.dat")
    assert len(recording.frames) == 101
    assert recording.stamps[-1] == pytest.approx(10.0)
    assert np.concatenate(recording.frames)[:, Column.SNR].min() >= 15.0  # its threshold


def test_real_mars_points_lie_on_the_bodies(mission_data):
    pairs = mars_files(mission_data)
    assert len(pairs) == 4
    recording = load_mars(*pairs[0])
    assert recording.joints is not None
    assert recording.joints.shape == (2350, 25, 3)
    depth = np.array([np.median(points[:, Column.X]) for points in recording.frames])
    assert np.corrcoef(depth, recording.joints[:, 1, 0])[0, 1] > 0.8
    lateral = np.array([np.median(points[:, Column.Y]) for points in recording.frames])
    assert np.corrcoef(lateral, recording.joints[..., 1].mean(axis=1))[0, 1] > 0.15  # weak, and negative if mirrored
    assert (recording.joints[:, 4, 1] < recording.joints[:, 8, 1]).mean() > 0.95  # facing the radar: left is right
