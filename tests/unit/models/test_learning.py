from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mission_core.data.walks import CameraWalk, PersonWalks, RadarWalk, WalkSetConfig
from mission_core.errors import ConfigurationError
from mission_core.models import learning
from mission_core.models.gait.configuration import GaitConfig
from mission_core.models.gait.network import GaitNetwork
from mission_core.models.gait.training import GaitTraining
from mission_core.models.learning import (
    Heard,
    Looked,
    MatchingTask,
    Objective,
    People,
    latent_parameters,
    look,
    padded,
    remeasured,
    weakened,
)
from mission_core.models.pictures.configuration import PictureConfig
from mission_core.models.pictures.network import PictureNetwork
from mission_core.models.pictures.training import PictureTraining
from mission_core.models.reid.processing import RadarClip
from mission_core.sim.cohort import PARAMETERS

PEOPLE = range(2_000_000, 2_000_400)
CONFIG = GaitTraining(name="x", pictures=PictureTraining(name="p"), pairs=3, singles=2, crowd=2)


def radar_walk(frames: int, *, lost: int | None = None) -> RadarWalk:
    """Frame k has k % 5 + 1 points at x = k, y = 1; the track goes away and to the left."""
    points = [np.tile(np.array([k, 1, 0.5, 20, 0.7], np.float32), (k % 5 + 1, 1)) for k in range(frames)]
    places = np.column_stack((2.0 + 0.1 * np.arange(frames), 0.05 * np.arange(frames)))
    joints = np.arange(frames, dtype=np.float32)[:, None, None] * np.ones((1, 32, 3), np.float32)
    return RadarWalk(tuple(None if k == lost else own for k, own in enumerate(points)), places, joints, 0.1)


def camera_walk(frames: int, seed: int) -> CameraWalk:
    rng = np.random.default_rng(seed)
    crops = rng.integers(0, 256, (frames, 96, 64, 3), dtype=np.uint8)
    geometry = rng.normal(size=(frames, 4)).astype(np.float32)
    joints = np.arange(frames, dtype=np.float32)[:, None, None] * np.ones((1, 32, 3), np.float32)
    return CameraWalk(crops, geometry, joints, np.zeros((frames, 96, 64), np.uint8))


@pytest.fixture(scope="module")
def pictures() -> PictureNetwork:
    torch.manual_seed(0)
    return PictureNetwork(PictureConfig()).eval()


@pytest.fixture
def people(pictures: PictureNetwork, tmp_path: Path) -> People:
    """Four people whose walks tell by their length whose they are."""
    made = object.__new__(People)
    made.seeds = [20_000 + k for k in range(4)]
    made.heard = [[Heard.of(radar_walk(30 + k))] for k in range(4)]
    made.crowd = [(30_000 + k, Heard.of(radar_walk(40 + k))) for k in range(2)]
    made.looked = [[walk] for walk in look(pictures, [camera_walk(22 + k, k) for k in range(4)], tmp_path)]
    return made


def test_latent_parameters_are_decorrelated_over_people_it_was_not_fitted_on() -> None:
    vectors = np.stack([latent_parameters(seed) for seed in PEOPLE])
    assert vectors.shape[1] == len(PARAMETERS)
    assert np.abs(vectors.mean(axis=0)).max() < 0.25
    correlation = np.cov(vectors, rowvar=False)
    assert np.abs(correlation - np.eye(len(correlation))).max() < 0.5


def test_the_mirror_image_of_a_person_differs_in_what_has_sides_only() -> None:
    difference = np.stack([latent_parameters(s) - latent_parameters(s, mirrored=True) for s in PEOPLE])
    assert np.linalg.matrix_rank(difference, tol=1e-2) == 2


