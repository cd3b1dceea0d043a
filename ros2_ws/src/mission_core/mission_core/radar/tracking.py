"""Follows several people through the point clouds of one radar or of several that watch one room.

Each person is a constant-velocity Kalman filter over (x, y, vx, vy) in the room frame, fed with the centre and the
radial velocity of the detections that are theirs (Bar-Shalom, Li, Kirubarajan, "Estimation with Applications to
Tracking and Navigation", 2001, chapters 5 and 6). Per frame: predict, cluster, cut clusters that span two people,
assign clusters to tracks globally, give each track the scraps lying within its body, update, start tracks from
the rest, and publish those that were seen often enough and are no ghosts. Unlike TI's gtrack, which gates single points
against an ellipsoid, this needs no tuning per room.

Several radars take turns: each frame moves the same tracks on and corrects them by what that radar saw, whenever it
comes. So radars need neither be synchronous nor be equally fast, and one that falls silent is not missed.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from mission_core.calibration import SensorPose
from mission_core.errors import ConfigurationError
from mission_core.geometry import sensor_to_room
from mission_core.radar.clustering import NOISE, ClusterConfig, cluster, denoise
from mission_core.radar.ghosts import Echo, GhostConfig, echo, is_ghost
from mission_core.types import NO_TRACK, Column, Float64Array, Mount, Points, Track, TrackedFrame

Indices = NDArray[np.intp]
FORBIDDEN = 1e6  # cost of an assignment outside the gate


@dataclass(frozen=True, slots=True)
class TrackerConfig:
    """How people move and how the radar sees them.

    Attributes:
        clustering: which detections belong together.
        body_radius: detections this close to a track's centre on the floor are of the same body [m]; half a stride
            and an arm's swing, less than the distance of people side by side.
        moving_speed: a track starts only where a detection has at least this radial speed [m/s]; walls and furniture,
            which appear when the radar does not remove static clutter, have none.
        gate: largest squared Mahalanobis distance between a track's prediction and its cluster's centre [1]; 9.21
            holds 99 % of a Gaussian in two dimensions.
        confirm_hits: a new track is published once it was seen in this many frames ...
        confirm_window: ... of its last this many [frames].
        coast_time: a confirmed track that is not seen keeps its id this long [s] ...
        still_time: ... and this long [s] where it had come to a stand: a radar that removes what does not move loses
            sight of people who stand or sit.
        still_speed: a track that was last seen slower stands [m/s].
        ghosts: which tracks are taken for reflections.
        recent_time: detections this recent give a track's height and size [s].
        acceleration_density: spectral density of the white acceleration that drives the motion model [m^2/s^3]; the
            variance that a velocity gains in a second. Covers turning round at the end of a lane.
        start_speed_deviation: standard deviation of a new track's unseen velocity component [m/s].
        range_deviation: standard deviation of a cluster's centre along the line of sight [m].
        azimuth_deviation_deg: standard deviation of a cluster's centre across the line of sight [deg]; the array's
            beam is 15 deg wide.
        doppler_deviation: standard deviation of a cluster's median Doppler about the body's radial velocity [m/s],
            limbs included. A Doppler three deviations off (aliased, or of a limb) is not used.
    """

    clustering: ClusterConfig = field(default_factory=ClusterConfig)
    body_radius: float = 0.6
    moving_speed: float = 0.1
    gate: float = 9.21
    confirm_hits: int = 4
    confirm_window: int = 6
    coast_time: float = 1.5
    still_time: float = 30.0
    still_speed: float = 0.25
    ghosts: GhostConfig = field(default_factory=GhostConfig)
    recent_time: float = 1.0
    acceleration_density: float = 0.6
    start_speed_deviation: float = 1.0
    range_deviation: float = 0.15
    azimuth_deviation_deg: float = 2.0
    doppler_deviation: float = 0.4

    def __post_init__(self) -> None:
        for name in (
            *("body_radius", "moving_speed", "gate", "coast_time", "still_time", "recent_time"),
            *(
                "acceleration_density",
                "start_speed_deviation",
                "range_deviation",
                "azimuth_deviation_deg",
                "doppler_deviation",
            ),
        ):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"tracker: {name} must be positive, got {getattr(self, name)}")
        if not self.still_speed >= 0:
            raise ConfigurationError(f"tracker: still_speed must not be negative, got {self.still_speed}")
        if not 1 <= self.confirm_hits <= self.confirm_window:
            raise ConfigurationError(
                f"tracker: expected 1 <= confirm_hits <= confirm_window, got {self.confirm_hits}, {self.confirm_window}"
            )


class RadarTracker:
    """Turns detections into people with ids. Deterministic; keeps about a second of detections per track.

    Args:
        config: see `TrackerConfig`.
        mount: of the radar in whose room frame all is told.
        others: further radars, their poses in that frame.
    """

    def __init__(self, config: TrackerConfig, mount: Mount, others: Sequence[SensorPose] = ()) -> None:
        self._config = config
        self._radars = (SensorPose(mount), *others)
        self._tracks: list[_Target] = []
        self._next_id = 0
        self._stamps_ns: dict[int, int] = {}  # of each radar's last frame

    def step(self, stamp_ns: int, frame_number: int, points: Points, radar: int = 0) -> TrackedFrame:
        """Takes one frame; lost frames are bridged by the stamps.

        A stamp before the same radar's previous one means that the source began anew (a bag in a loop, a clock that was
        set): all tracks end, and new ones get new ids. Frames of another radar may be late; they are taken as of the
        newest frame, and so are the tracks then.

        Args:
            stamp_ns: measurement time.
            frame_number: of the radar frame, passed on.
            points: (N, 6) in the sensor frame.
            radar: whose frame it is: 0, or 1 + the place among the others.

        Returns:
            Confirmed tracks, and the points in the room frame with their labels.
        """
        pose = self._radars[radar]
        room = points.copy()
        room[:, : Column.Z + 1] = pose.to_map(sensor_to_room(points[:, : Column.Z + 1], pose.mount))
        origin = np.asarray(pose.position, dtype=np.float64)
        now_ns = self._predict(stamp_ns, radar)
        for target, members in self._associate(now_ns, room, origin):
            target.update(now_ns, room[members], members, radar, origin)
        spans = np.stack((np.linalg.norm(points[:, : Column.Z + 1], axis=1), points[:, Column.DOPPLER]), axis=1)
        self._judge(room, spans.astype(np.float64))
        self._tracks = [target for target in self._tracks if target.alive(now_ns)]
        confirmed = [target for target in self._tracks if target.confirmed]
        labels = np.full(len(room), NO_TRACK, np.int32)
        for target in confirmed:
            labels[target.members] = target.track_id
        tracks = tuple(target.report(now_ns) for target in confirmed)
        return TrackedFrame(stamp_ns=stamp_ns, frame_number=frame_number, tracks=tracks, points=room, labels=labels)

    def _predict(self, stamp_ns: int, radar: int) -> int:
        """Moves all tracks on to a time, or to the time of the newest frame; returns which."""
        if stamp_ns < self._stamps_ns.get(radar, stamp_ns):
            self._tracks, self._stamps_ns = [], {}
        previous = max(self._stamps_ns.values(), default=stamp_ns)
        self._stamps_ns[radar] = stamp_ns
        now_ns = max(stamp_ns, previous)
        self._tracks = [target for target in self._tracks if target.alive(now_ns)]
        for target in self._tracks:
            target.predict(now_ns, (now_ns - previous) * 1e-9)
        return now_ns

    def _associate(self, stamp_ns: int, room: Points, origin: Float64Array) -> "list[tuple[_Target, Indices]]":
        """Shares out the detections: every track, old and new, with the indices of its own (maybe none)."""
        xy = room[:, : Column.Y + 1].astype(np.float64)
        labels = cluster(room, self._config.clustering)
        clusters = self._cut(xy, [np.flatnonzero(labels == label) for label in range(labels.max(initial=NOISE) + 1)])
        taken = self._assign(xy, clusters, origin)
        shares: list[list[Indices]] = [[] for _ in self._tracks]
        for i, j in taken.items():
            shares[i].append(clusters[j])

        # The parts of a body that were clustered apart, and single points on it; larger parts first, so that
        # a new track starts at the largest and its scraps join it.
        loose = [clusters[j] for j in range(len(clusters)) if j not in taken.values()]
        loose.sort(key=len, reverse=True)
        single = np.flatnonzero((labels == NOISE) & denoise(room, self._config.clustering))
        for members in [*loose, *single[:, np.newaxis]]:
            nearest = self._nearest(xy[members].mean(axis=0))
            if nearest is not None:
                shares[nearest].append(members)
            elif len(members) > 1 and np.abs(room[members, Column.DOPPLER]).max() >= self._config.moving_speed:
                self._tracks.append(_Target(self._next_id, self._config, stamp_ns, room[members], origin))
                self._next_id += 1
                shares.append([members])
        empty = np.empty(0, np.intp)
        return [(t, np.concatenate(share) if share else empty) for t, share in zip(self._tracks, shares, strict=True)]

    def _cut(self, xy: Float64Array, clusters: Sequence[Indices]) -> list[Indices]:
        """Divides clusters too large for one body among the confirmed tracks that are predicted in them."""
        radius = self._config.body_radius
        expected = [target.position for target in self._tracks if target.confirmed]
        parts: list[Indices] = []
        for members in clusters:
            spread = np.linalg.norm(xy[members] - xy[members].mean(axis=0), axis=1)
            inside = [p for p in expected if np.linalg.norm(xy[members] - p, axis=1).min() < radius / 2]
            if len(inside) < 2 or spread.max() <= radius:
                parts.append(members)
                continue
            owner = np.linalg.norm(xy[members, np.newaxis] - np.array(inside), axis=2).argmin(axis=1)
            parts += [members[owner == k] for k in np.unique(owner)]
        return parts

    def _assign(self, xy: Float64Array, clusters: Sequence[Indices], origin: Float64Array) -> dict[int, int]:
        """The globally likeliest pairing of tracks and clusters within the gate: track index -> cluster index."""
        if not self._tracks or not clusters:
            return {}
        centres = np.array([xy[members].mean(axis=0) for members in clusters])
        found = [target.distances(centres, origin) for target in self._tracks]
        distances = np.array([each for each, _ in found])
        gated = distances <= self._config.gate
        # -2 log likelihood: without the volume, who has not been seen for long would be near to everything
        cost = distances + np.array([[volume] for _, volume in found])
        # A confirmed track goes before a tentative one, whatever their distances.
        cost += np.array([[0.0 if target.confirmed else FORBIDDEN / 1e3] for target in self._tracks])
        rows, columns = linear_sum_assignment(np.where(gated, cost, FORBIDDEN))
        return {int(i): int(j) for i, j in zip(rows, columns, strict=True) if gated[i, j]}

    def _nearest(self, centre: Float64Array) -> int | None:
        """Index of the track in whose body a point on the floor lies."""
        if not self._tracks:
            return None
        distances = np.linalg.norm(np.array([target.position for target in self._tracks]) - centre, axis=1)
        i = int(distances.argmin())
        return i if distances[i] <= self._config.body_radius else None

    def _judge(self, room: Points, spans: Float64Array) -> None:
        """Confirms the tracks that were seen often enough and are no ghosts, those that came first before others."""
        before: list[_Target] = []
        for target in sorted(self._tracks, key=lambda each: each.precedence):
            others = np.concatenate([np.zeros(0, np.intp), *(other.members for other in before)])
            target.listen(room[target.members], spans[target.members], spans[others])
            target.judge([other.echoes for other in before if other.confirmed])
            before.append(target)


class _Target:
    """One person: Kalman state x = (x, y, vx, vy), covariance P, recent detections."""

    def __init__(
        self, track_id: int, config: TrackerConfig, stamp_ns: int, points: Points, origin: Float64Array
    ) -> None:
        self.track_id = track_id
        self.confirmed = False
        self.members: Indices = np.empty(0, np.intp)
        self.echoes: deque[Echo] = deque(maxlen=config.confirm_window)
        self._config = config
        self._first_ns = stamp_ns
        self._last_ns = stamp_ns
        self._radars: set[int] = set()  # that have seen it
        self._origin = origin  # of the radar whose frame is being taken
        self._hits: deque[bool] = deque(maxlen=config.confirm_window)
        self._missed = 0
        self._recent: deque[tuple[int, Float64Array]] = deque()

        centre, radial_speed = _measure(points)
        self._x = np.concatenate((centre, radial_speed * self._sight(centre)))
        self._p = np.zeros((4, 4))
        self._p[:2, :2] = self._centre_noise(centre)
        self._p[2:, 2:] = np.eye(2) * config.start_speed_deviation**2

    @property
    def position(self) -> Float64Array:
        """(2,) centre on the floor, room frame [m]."""
        return self._x[:2]

    @property
    def precedence(self) -> tuple[bool, int, int]:
        """Who is believed before whom: the confirmed, those who were seen more often, then the larger."""
        return not self.confirmed, -sum(self._hits), -len(self.members)

    def predict(self, stamp_ns: int, dt: float) -> None:
        """Moves the state on by `dt` seconds; continuous white acceleration, so any split of `dt` gives the same.

        Who came to a stand and is not seen any more stays there, and is looked for as near as who has just gone.
        """
        if self.confirmed and self._missed and self._speed < self._config.still_speed:
            self._x[2:] = 0.0
            if stamp_ns - self._last_ns > self._config.coast_time * 1e9:
                return
        f = np.eye(4)
        f[0, 2] = f[1, 3] = dt
        q = np.kron([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]], np.eye(2)) * self._config.acceleration_density
        self._x = f @ self._x
        self._p = f @ self._p @ f.T + q

    def distances(self, centres: Float64Array, origin: Float64Array) -> tuple[Float64Array, float]:
        """Squared Mahalanobis distances (K,) of cluster centres (K, 2) to the prediction, log |S| of its covariance."""
        self._origin = origin
        innovation = centres - self._x[:2]
        s = self._p[:2, :2] + self._centre_noise(self._x[:2])
        return np.einsum("ki,ij,kj->k", innovation, np.linalg.inv(s), innovation), float(np.log(np.linalg.det(s)))

    def update(self, stamp_ns: int, points: Points, members: Indices, radar: int, origin: Float64Array) -> None:
        """Takes this frame's own detections (N, 6), none when it was not seen, and their indices in the frame.

        A radar that has never seen it does not miss it either: it may watch another part of the room.
        """
        self.members = members
        self._origin = origin
        if len(points):
            self._radars.add(radar)
        elif radar not in self._radars:
            return
        self._hits.append(len(points) > 0)
        self._missed = 0 if len(points) else self._missed + 1
        if len(points):
            self._last_ns = stamp_ns
            if stamp_ns > self._first_ns:  # a new track's state is this very measurement
                self._correct(*_measure(points))
            xyz = points[:, : Column.Z + 1].astype(np.float64)
            # Relative to the walker, or the size would grow with the way walked.
            self._recent.append((stamp_ns, xyz - np.append(self._x[:2], 0.0)))
        while len(self._recent) > 1 and stamp_ns - self._recent[0][0] > self._config.recent_time * 1e9:
            self._recent.popleft()

    def listen(self, points: Points, spans: Float64Array, others: Float64Array) -> None:
        """Remembers what this frame's own detections are like beside those of tracks before it, see `echo`."""
        if len(points):
            distance = float(np.linalg.norm(self._x[:2] - self._origin))
            self.echoes.append(echo(points, distance, spans, others))

    def judge(self, others: Sequence[Sequence[Echo]]) -> None:
        """Confirms it, if it was seen often enough and is no ghost of others."""
        if not self.confirmed and sum(self._hits) >= self._config.confirm_hits:
            self.confirmed = not is_ghost(self.echoes, others, self._config.ghosts)

    def alive(self, stamp_ns: int) -> bool:
        """Whether to keep it: confirmed and seen lately, or tentative and still able to be confirmed."""
        stands = self.confirmed and self._speed < self._config.still_speed
        patience = self._config.still_time if stands else self._config.coast_time
        if stamp_ns - self._last_ns > patience * 1e9:
            return False
        return self.confirmed or self._hits.count(False) <= self._config.confirm_window - self._config.confirm_hits

    def report(self, stamp_ns: int) -> Track:
        """What is published about it."""
        recent = np.concatenate([xyz for _, xyz in self._recent])
        return Track(
            track_id=self.track_id,
            position=np.append(self._x[:2], recent[:, 2].mean()),
            velocity=np.append(self._x[2:], 0.0),
            size=np.ptp(recent, axis=0),
            variance=self._p.diagonal().copy(),
            age=(stamp_ns - self._first_ns) * 1e-9,
            num_points=len(self.members),
            missed_frames=self._missed,
        )

    @property
    def _speed(self) -> float:
        """[m/s]."""
        return float(np.linalg.norm(self._x[2:]))

    def _sight(self, centre: Float64Array) -> Float64Array:
        """(2,) unit vector from the radar to a point on the floor."""
        way = centre - self._origin
        return way / max(float(np.linalg.norm(way)), 1e-6)

    def _correct(self, centre: Float64Array, radial_speed: float) -> None:
        """Kalman update by position, and by Doppler where that agrees with the prediction."""
        h = np.eye(2, 4)
        innovation = centre - self._x[:2]
        noise = self._centre_noise(centre)
        sight = np.concatenate((np.zeros(2), self._sight(centre)))
        surprise = radial_speed - sight @ self._x
        deviation = np.sqrt(sight @ self._p @ sight + self._config.doppler_deviation**2)
        if abs(surprise) <= 3 * deviation:
            h = np.vstack((h, sight))
            innovation = np.append(innovation, surprise)
            noise = np.pad(noise, (0, 1))
            noise[2, 2] = self._config.doppler_deviation**2
        gain = self._p @ h.T @ np.linalg.inv(h @ self._p @ h.T + noise)
        keep = np.eye(4) - gain @ h
        self._x = self._x + gain @ innovation
        self._p = keep @ self._p @ keep.T + gain @ noise @ gain.T  # Joseph's form stays symmetric and positive

    def _centre_noise(self, centre: Float64Array) -> Float64Array:
        """(2, 2) covariance of a cluster's centre: the radar is sharp in range and blunt in azimuth [m^2]."""
        along = self._sight(centre)
        across = np.array([-along[1], along[0]])
        blur = np.deg2rad(self._config.azimuth_deviation_deg) * np.linalg.norm(centre - self._origin)
        base = self._config.range_deviation**2
        return base * np.eye(2) + blur**2 * np.outer(across, across)


def _measure(points: Points) -> tuple[Float64Array, float]:
    """Centre on the floor (2,) [m] and radial velocity [m/s] of one body's detections.

    The median Doppler is the torso's; limbs swing to both sides of it.
    """
    centre = points[:, : Column.Y + 1].mean(axis=0, dtype=np.float64)
    return centre, float(np.median(points[:, Column.DOPPLER]))
