import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mission_core.camera.skeleton import Joint
from mission_core.data.published import SOURCE_JOINTS, PublishedSet, load_published
from mission_core.data.takes import CameraTake, RadarTake
from mission_core.errors import ConfigurationError
from mission_core.kinematics import body_frame
from mission_core.sim.cohort import sample_person
from mission_core.sim.gait import Walk
from mission_core.sim.path import straight
from mission_core.types import Column

Arrays = dict[str, np.ndarray]
NAMES = {
    "radar": "list_all_ti",
    "joints": "list_all_kinect_key",
    "labels": "list_label_all",
    "images": "list_all_image",
}
SENSOR_HEIGHT = 1.1
PEOPLE = ("27", "61", "27")


def truth(walk: int, frames: int) -> np.ndarray:
    """Somebody who walks towards the radar, our room frame."""
    path = straight((4.5, 0.6), (1.0, -0.2))
    return Walk(sample_person(int(PEOPLE[walk])), path, walk).joints(0.5 + np.arange(frames) / 10)


def picture() -> np.ndarray:
    """A smooth colourful picture (48, 48, 3) with a dark person in its middle."""
    y, x = np.mgrid[0:48, 0:48] / 47.0
    colours = np.stack((200 * x, 100 + 100 * y, 220 * (1 - x)), axis=-1)
    colours[8:44, 18:30] = (90, 60, 30)
    return colours.round().astype(np.uint8)


def published(frames: int = 20) -> Arrays:
    """Three walks in the plain form of the authors' format."""
    rng = np.random.default_rng(0)
    walks = np.stack([truth(walk, frames) for walk in range(3)])
    theirs = np.stack((-walks[..., 1], walks[..., 0], walks[..., 2] - SENSOR_HEIGHT), axis=-1)
    radar = np.zeros((3, frames, 64, 5))
    body = np.array(sorted(set(SOURCE_JOINTS)))
    for walk in range(3):
        speed = np.gradient(np.linalg.norm(walks[walk, :, 0, :2], axis=-1), 0.1)
        for frame in range(frames):
            seen = rng.choice(body, 20)
            radar[walk, frame, :20, :3] = theirs[walk, frame, seen] + rng.normal(0, 0.05, (20, 3))
            radar[walk, frame, :20, 3] = rng.uniform(10, 30, 20)  # intensity
            radar[walk, frame, :20, 4] = speed[frame] + rng.normal(0, 0.3, 20)
            radar[walk, frame, 20:30] = radar[walk, frame, 3]  # padding by repetition; the rest are zeros
    images = np.moveaxis(np.tile(picture(), (3, frames, 1, 1, 1)), -1, 2)
    joints = theirs[:, :, list(SOURCE_JOINTS)]
    return {"radar": radar, "joints": joints, "labels": np.array(PEOPLE), "images": images}


