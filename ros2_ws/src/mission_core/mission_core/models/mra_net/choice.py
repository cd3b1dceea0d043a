"""Which maps a model of recognition reads, and which model reads those of a radar: torch takes seconds to import."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mission_core.errors import ModelError
from mission_core.models.card import model_directory, read_card, require_weights, shipped_models
from mission_core.radar.profile import RadarProfile
from mission_core.types import Float32Array

KIND = "recognition"
AUTO = "auto"
"""Stands for the model that comes with mission for such maps."""
TOLERANCE = 0.02
"""Of a frame period or a velocity axis, beside that of the card."""


@dataclass(frozen=True, eq=False)
class MapInput:
    """What Doppler-time maps a model reads.

    Attributes:
        kind: of the maps.
        velocities: (H,) bin centres [m/s].
        columns: W, the newest of a map; of a shorter one those before are taken for empty.
        frame_period: between columns [s].
        profile: for which it was trained, for messages to people.
    """

    kind: str
    velocities: Float32Array
    columns: int
    frame_period: float
    profile: str

    @classmethod
    def of_card(cls, card: Mapping[str, Any]) -> "MapInput":
        """As the card of a model tells.

        Raises:
            ModelError: it is of another kind of model, or does not tell.
        """
        if card["kind"] != KIND:
            raise ModelError(f"{card['name']} is a model of kind '{card['kind']}', expected '{KIND}'")
        try:
            reads = card["input"]
            slowest, fastest = map(float, reads["velocities_m_s"])
            return cls(
                kind=str(reads["kind"]),
                velocities=np.linspace(slowest, fastest, int(reads["rows"]), dtype=np.float32),
                columns=int(reads["columns"]),
                frame_period=float(reads["frame_period_s"]),
                profile=str(reads.get("profile", "the one on its card")),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the card of {card['name']} does not tell the network's input ({error!r})") from error

    def objection(self, kind: str, profile: RadarProfile) -> str:
        """Why maps of that kind and of a radar with that profile cannot be read, "" where they can."""
        if kind != self.kind:
            return f"it reads maps of kind '{self.kind}', these are of kind '{kind}'"
        fits = profile.velocities.shape == self.velocities.shape and np.allclose(
            profile.velocities, self.velocities, atol=TOLERANCE * float(np.ptp(self.velocities))
        )
        if fits and abs(profile.frame_period - self.frame_period) <= TOLERANCE * self.frame_period:
            return ""
        return (
            f"it reads {_axes(self.velocities, self.frame_period)}, the radar gives "
            f"{_axes(profile.velocities, profile.frame_period)}: run the profile it was trained for ({self.profile}), "
            "or train one for this profile"
        )


def chosen_model(model: str, kind: str, profile: RadarProfile) -> Path | None:
    """Directory of the model that tells what people do; None for none.

    Args:
        model: name or path of one that must read such maps; AUTO for the first that comes with mission and does; "".
        kind: of the maps.
        profile: of the radar.

    Raises:
        ModelError: the model that was named reads other maps, or is none; or weights are not those of their card.
    """
    directory = None
    if model == AUTO:
        directory = next((each for each in shipped_models(KIND) if not _objection(each, kind, profile)), None)
    elif model:
        directory = model_directory(model)
        if objection := _objection(directory, kind, profile):
            raise ModelError(f"model {model} does not fit: {objection}")
    if directory is not None:
        require_weights(directory, read_card(directory))
    return directory


def _objection(directory: Path, kind: str, profile: RadarProfile) -> str:
    return MapInput.of_card(read_card(directory)).objection(kind, profile)


def _axes(velocities: Float32Array, period: float) -> str:
    return f"{len(velocities)} velocities of {velocities[0]:.2f} to {velocities[-1]:.2f} m/s every {period * 1e3:g} ms"
