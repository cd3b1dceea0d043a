"""The leak of the released evaluation, shown on a network that never looks at the radar."""

from collections.abc import Sequence

import numpy as np
import pytest
from sample_walkers import Fusing, Reader, walkers

from mission_core.errors import ConfigurationError
from mission_core.evaluation.as_released import as_released, embedder
from mission_core.evaluation.encoding import Clips
from mission_core.evaluation.evaluate import evaluate
from mission_core.models.reid.processing import RadarClip


class Blind(Fusing):
    """Fuses pairs, but looks at the pictures only; its own distance inside a pair is noise."""

    def embed_pairs(self, clips: Sequence[RadarClip], entries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        number = np.broadcast_to(entries[None, :, 0, :1], (len(clips), len(entries), 1))
        both = np.concatenate([np.cos(number), np.sin(number)], axis=-1)
        return both, both

    def distances(self, clips: Sequence[RadarClip], entries: np.ndarray) -> np.ndarray:
        return np.random.default_rng(len(entries)).random((len(clips), len(entries)))


class Sighted(Blind):
    """Recognises people by the radar in the query and in the gallery's pairs."""

    def embed_pairs(self, clips: Sequence[RadarClip], entries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        read = self.encode_radar(clips).numpy()[:, None, :1]
        both = np.broadcast_to(np.concatenate([np.cos(read), np.sin(read)], axis=-1), (len(clips), len(entries), 2))
        return both, both


def test_a_network_that_ignores_the_radar_is_perfect_as_released_and_at_chance_honestly() -> None:
    takes = walkers(walks=20)
    released = evaluate(Clips(takes, Blind()), "as-released").released
    assert released is not None
    assert released.cmc[1].value == 1.0
    assert released.control[1].value == 1.0  # with the radar of other people: nothing changes
    assert released.chance[1] == pytest.approx(4 / 59, abs=1e-6)
    honest = evaluate(Clips(takes, Blind()), "closed").outcomes[0].identification
    assert honest.top(1).low <= 1 / 12


def test_one_that_reads_the_radar_falls_with_other_peoples_radar() -> None:
    released = evaluate(Clips(walkers(walks=20), Sighted()), "as-released").released
    assert released is not None
    assert released.cmc[1].value == 1.0
    assert released.control[1].value < 0.5
    assert released.average_precision.value == pytest.approx(1.0)


def test_a_model_that_does_not_fuse_is_told_of() -> None:
    with pytest.raises(ConfigurationError, match="model reader offers none: name a model of the Mission network"):
        evaluate(Clips(walkers(), Reader()), "as-released")
    not_fusing = Blind()
    not_fusing.fuses = False
    with pytest.raises(ConfigurationError, match="offers none"):
        embedder(not_fusing)


def test_too_little_data_is_told_of() -> None:
    takes = walkers(people=1)
    clip = Clips(takes, Blind()).query("P00-radar-00-radar-1")
    assert clip is not None
    with pytest.raises(ConfigurationError, match="two people with two camera clips"):
        as_released(Blind().embed_pairs, [clip], np.zeros(1, int), np.zeros((1, 1, 2), np.float32), np.zeros(1, int))