def save(folder: Path, arrays: Arrays, suffix: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    for role, array in arrays.items():
        np.save(folder / f"{NAMES[role]}{suffix}.npy", array)
    return folder


def check_as_truth(found: PublishedSet, frames: int = 20) -> None:
    """Both takes of the second walk show what was walked, in our axes and on our floor."""
    radar, camera = found.take("0001-radar"), found.take("0001-camera")
    assert isinstance(radar, RadarTake)
    assert isinstance(camera, CameraTake)
    joints = truth(1, frames)
    assert radar.info.person_id == camera.info.person_id == "61"
    assert radar.info.walk_id == camera.info.walk_id
    assert radar.info.frames == len(radar.points) == len(camera.crops) == frames
    known = sorted(set(SOURCE_JOINTS))
    np.testing.assert_allclose(radar.joints[:, known], body_frame(joints)[:, known], atol=0.04)
    assert np.isnan(radar.joints[:, Joint.NOSE]).all()
    points = radar.points[7]
    assert 10 <= len(points) <= 20  # no zeros, no repetition
    np.testing.assert_allclose(np.median(points[:, :2], axis=0), joints[7, 0, :2], atol=0.25)
    assert 0.0 < np.median(points[:, Column.Z]) < 1.5
    np.testing.assert_allclose(radar.positions[7], np.median(points[:, :3], axis=0), atol=1e-5)
    assert (np.diff(radar.stamps_ns) == 100_000_000).all()
    assert camera.crops.shape == (frames, 96, 64, 3)
    assert np.abs(camera.images[3][..., ::-1].astype(int) - picture()).max() <= 1
    assert np.abs(camera.crops[3, 48, 32].astype(int) - (90, 60, 30)).max() <= 2


def test_the_plain_format(tmp_path: Path) -> None:
    found = load_published(save(tmp_path / "straight_road_npy", published()))
    check_as_truth(found)
    assert found.layout.notes == ()
    assert found.layout.doppler == (4, 1.0)
    assert found.layout.intensity == 3
    assert [info.take_id for info in found.infos[:2]] == ["0000-radar", "0000-camera"]
    assert {info.person_id for info in found.infos} == {"27", "61"}
    points = np.concatenate(found.take("0001-radar").points)
    assert np.median(points[:, Column.DOPPLER]) < -0.5  # coming nearer
    assert (points[:, Column.SNR] >= 10).all()
    assert np.isnan(points[:, Column.NOISE]).all()


def test_the_angle_comes_from_the_folder(tmp_path: Path) -> None:
    assert load_published(save(tmp_path / "road_4", published())).infos[0].angle_deg == 45.0
    assert math.isnan(load_published(save(tmp_path / "straight_road_npy", published())).infos[0].angle_deg)


def _reshaped(arrays: Arrays) -> None:
    arrays["images"] = np.moveaxis(arrays["images"], 2, -1).reshape(arrays["images"].shape)


def _reshaped_and_normalised(arrays: Arrays) -> None:
    values = (np.moveaxis(arrays["images"], 2, -1) / 255.0 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    arrays["images"] = values.astype(np.float32).reshape(arrays["images"].shape)


def _unit_floats(arrays: Arrays) -> None:
    arrays["images"] = (arrays["images"] / 255.0).astype(np.float32)


def _symmetric_floats(arrays: Arrays) -> None:
    arrays["images"] = (arrays["images"] / 127.5 - 1.0).astype(np.float32)


def _shaped_as_it_is(arrays: Arrays) -> None:
    arrays["images"] = np.moveaxis(arrays["images"], 2, -1)


def _left_positive(arrays: Arrays) -> None:
    for role in ("radar", "joints"):
        arrays[role][..., 0] *= -1


def _depth_first(arrays: Arrays) -> None:
    for role in ("radar", "joints"):
        arrays[role][..., :2] = np.stack((arrays[role][..., 1], -arrays[role][..., 0]), axis=-1)


def _approach_positive(arrays: Arrays) -> None:
    arrays["radar"][..., 4] *= -1


def _doppler_before_intensity(arrays: Arrays) -> None:
    arrays["radar"] = arrays["radar"][..., [0, 1, 2, 4, 3]]


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (_reshaped, "pixels under a"),
        (_reshaped_and_normalised, "normalised .ImageNet."),
        (_unit_floats, None),
        (_symmetric_floats, "normalised .-1..1."),
        (_shaped_as_it_is, None),
        (_left_positive, "toes would point backwards"),
        (_depth_first, "first axis"),
        (_approach_positive, "approach as positive"),
        (_doppler_before_intensity, None),
    ],
)
def test_each_layout_gives_the_same_takes(tmp_path: Path, change: Callable[[Arrays], None], note: str | None) -> None:
    arrays = published()
    change(arrays)
    found = load_published(save(tmp_path / "set", arrays))
    check_as_truth(found)
    doppler = np.concatenate(found.take("0001-radar").points)[:, Column.DOPPLER]
    assert np.median(doppler) < -0.5
    if note is None:
        assert found.layout.notes == ()
    else:
        assert any(re.search(note, text) for text in found.layout.notes)


def test_25_frames_and_unequal_lengths_are_cut(tmp_path: Path) -> None:
    long = load_published(save(tmp_path / "long", published(25), "_final"))
    check_as_truth(long)
    assert "first 20" in long.layout.notes[0]
    arrays = published()
    arrays["images"] = arrays["images"][:, :12]
    short = load_published(save(tmp_path / "short", arrays))
    check_as_truth(short, frames=12)
    assert "first 12" in short.layout.notes[0]


@pytest.mark.parametrize("channels", [3, 4])
def test_fewer_channels_of_the_radar(tmp_path: Path, channels: int) -> None:
    arrays = published()
    arrays["radar"] = arrays["radar"][..., :channels]
    found = load_published(save(tmp_path / "set", arrays))
    points = found.take("0001-radar").points[0]
    assert np.isnan(points[:, Column.DOPPLER]).all()
    assert np.isnan(points[:, Column.SNR]).all() == (channels == 3)
    assert "Doppler stays unknown" in found.layout.notes[0]