def test_a_batch_holds_what_is_true_of_the_people_it_shows(people: People) -> None:
    batch = people.draw(CONFIG, (50, 16), np.random.default_rng(0))
    assert batch.points.shape == (5, 50, 16, 5)
    assert len(batch.seen) == len(batch.geometry) == len(batch.camera_joints) == 3
    known = {tuple(latent_parameters(seed, flip)) for seed in people.seeds for flip in (False, True)}
    strangers = {tuple(latent_parameters(seed, flip)) for seed, _ in people.crowd for flip in (False, True)}
    rows = [tuple(row) for row in batch.parameters.numpy()]
    assert set(rows[:3]) <= known
    assert len({row[:4] for row in rows[:3]}) == 3  # different people
    assert set(rows[3:]) <= strangers
    # the truth is of the very frames that are shown: joints, and the x of the points, are the number of the frame
    for points, present, joints in zip(batch.points, batch.present, batch.radar_joints, strict=True):
        shown = present.any(dim=1)
        assert shown.any()
        torch.testing.assert_close(points[..., 0].amax(dim=1)[shown], joints[shown, 0, 0])
    assert (batch.camera_joints[:, :, 0, 0].diff(dim=1) == 1).all()


def test_clips_are_at_the_end_of_the_batch_and_long_enough_to_learn_from(people: People) -> None:
    batch = people.draw(replace(CONFIG, pairs=4), (50, 16), np.random.default_rng(1))
    for frames, points in zip(batch.frames, batch.present, strict=True):
        assert not points[~frames].any()
        assert not frames[:-43].any()
        assert frames.sum() >= 14  # of 20 at least, of which some are taken away


def test_a_mirror_image_is_mirrored_on_both_sides() -> None:
    heard = Heard.of(radar_walk(30))
    window = slice(3, 25)
    clip, joints = heard.clip(window, mirrored=False)
    image, image_joints = heard.clip(window, mirrored=True)
    np.testing.assert_allclose(image.points, clip.points * [1, -1, 1, 1, 1])
    np.testing.assert_allclose(image.motion, clip.motion * [1, -1, 1])
    np.testing.assert_allclose(image_joints[:, 0], joints[:, 0] * [1, -1, 1])
    assert np.abs(clip.motion[:, 1]).max() > 0.1


