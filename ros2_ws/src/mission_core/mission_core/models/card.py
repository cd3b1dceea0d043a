"""Model directories and their cards, without loading any model: torch takes seconds to import."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mission_core.errors import ModelError
from mission_core.paths import share_directory, shared_file

WEIGHTS = "model.pt"
CARD = "card.yaml"
DEFAULT_MODEL = "gait_small"


def model_directory(model: str) -> Path:
    """Directory of a model given by name (of those that come with mission) or by path."""
    return shared_file(model, "models")


def read_card(directory: Path) -> Mapping[str, Any]:
    """The card of a model.

    Raises:
        ModelError: there is none, or it is no card.
    """
    path = directory / CARD
    try:
        card = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read ({error.strerror}): name a model directory, or make one with `mission export`"
        ) from error
    except yaml.YAMLError as error:
        raise ModelError(f"{path} is no model card ({error}): export the model again") from error
    if not isinstance(card, dict) or not {"name", "kind", "sha256", "input"} <= card.keys():
        raise ModelError(f"{path} is no model card: name, kind, sha256 and input are expected; export the model again")
    return card


def shipped_models(kind: str) -> list[Path]:
    """Directories of the models of a kind that come with mission, by name."""
    cards = sorted((share_directory() / "models").glob(f"*/{CARD}"))
    return [card.parent for card in cards if read_card(card.parent)["kind"] == kind]


def model_sha256(directory: Path) -> str:
    """SHA-256 of a model as its card gives it; whoever loads the model checks that it is true.

    Raises:
        ModelError: there is no card.
    """
    return str(read_card(directory)["sha256"])


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_card(directory: Path, card: Mapping[str, Any]) -> None:
    """Writes the card of a model."""
    text = yaml.safe_dump(dict(card), sort_keys=False, width=110, allow_unicode=True)
    (directory / CARD).write_text(text)


def require_weights(directory: Path, card: Mapping[str, Any]) -> Path:
    """The file of a model's weights, after checking that it is what the card describes.

    Raises:
        ModelError: it is missing, or another.
    """
    path, expected = directory / WEIGHTS, str(card["sha256"])
    if not path.is_file():
        raise ModelError(f"{path} does not exist: restore it, or make it with `mission export`")
    found = sha256_of(path)
    if found != expected:
        raise ModelError(
            f"{path} has SHA-256 {found[:12]}..., its card says {expected[:12]}...: the file was altered or only half "
            "copied; restore it or export the model again"
        )
    return path
