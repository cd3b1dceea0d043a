"""Says who each track may be (`reid/identities`): ranks the gallery for the last frames of every track."""

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mission_msgs.msg import ActivityArray, GalleryInfo, RadarTrackArray, RankedIdentitiesArray
from sensor_msgs.msg import PointCloud2

from mission_core.data import messages
from mission_core.errors import MissionError
from mission_core.gallery.locate import default_gallery
from mission_core.gallery.store import SqliteGallery
from mission_core.models.card import DEFAULT_MODEL, model_directory, read_card
from mission_core.models.reid.gate import WalkingGate
from mission_core.models.reid.second_opinion import SecondOpinion
from mission_ros import conversions
from mission_ros.background import Worker
from mission_ros.diagnostics import Diagnostics, Intake, Level, Rate, Report
from mission_ros.qos import LATCHED, RESULT
from mission_ros.runtime import ManagedNode, parameter, run

try:
    from message_filters import Subscriber, TimeSynchronizer
except ImportError:
    from mission_ros.message_filters_fallback import Subscriber, TimeSynchronizer

if TYPE_CHECKING:
    from mission_core.models.reid.ranking import Reidentifier

_WAITING = 10  # frames that may wait for their partner, or for the network


class Reid(ManagedNode):
    """Ranks identities frame by frame; every parameter is explained in config/mission.yaml."""

    def __init__(self) -> None:
        super().__init__("reid")
        self._database = Path(parameter(self, "database", "") or default_gallery()).expanduser()
        self._model_directory = model_directory(parameter(self, "model", DEFAULT_MODEL))
        self._period = parameter(self, "period", 0.5)
        self._min_seconds = parameter(self, "min_seconds", 1.0)
        self._gate = WalkingGate() if parameter(self, "gate", True) else None
        self._second_model = parameter(self, "second_opinion", "")
        self._second: SecondOpinion | None = None
        self._reidentifier: Reidentifier | None = None
        self._lock = threading.Lock()  # neither gallery nor opinions change while the gallery is being ranked
        self._revision = 0
        self._gallery_problem = self._second_problem = ""
        self._arrived, self._rate = Rate(), Rate()
        self._intake = Intake(self)
        self._latency_ms = 0.0
        self._worker: Worker[tuple[RadarTrackArray, PointCloud2]] | None = None
        self._inputs: list[Subscriber] = []
        self._publisher = self.create_publisher(RankedIdentitiesArray, "reid/identities", RESULT)
        self._diagnostics = Diagnostics(self, self._report)

    def configure(self) -> None:
        """Loads the model; refuses files that are not what its card says."""
        from mission_core.models.reid.model import ReidModel  # torch takes seconds to import
        from mission_core.models.reid.ranking import Reidentifier

        model = ReidModel.load(self._model_directory)
        if self._second_model:
            self._second = SecondOpinion.of_card(read_card(model_directory(self._second_model)), model.name)
        self._reidentifier = Reidentifier(model, period=self._period, min_seconds=self._min_seconds)

    def activate(self) -> None:
        """Listens to the tracker and to changes of the gallery."""
        if self._database.exists():
            self._load_gallery()
        self._worker = Worker(self._rank, _WAITING, self.get_logger().fatal)
        self._gallery_input = self.create_subscription(GalleryInfo, "gallery/info", self._on_gallery_info, LATCHED)
        self._inputs = [
            Subscriber(self, msg_type, topic, qos_profile=RESULT, event_callbacks=self._intake.events)
            for msg_type, topic in ((RadarTrackArray, "radar/tracks"), (PointCloud2, "radar/points_labelled"))
        ]
        if self._gate is not None:
            self._inputs.append(Subscriber(self, ActivityArray, "micro_doppler/activities", qos_profile=RESULT))
            self._inputs[-1].registerCallback(self._on_activities)
        if self._second is not None:
            self._inputs.append(Subscriber(self, RankedIdentitiesArray, "micro_doppler/identities", qos_profile=RESULT))
            self._inputs[-1].registerCallback(self._on_second_opinion)
        self._inputs[0].registerCallback(lambda _: self._arrived.tick())
        worker = self._worker
        self._synchronizer = TimeSynchronizer(self._inputs[:2], _WAITING)
        self._synchronizer.registerCallback(lambda tracks, cloud: worker.put((tracks, cloud)))

    def deactivate(self) -> None:
        """Listens no more."""
        for subscriber in self._inputs:
            self.destroy_subscription(subscriber.sub)
        self._inputs = []
        if self._worker is not None:
            self.destroy_subscription(self._gallery_input)
            self._worker.stop()
            self._worker = None

    def cleanup(self) -> None:
        """Forgets model and gallery."""
        self._reidentifier = None

    def _rank(self, item: tuple[RadarTrackArray, PointCloud2]) -> None:
        tracks, cloud = item
        assert self._reidentifier is not None
        with self._intake.guard():
            frame = messages.tracked_frame(tracks, cloud)
            with self._lock:
                rankings, revision = self._reidentifier.step(frame, self._others(frame.stamp_ns)), self._revision
                if self._second is not None:
                    rankings = self._second.join(frame.stamp_ns, rankings)
            model = self._reidentifier.model
            self._publisher.publish(
                conversions.rankings_to_msg(
                    rankings,
                    frame.stamp_ns,
                    tracks.header.frame_id,
                    model_id=model.name,
                    model_sha256=model.sha256,
                    gallery_revision=revision,
                )
            )
            self._latency_ms = (self.get_clock().now().nanoseconds - frame.stamp_ns) * 1e-6
            self._rate.tick()

    def _on_activities(self, message: ActivityArray) -> None:
        assert self._gate is not None
        with self._lock:
            self._gate.add(messages.stamp_ns(message), messages.activities(message))

    def _on_second_opinion(self, message: RankedIdentitiesArray) -> None:
        assert self._second is not None
        try:
            self._second.require(message.model_id, message.model_sha256)
        except MissionError as error:
            self._second_problem = str(error)
            return
        self._second_problem = ""
        with self._lock:
            self._second.add(messages.stamp_ns(message), messages.rankings(message))

    def _others(self, stamp_ns: int) -> frozenset[int]:
        """Tracks that do something else than walk."""
        return frozenset() if self._gate is None else self._gate.others(stamp_ns)

    def _on_gallery_info(self, message: GalleryInfo) -> None:
        if int(message.revision) != self._revision:
            self._load_gallery()

    def _load_gallery(self) -> None:
        """Takes over what is enrolled now; what cannot be used is not ranked against, and diagnostics say why."""
        assert self._reidentifier is not None
        started = time.monotonic()
        clips, revision = [], 0
        try:
            with SqliteGallery(self._database, self._reidentifier.model.sha256, read_only=True) as store:
                clips, revision = store.clips(), store.revision
                self._gallery_problem = "; ".join(store.damaged)
            with self._lock:
                self._reidentifier.set_gallery(clips)
        except MissionError as error:
            self._gallery_problem = str(error)
            self.get_logger().error(self._gallery_problem)
            with self._lock:
                self._reidentifier.set_gallery([])
        self._revision = revision
        self.get_logger().info(f"gallery revision {revision}: {len(clips)} clips in {time.monotonic() - started:.2f} s")

    def _report(self) -> Report:
        rate = self._rate.read()
        dropped = self._worker.dropped if self._worker is not None else 0
        values: dict[str, object] = {"rate_hz": rate, "frames": self._rate.total, "dropped_frames": dropped}
        values["received_frames"] = self._arrived.total  # those without their cloud among them
        values |= {"latency_ms": self._latency_ms, "gallery_revision": self._revision} | self._intake.counters()
        if self._reidentifier is None:
            return Report(Level.ERROR, f"no model from {self._model_directory}", values)
        if problem := self._gallery_problem or self._second_problem or self._intake.problem:
            return Report(Level.ERROR, problem, values)
        if not rate:
            return Report(Level.WARN, "no tracks arrive on radar/tracks", values)
        return Report(Level.OK, f"{rate:.1f} frames per second, {self._latency_ms:.0f} ms behind", values)


def main() -> None:
    """Runs the node."""
    run(Reid)


if __name__ == "__main__":
    main()