def test_what_is_read_of_walks_is_kept_and_of_a_mirror_image_too(
    pictures: PictureNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks = [camera_walk(21, 0), camera_walk(25, 1)]
    first = look(pictures, walks, tmp_path)
    crops, geometry = torch.from_numpy(walks[1].crops), torch.from_numpy(walks[1].geometry)
    with torch.inference_mode():
        expected = pictures(crops, geometry)
        mirrored = pictures(crops.flip(2), geometry * torch.tensor([-1.0, 1.0, 1.0, 1.0]))
    np.testing.assert_allclose(first[1].seen[:, 0], expected, rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(first[1].seen[:, 1], mirrored, rtol=2e-3, atol=2e-3)
    monkeypatch.setattr(learning, "_read_pictures", None)  # the second time nothing is read
    again = look(pictures, walks, tmp_path)
    np.testing.assert_array_equal(again[0].seen, first[0].seen)
    with pytest.raises(TypeError):  # of other walks it is
        look(pictures, walks[:1], tmp_path)


def test_a_weakened_clip_has_less_and_nothing_else() -> None:
    clip, _ = Heard.of(radar_walk(40)).clip(slice(0, 40), mirrored=False)
    weaker = weakened(clip, 0.1, np.random.default_rng(3))
    assert 0.6 * clip.present.sum() < weaker.present.sum() < clip.present.sum()
    assert not (weaker.present & ~clip.present).any()
    np.testing.assert_array_equal(weaker.points[weaker.present], clip.points[weaker.present])
    assert not weaker.points[~weaker.present].any()


def test_a_clip_of_a_fast_radar_sometimes_looks_like_one_of_a_slow_one() -> None:
    clip, _ = Heard.of(radar_walk(40)).clip(slice(0, 40), mirrored=False)
    rng = np.random.default_rng(0)
    drawn = [np.flatnonzero(weakened(clip, 0.05, rng).frames) for _ in range(200)]
    slow = [frames for frames in drawn if len(set(frames % 2)) == 1]
    assert 25 < len(slow) < 75
    assert {int(frames[0] % 2) for frames in slow} == {0, 1}
    every_other = replace(clip, frames=clip.frames & (np.arange(40) % 2 == 1))
    assert all(weakened(every_other, 0.05, rng).frames.any() for _ in range(100))


def test_geometry_is_sometimes_unknown_and_else_nearly_right() -> None:
    rng = np.random.default_rng(0)
    drawn = [remeasured(np.ones((20, 4), np.float32), rng) for _ in range(400)]
    unknown = [np.isnan(each).all() for each in drawn]
    assert 5 < sum(unknown) < 50
    assert all(np.ptp(each) == 0 and abs(each[0, 0] - 1) < 0.03 for each in drawn if not np.isnan(each).any())


def test_padding_keeps_the_newest_frames_last() -> None:
    clip = RadarClip(
        np.ones((3, 8, 5), np.float32), np.ones((3, 8), bool), np.ones(3, bool), np.ones((3, 3), np.float32)
    )
    points, present, frames, motion, joints = padded(clip, np.ones((3, 32, 3), np.float32), 5, 4)
    assert points.shape == (5, 4, 5)
    assert present.sum(axis=1).tolist() == [0, 0, 4, 4, 4]
    assert frames.tolist() == [False, False, True, True, True]
    assert motion.shape == (5, 3)
    assert joints.shape == (5, 32, 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pairs": 1}, "pairs is 1"),
        ({"shortest": 0.1}, "shortest is 0.1 s"),
        ({"crowd": 0}, "expected both above 0, or both 0"),
        ({"data": WalkSetConfig(validation_people=9)}, "at least twice as many"),
    ],
)
def test_impossible_settings_are_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        replace(CONFIG, **settings)  # type: ignore[arg-type]


class Told(GaitNetwork):
    """Knows everybody, as points are (person, window, ...), but errs: alike in a track's windows, or anew in each."""

    def __init__(self, pictures: PictureNetwork, *, errs_alike: bool) -> None:
        super().__init__(GaitConfig(dim=8, lines=4, swinging=2), pictures)
        self.errs_alike = errs_alike
        self.people = torch.from_numpy(np.random.default_rng(0).normal(size=(40, 6)))

    def evidence(self, person: int, seed: tuple[int, ...], noise: float) -> Tensor:
        told = self.people[person] + noise * torch.from_numpy(np.random.default_rng(seed).normal(size=6))
        precision = torch.full((6,), noise**-2)
        return torch.stack((told * precision, precision)).float()

    def encode_radar(self, points: Tensor, *_: Tensor) -> Tensor:
        shown = [tuple(round(float(value)) for value in clip[-1, 0, :2]) for clip in points]
        return torch.stack([self.evidence(p, (1, p) if self.errs_alike else (1, p, w), 1.0) for p, w in shown])

    def encode_seen(self, _: Tensor, geometry: Tensor) -> Tensor:
        people = [round(float(each[0, 0])) for each in geometry]
        return torch.stack([self.evidence(person, (2, person), 0.3) for person in people])


@pytest.mark.parametrize("errs_alike", [True, False])
def test_windows_of_a_track_count_as_much_as_their_errors_differ(pictures: PictureNetwork, errs_alike: bool) -> None:
    def window(person: int, number: int) -> RadarWalk:
        points = np.tile(np.array([person, number, 0.5, 20, 0.7], np.float32), (3, 1))
        joints = np.zeros((30, 32, 3), np.float32)
        return RadarWalk((points,) * 30, np.zeros((30, 2)), joints, 0.1, f"track {person}")

    everybody = range(40)
    made = object.__new__(People)
    made.validation = [PersonWalks(p, tuple(window(p, w) for w in range(4)), (camera_walk(20, p),)) for p in everybody]
    geometry = [np.full((20, 4), person, np.float32) for person in everybody]
    made.enrolled = [
        Looked(np.zeros((20, 2, 1), np.float16), each, np.zeros((20, 32, 3), np.float32), range(1)) for each in geometry
    ]
    made.draw = lambda *_: None  # type: ignore[method-assign,assignment,return-value]
    network = Told(pictures, errs_alike=errs_alike)
    task = MatchingTask(CONFIG, network, Objective(), made)
    with torch.inference_mode():
        task.calibrate()
        alone, tracks = task.identify(), task.identify(tracks=True)
    assert float(network.shared_by_windows) > 0.7 if errs_alike else float(network.shared_by_windows) < 0.3
    late = np.arange(160) % 4 == 3
    gained = (tracks.ranks[late] == 1).mean() - (alone.ranks[late] == 1).mean()
    assert abs(gained) < 0.05 if errs_alike else gained > 0.15
