"""Where the galleries of this machine are."""

from collections.abc import Collection
from pathlib import Path

from mission_core.errors import GalleryError, ModelError
from mission_core.gallery.store import SqliteGallery
from mission_core.models.card import model_directory, model_sha256
from mission_core.paths import state_directory


def default_gallery() -> Path:
    """The operator's gallery."""
    return state_directory() / "gallery.sqlite3"


def sim_gallery(model: str) -> Path:
    """The gallery of the simulated people: one per model, so that a new model enrols anew."""
    try:
        version = model_sha256(model_directory(model))[:8]
    except ModelError:  # gallery_manager and reid say what is wrong with it, and wait for it
        version = "no_model"
    return state_directory() / f"sim_gallery_{version}.sqlite3"


def find_gallery(people: Collection[str], model: str) -> Path | None:
    """The gallery that holds all of these people, with features of this model; None when there is none.

    Args:
        people: ids, such as those enrolled when a bag was recorded.
        model: name or directory.
    """
    for path in (default_gallery(), sim_gallery(model)):
        try:
            with SqliteGallery(path, model_sha256(model_directory(model)), read_only=True) as store:
                if people and set(people) <= set(store.person_ids()):
                    return path
        except (GalleryError, ModelError):
            continue  # absent, or of another model
    return None
