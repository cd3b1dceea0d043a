"""A deployed recognition model: TorchScript weights and the card that describes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mission_core.data.doppler_windows import NOBODY
from mission_core.errors import ConfigurationError, ModelError
from mission_core.models.card import read_card, require_weights
from mission_core.models.mra_net.choice import MapInput
from mission_core.models.mra_net.network import ACTIVITY, IDENTITY
from mission_core.types import ActivityOpinion, Candidate, DopplerTimeMap, Ranking


@dataclass(frozen=True, eq=False)
class RecognitionModel:
    """Tells activity and identity from Doppler-time maps of one kind. Make it with `load`.

    Attributes:
        name: of the model.
        sha256: of its weights.
        reads: the maps that it reads.
        activities: that it tells; what is left of the probability is none of them.
        people: whom it tells apart; what is left of the probability is anybody else.
        card: everything the card says.
    """

    name: str
    sha256: str
    reads: MapInput
    activities: tuple[str, ...]
    people: tuple[str, ...]
    card: Mapping[str, Any]
    network: torch.jit.ScriptModule

    @classmethod
    def load(cls, directory: Path | str) -> "RecognitionModel":
        """Loads `model.pt` and `card.yaml` from a directory.

        Raises:
            ModelError: a file is missing, the weights are not those the card describes, or it is another kind of model.
        """
        directory = Path(directory)
        card = read_card(directory)
        reads = MapInput.of_card(card)
        try:
            activities, people = tuple(map(str, card["activities"])), tuple(map(str, card["people"]))
        except (KeyError, TypeError) as error:
            raise ModelError(f"the card in {directory} does not tell what the network tells ({error!r})") from error
        weights_path = require_weights(directory, card)
        try:
            network = torch.jit.load(str(weights_path), map_location="cpu").eval()
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise ModelError(f"{weights_path} cannot be loaded as TorchScript: {reason}") from error
        return cls(
            name=str(card["name"]),
            sha256=str(card["sha256"]),
            reads=reads,
            activities=activities,
            people=people,
            card=card,
            network=network,
        )

    @torch.inference_mode()
    def tell(self, maps: Sequence[DopplerTimeMap]) -> tuple[list[ActivityOpinion], list[Ranking]]:
        """What each track does and who it is; both empty lists of opinions where the model tells only the other."""
        if not maps:
            return [], []
        values = np.zeros((len(maps), len(self.reads.velocities), self.reads.columns), np.float32)
        used = [min(each.values.shape[1], self.reads.columns) for each in maps]
        for row, each, columns in zip(values, maps, used, strict=True):
            row[:, self.reads.columns - columns :] = each.values[:, each.values.shape[1] - columns :]
        told = {name: logits.softmax(dim=1).tolist() for name, logits in self.network(torch.from_numpy(values)).items()}
        track_ids = [each.track_id for each in maps]
        opinions = [
            ActivityOpinion(track_id, self.activities, tuple(shares[: len(self.activities)]))
            for track_id, shares in zip(track_ids, told.get(ACTIVITY, []), strict=False)
        ]
        rankings = [
            self._ranking(track_id, shares, columns)
            for track_id, shares, columns in zip(track_ids, told.get(IDENTITY, []), used, strict=False)
        ]
        return opinions, rankings

    def _ranking(self, track_id: int, shares: Sequence[float], columns: int) -> Ranking:
        order = sorted(range(len(self.people)), key=lambda person: -shares[person])
        candidates = tuple(Candidate(self.people[person], shares[person], "", float("nan")) for person in order)
        return Ranking(track_id, candidates, max(1.0 - sum(shares[: len(self.people)]), 0.0), columns)


class Recogniser:
    """Tells what the tracks do and who they are, again when the measurement time passes a multiple of `period`.

    Args:
        model: the network.
        period: time between two opinions of a track [s].
        min_seconds: how long a track must be watched before there is one [s].

    Raises:
        ConfigurationError: there is no time between two opinions.
    """

    def __init__(self, model: RecognitionModel, *, period: float = 0.5, min_seconds: float = 1.0) -> None:
        if not period > 0:
            raise ConfigurationError(f"period is {period:g} s, expected more than 0")
        self.model = model
        self._period_ns = round(period * 1e9)
        self._min_columns = min(max(round(min_seconds / model.reads.frame_period), 1), model.reads.columns)
        self._slot = -1
        self._opinions: dict[int, ActivityOpinion] = {}
        self._rankings: dict[int, Ranking] = {}

    def step(self, maps: Sequence[DopplerTimeMap]) -> tuple[list[ActivityOpinion], list[Ranking]]:
        """Takes the maps of all tracks of a frame; returns an opinion and a ranking for each, in their order."""
        stamp_ns = max((each.stamp_ns for each in maps), default=0)
        slot = stamp_ns // self._period_ns
        renew, self._slot = slot != self._slot, slot
        present = {each.track_id for each in maps}
        self._opinions = {track_id: each for track_id, each in self._opinions.items() if track_id in present}
        self._rankings = {track_id: each for track_id, each in self._rankings.items() if track_id in present}
        due = [
            each
            for each in maps
            if each.values.shape[1] >= self._min_columns
            and (renew or each.track_id not in self._opinions | self._rankings)
        ]
        opinions, rankings = self.model.tell(due)
        self._opinions |= {each.track_id: each for each in opinions}
        self._rankings |= {each.track_id: each for each in rankings}
        return (
            [self._opinions.get(each.track_id, ActivityOpinion(each.track_id, (), ())) for each in maps],
            [self._rankings.get(each.track_id, Ranking(each.track_id, (), 1.0, each.values.shape[1])) for each in maps],
        )


def without_nobody(people: Sequence[str]) -> tuple[str, ...]:
    """Those of the classes of an identity head who are somebody; NOBODY is the last, if at all."""
    return tuple(person for person in people if person != NOBODY)
