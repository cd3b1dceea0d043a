"""`mission gallery`: enrol people, list them, remove them."""

import argparse
import json
import time
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mission_core.errors import ConfigurationError
from mission_core.gallery.locate import default_gallery
from mission_core.gallery.store import Clip, SqliteGallery
from mission_core.models.card import DEFAULT_MODEL, model_directory

if TYPE_CHECKING:
    from mission_core.models.reid.model import ReidModel


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--database", type=Path, help="gallery file (default: gallery.sqlite3 in ~/.ros/mission)")
    model = argparse.ArgumentParser(add_help=False)
    model.add_argument(
        "--model", default=DEFAULT_MODEL, help="directory of the model, or its name below models/ (%(default)s)"
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    enrol = actions.add_parser("enrol", parents=[common, model], help="add clips of one person")
    enrol.add_argument("person_id", help="opaque id such as P03; not a name")
    enrol.add_argument(
        "source", help="device, video file, directory, rtsp://..., k4a:// or sim://walk?person=P03&take=1"
    )
    enrol.add_argument("--duration", type=float, default=0.0, help="how long to watch a live source [s]")
    enrol.add_argument(
        "--calibration", default="", help="file with the camera's mount (default: config/calibration.yaml)"
    )
    enrol.add_argument("--consent-reference", default="", help="where the person's consent is documented")
    enrol.add_argument("--purpose", default="", help="what the person consented to")
    enrol.add_argument("--expires", default="", metavar="DATE", help="last day of use, YYYY-MM-DD (default: never)")
    enrol.add_argument("--keep-pixels", action="store_true", help="store the pictures too, for `recompute`")

    listing = actions.add_parser("list", parents=[common], help="who is enrolled")
    listing.add_argument("--json", action="store_true", help="every clip, for programs")

    remove = actions.add_parser("remove", parents=[common], help="remove every trace of a person")
    remove.add_argument("person_id")

    actions.add_parser("purge", parents=[common], help="remove what has expired")
    actions.add_parser("recompute", parents=[common, model], help="turn the gallery over to another model")


def run(arguments: argparse.Namespace) -> int:
    """Runs the command."""
    database = arguments.database or default_gallery()
    return {"enrol": _enrol, "list": _list, "remove": _remove, "purge": _purge, "recompute": _recompute}[
        arguments.action
    ](database, arguments)


def _enrol(database: Path, arguments: argparse.Namespace) -> int:
    from mission_core.calibration import load_calibration
    from mission_core.gallery.enrol import check_person_id, enrol

    check_person_id(arguments.person_id)
    expires_ns = _end_of_day_ns(arguments.expires) if arguments.expires else 0
    mount = load_calibration(arguments.calibration).camera.mount
    model = _load_model(arguments.model)
    with SqliteGallery(database, model.sha256) as store:
        clips = enrol(
            store,
            model,
            arguments.person_id,
            arguments.source,
            mount,
            consent_reference=arguments.consent_reference,
            purpose=arguments.purpose,
            expires_ns=expires_ns,
            duration=arguments.duration,
            keep_pixels=arguments.keep_pixels,
        )
    print(f"{arguments.person_id}: {len(clips)} clips added to {database}")
    return 0


def _list(database: Path, arguments: argparse.Namespace) -> int:
    with SqliteGallery(database, None, read_only=True) as store:
        clips, damaged = store.clips(), store.damaged
        if arguments.json:
            content = {
                "database": str(database),
                "model_sha256": store.model_sha256,
                "revision": store.revision,
                "clips": [_as_json(clip) for clip in clips],
                "damaged": list(damaged),
            }
            print(json.dumps(content, indent=2))
            return 0
    for line in (*_table(clips), *(f"damaged: {entry}" for entry in damaged)):
        print(line)
    return 0


def _remove(database: Path, arguments: argparse.Namespace) -> int:
    with SqliteGallery(database, None) as store:
        count = store.remove(arguments.person_id)
    print(f"{arguments.person_id}: {count} clips removed" if count else f"{arguments.person_id} is not enrolled")
    return 0 if count else 1


def _purge(database: Path, _: argparse.Namespace) -> int:
    with SqliteGallery(database, None) as store:
        print(f"{store.purge_expired()} expired clips removed")
    return 0


def _recompute(database: Path, arguments: argparse.Namespace) -> int:
    from mission_core.gallery.enrol import recompute

    model = _load_model(arguments.model)
    print(f"{recompute(database, model)} clips now have features of model {model.name}, {model.sha256[:12]}")
    return 0


def _load_model(name: str) -> "ReidModel":
    """A model by directory or by name; torch is imported only here."""
    from mission_core.models.reid.model import ReidModel

    return ReidModel.load(model_directory(name))


def _end_of_day_ns(date: str) -> int:
    """End of a day in local time [ns]."""
    try:
        end = datetime.strptime(date, "%Y-%m-%d").replace(hour=23, minute=59, second=59)
        expires_ns = int(end.timestamp()) * 1_000_000_000
    except (ValueError, OverflowError) as error:
        raise ConfigurationError(f"--expires is {date!r}, expected a day as YYYY-MM-DD") from error
    if not time.time_ns() < expires_ns < 2**63:
        raise ConfigurationError(f"--expires is {date}, expected a day from today on")
    return expires_ns


def _table(clips: Iterable[Clip]) -> list[str]:
    """One line per person."""
    lines = [f"{'person':<24} {'clips':>5}  {'enrolled':<10}  {'expires':<10}  consent"]
    for person_id, group in groupby(clips, key=lambda clip: clip.person_id):
        own = list(group)
        expiries = [clip.expires_ns for clip in own if clip.expires_ns]
        expires = _day(min(expiries)) if expiries else "never"
        consents = ", ".join(sorted({clip.consent_reference for clip in own} - {""})) or "-"
        lines.append(f"{person_id:<24} {len(own):>5}  {_day(own[-1].enrolled_ns)}  {expires:<10}  {consents}")
    return lines if len(lines) > 1 else ["nobody is enrolled"]


def _as_json(clip: Clip) -> dict[str, Any]:
    """A clip without its features."""
    return {name: value for name, value in asdict(clip).items() if name != "features"}


def _day(stamp_ns: int) -> str:
    return datetime.fromtimestamp(stamp_ns / 1e9, UTC).astimezone().strftime("%Y-%m-%d")