def test_a_set_without_images_and_a_variant(tmp_path: Path) -> None:
    arrays = published()
    del arrays["images"]
    folder = save(tmp_path / "set", arrays)
    moved = {role: arrays[role] + (0, 0.5, 0, 0, 0)[: arrays[role].shape[-1]] for role in ("radar", "joints")}
    save(folder, moved, "_calibration")
    plain, calibrated = load_published(folder), load_published(folder, "_calibration")
    assert {info.sensor for info in plain.infos} == {"radar"}
    step = calibrated.take("0000-radar").positions - plain.take("0000-radar").positions
    np.testing.assert_allclose(step, np.tile((0.5, 0.0, 0.0), (20, 1)), atol=1e-4)


def test_empty_frames_have_no_position(tmp_path: Path) -> None:
    arrays = published()
    arrays["radar"][1, 5] = 0.0
    take = load_published(save(tmp_path / "set", arrays)).take("0001-radar")
    assert take.points[5].shape == (0, 6)
    assert np.isnan(take.positions[5]).all()


@pytest.mark.parametrize(
    ("role", "change", "message"),
    [
        ("joints", lambda a: a * 1000, "person .* m tall, expected metres"),
        ("joints", lambda a: a / np.abs(a).max() - 0.5, "without normalisation"),
        ("joints", lambda a: a[..., [0, 2, 1]], "expected z up"),
        ("joints", lambda a: a * np.nan, "joints are not finite"),
        ("joints", lambda a: a[:, :, :20], r"joints are float64 \(3, 20, 20, 3\), expected numbers"),
        ("radar", lambda a: a[:2], "radar are of 2 walks, labels of 3"),
        ("radar", lambda a: a * 0, "no points but zeros"),
        ("radar", lambda a: a + 3.0, "from the joints, expected both in one frame"),
        ("radar", lambda a: a.astype(object), "array of objects"),
        ("images", lambda a: a * 20.0 - 500, "images range from"),
        ("images", lambda a: a[:, :, :2], "images are uint8"),
        ("labels", lambda a: np.linspace(0.5, 3.0, len(a)), "broken numbers"),
        ("labels", lambda a: a[None], "labels are"),
    ],
)
def test_faults_are_named(tmp_path: Path, role: str, change: Callable[[Any], Any], message: str) -> None:
    arrays = published()
    arrays[role] = change(arrays[role])
    with pytest.raises(ConfigurationError, match=message):
        load_published(save(tmp_path / "set", arrays))


def test_missing_files_and_takes_are_named(tmp_path: Path) -> None:
    folder = save(tmp_path / "set", published())
    (folder / "list_label_all.npy").unlink()
    with pytest.raises(ConfigurationError, match=r"no labels: expected list_label_all\.npy"):
        load_published(folder)
    with pytest.raises(ConfigurationError, match="no take '0009-radar'"):
        load_published(save(tmp_path / "other", published())).take("0009-radar")


@pytest.mark.parametrize(
    ("labels", "people"),
    [
        (np.array([7, 7, 12]), {"7", "12"}),
        (np.array([7.0, 7.0, 12.0]), {"7", "12"}),
        (np.array([b"63", b"26", b"63"]), {"63", "26"}),
    ],
)
def test_labels_of_any_kind_become_texts(tmp_path: Path, labels: np.ndarray, people: set[str]) -> None:
    found = load_published(save(tmp_path / "set", {**published(), "labels": labels}))
    assert {info.person_id for info in found.infos} == people


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(role=st.sampled_from(sorted(NAMES)), data=st.data())
def test_garbage_is_a_configuration_error(tmp_path: Path, role: str, data: st.DataObject) -> None:
    """Files of random bytes, and files that are cut off."""
    folder = tmp_path / "set"
    if not folder.exists():
        save(folder, {name: array[:, :4] if array.ndim > 1 else array for name, array in published().items()})
    path = folder / f"{NAMES[role]}.npy"
    whole = path.read_bytes()
    if data.draw(st.booleans()):
        path.write_bytes(data.draw(st.binary(max_size=200)))
    else:
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    try:
        with pytest.raises(ConfigurationError):
            load_published(folder)
    finally:
        path.write_bytes(whole)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    role=st.sampled_from(["radar", "joints", "images"]),
    shape=st.lists(st.integers(0, 4), max_size=5).map(tuple),
    value=st.sampled_from([0.0, 1.0, math.nan, math.inf, -1e300]),
)
def test_senseless_arrays_are_a_configuration_error(tmp_path: Path, role: str, shape: tuple, value: float) -> None:
    arrays = {name: array[:, :4] if array.ndim > 1 else array for name, array in published().items()}
    with pytest.raises(ConfigurationError):
        load_published(save(tmp_path / "set", {**arrays, role: np.full(shape, value)}))
