"""Collects what `mission up` shows."""

import time
from collections.abc import Callable, Mapping

from diagnostic_msgs.msg import DiagnosticArray
from mission_msgs.msg import ActivityArray, GalleryInfo, RadarTrackArray, RankedIdentitiesArray
from rclpy.node import Node

from mission_core.data import messages
from mission_core.types import ActivityOpinion, Ranking, Track
from mission_ros.diagnostics import Rate
from mission_ros.live_table import NodeState
from mission_ros.qos import LATCHED, RESULT
from mission_ros.supervisor import ProcessHealth

_STATES = {0: "ok", 1: "warning"}
_STALE = 3.0  # [s] without diagnostics after which a node counts as hanging


class LiveSubscriber(Node):
    """Remembers the newest of everything.

    Attributes:
        tracks: people in view.
        rankings: who they may be, by track_id.
        activities: what they do, by track_id; empty where nobody tells.
        enrolled: ids of the people in the gallery, None until that is known.
        frames: rate of radar frames that were tracked.
    """

    def __init__(self, namespace: str, on_rankings: Callable[[int, tuple[Ranking, ...]], None]) -> None:
        """`on_rankings` is given stamp [ns] and rankings of every message."""
        super().__init__("live", namespace=namespace)
        self.tracks: tuple[Track, ...] = ()
        self.rankings: dict[int, Ranking] = {}
        self.activities: dict[int, ActivityOpinion] = {}
        self.enrolled: tuple[str, ...] | None = None
        self.frames = Rate()
        self._on_rankings = on_rankings
        self._health: dict[str, tuple[float, int, str]] = {}  # time heard, level, message
        self.create_subscription(RadarTrackArray, "radar/tracks", self._on_tracks, RESULT)
        self.create_subscription(RankedIdentitiesArray, "reid/identities", self._on_identities, RESULT)
        self.create_subscription(ActivityArray, "micro_doppler/activities", self._on_activities, RESULT)
        self.create_subscription(GalleryInfo, "gallery/info", self._on_gallery, LATCHED)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)

    def node_states(self, processes: Mapping[str, ProcessHealth]) -> tuple[NodeState, ...]:
        """State of the nodes that run as these processes."""
        return tuple(self._node_state(name, process) for name, process in processes.items())

    def _node_state(self, name: str, process: ProcessHealth) -> NodeState:
        if process.pid is None:
            return NodeState(name, "error", f"ended with status {process.last_exit}, starts again", process.restarts)
        heard, level, message = self._health.get(name, (0.0, 0, ""))
        silence = time.monotonic() - heard
        if silence > process.uptime:  # not heard since it was started
            return NodeState(name, "starting", "starting", process.restarts)
        if silence > _STALE:
            return NodeState(name, "error", f"silent for {silence:.0f} s", process.restarts)
        return NodeState(name, _STATES.get(level, "error"), message, process.restarts)

    def _on_tracks(self, message: RadarTrackArray) -> None:
        self.tracks = messages.tracks(message)
        self.frames.tick()

    def _on_identities(self, message: RankedIdentitiesArray) -> None:
        rankings = messages.rankings(message)
        self.rankings = {ranking.track_id: ranking for ranking in rankings}
        self._on_rankings(messages.stamp_ns(message), rankings)

    def _on_activities(self, message: ActivityArray) -> None:
        self.activities = {opinion.track_id: opinion for opinion in messages.activities(message)}

    def _on_gallery(self, message: GalleryInfo) -> None:
        self.enrolled = tuple(message.person_ids)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        namespace = self.get_namespace().strip("/") + "/"
        for name, level, text, _ in messages.diagnostics(message):
            if name.startswith(namespace):
                self._health[name.removeprefix(namespace)] = (time.monotonic(), level, text)
