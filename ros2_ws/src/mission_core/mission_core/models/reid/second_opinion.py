"""The gallery's ranking joined with what a network says that knows some of the people.

The gallery compares gaits with clips of a camera; the network has learnt the micro-Doppler of a few people from their
radar. Both see the same steps, but not the same of them. With g(p) what the gallery gives a person and n(p) what the
network does, of which n0(p) was to be expected before anything was seen,

    joint(p) ~ g(p) (n(p) / n0(p))^w,    w from 0 to 1.

Were they independent given the person, w would be 1 (Bayes). They are not, and w is what makes the joint probabilities
of people who were not learnt from most likely (`calibrated_weight`). Whom the network does not know it takes for
nobody it knows: they all share its ratio for "unknown".

Reference: with powers instead of 1 this is the logarithmic opinion pool, see Genest and Zidek, "Combining probability
distributions: a critique and an annotated bibliography", Statistical Science 1986; the gallery's power is held at 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from mission_core.errors import ConfigurationError, ModelError
from mission_core.models.reid.told import Told
from mission_core.types import Ranking

KEY = "second_opinion"
"""Of a card: `with` which model of the gallery `weight` and `prior_unknown` were found."""
LEAST = 1e-6
"""Least probability that is believed: nobody is ruled out by one opinion."""


class SecondOpinion:
    """Remembers what the network told of the tracks, and joins it with what the gallery says of them.

    Args:
        weight: w, of the network's opinion; 0: none.
        prior_unknown: n0 of "unknown", of what the network learnt from; those whom it knows share the rest.
        sha256: of the network's weights; empty: any.

    Raises:
        ConfigurationError: a number is out of its range.
    """

    def __init__(self, weight: float, prior_unknown: float, sha256: str = "") -> None:
        if not 0.0 <= weight <= 1.0 or not 0.0 < prior_unknown < 1.0:
            raise ConfigurationError(
                f"weight {weight:g} and prior {prior_unknown:g} of a second opinion: expected 0 to 1, the prior between"
            )
        self._weight, self._prior_unknown, self._sha256 = weight, prior_unknown, sha256
        self._told: Told[Ranking] = Told()

    @classmethod
    def of_card(cls, card: Mapping[str, Any], reid_model: str) -> "SecondOpinion":
        """As the card of a network says that its opinion joins the gallery's.

        Args:
            card: of the network, see `mission_core.models.card`.
            reid_model: name of the model that ranks the gallery.

        Raises:
            ModelError: the card does not say, or of another model of the gallery.
        """
        found = card.get(KEY, {})
        if found.get("with") != reid_model:
            raise ModelError(
                f"the card of model {card.get('name')} does not say what its opinion counts beside that of "
                f"{reid_model}, only beside {found.get('with', 'none')}: "
                "measure it with benchmarks/second_opinion.py --write"
            )
        return cls(float(found["weight"]), float(found["prior_unknown"]), str(card["sha256"]))

    def require(self, model: str, sha256: str) -> None:
        """Makes sure that an opinion is of the network that this was made for.

        Raises:
            ModelError: it is another one's.
        """
        if sha256 != self._sha256:
            raise ModelError(
                f"micro_doppler tells identities with model {model or 'none'}, which is not reid's second_opinion: "
                "set both to the same"
            )

    def add(self, stamp_ns: int, rankings: Sequence[Ranking]) -> None:
        """Takes what the network told of a frame."""
        self._told.add(stamp_ns, rankings)

    def join(self, stamp_ns: int, rankings: Sequence[Ranking]) -> list[Ranking]:
        """Rankings of the gallery for a frame of that time, joined with what was told of their tracks."""
        told = {each.track_id: each for each in self._told.at(stamp_ns)}
        return [joined(each, told.get(each.track_id), self._weight, self._prior_unknown) for each in rankings]


def joined(ranking: Ranking, told: Ranking | None, weight: float, prior_unknown: float) -> Ranking:
    """One ranking of the gallery, joined with one of the network; as it is where either says nothing."""
    if told is None or not told.candidates or not ranking.candidates:
        return ranking
    ratios, ratio_unknown = _ratios(ranking, told, prior_unknown)
    scores = [each.score * ratio**weight for each, ratio in zip(ranking.candidates, ratios, strict=True)]
    unknown = ranking.unknown * ratio_unknown**weight
    total = sum(scores) + unknown
    if not total > 0.0:
        return ranking
    candidates = (replace(each, score=score / total) for each, score in zip(ranking.candidates, scores, strict=True))
    return replace(ranking, candidates=tuple(sorted(candidates, key=lambda each: -each.score)), unknown=unknown / total)


def calibrated_weight(pairs: Sequence[tuple[Ranking, Ranking]], truth: Sequence[str], prior_unknown: float) -> float:
    """The weight with which the people in front of the radar are most likely.

    Args:
        pairs: rankings of the gallery and of the network, of people of whom neither was made.
        truth: who it was; whoever is not in the ranking is unknown.
        prior_unknown: see `SecondOpinion`.
    """

    def loss(weight: float) -> float:
        together = (joined(ours, told, weight, prior_unknown) for ours, told in pairs)
        return -float(
            np.mean([np.log(max(share_of(each, who), LEAST)) for each, who in zip(together, truth, strict=True)])
        )

    return float(minimize_scalar(loss, bounds=(0.0, 1.0), method="bounded").x)


def share_of(ranking: Ranking, person_id: str) -> float:
    """Probability that a ranking gives a person; that of "unknown" where they are not in it."""
    return next((each.score for each in ranking.candidates if each.person_id == person_id), ranking.unknown)


def _ratios(ranking: Ranking, told: Ranking, prior_unknown: float) -> tuple[list[float], float]:
    """What was told of every candidate of the gallery, and of everybody else, as ratios to what was to be expected."""
    known = {each.person_id: each.score for each in told.candidates}
    prior = (1.0 - prior_unknown) / len(known)
    elsewhere = known.keys() - {each.person_id for each in ranking.candidates}  # known, but not in the gallery
    nobody = max(told.unknown, LEAST) / prior_unknown
    anybody_else = (told.unknown + sum(known[each] for each in elsewhere)) / (prior_unknown + prior * len(elsewhere))
    ratios = [
        max(known[each.person_id], LEAST) / prior if each.person_id in known else nobody for each in ranking.candidates
    ]
    return ratios, max(anybody_else, LEAST)
