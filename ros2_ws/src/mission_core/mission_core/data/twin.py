"""What the simulated sensors record of a scenario: takes of the radar and of the camera.

The radar's side runs the shipping tracker on the simulated detections: a take is what it followed, with the points it
gave that person. The camera's side cuts crops with the shipping code out of rendered pictures. Both keep the longest
part of a walk in which the sensor had the person; where that is too short there is no take.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mission_core.calibration import RADAR_MOUNT
from mission_core.data.following import Followed, Follower, longest_run
from mission_core.data.takes import CameraTake, RadarTake, TakeInfo
from mission_core.kinematics import body_frame
from mission_core.radar.profile import RadarProfile
from mission_core.radar.tracking import RadarTracker, TrackerConfig
from mission_core.sim.fmcw import Observation, slow_time
from mission_core.sim.path import Motion
from mission_core.sim.rooms import Scenario
from mission_core.sim.scatter import trails
from mission_core.sim.view import CameraView, RadarView, body_of
from mission_core.types import NO_TRACK, Float64Array

MAX_DISTANCE = 0.6  # of a track from the person it is taken to follow [m]: the tracker's body radius
MIN_SECONDS = 2.0
"""Shortest take of a walk: as long as a snippet of the gallery."""
FIRST_NS = 1_700_000_000_000_000_000
DAYS = 30
"""Within which the clocks of the sensors begin."""

# --- radar -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Instant:
    """One frame of the radar: what is there, what it detects, and what the tracker makes of it.

    Attributes:
        t: [s].
        joints: (P, 32, 3) true joints, room frame [m].
        observation: of the radar.
        followed: by the tracker.
    """

    t: float
    joints: Float64Array
    observation: Observation
    followed: Followed


class RadarWatch:
    """A radar and its tracker before a scenario.

    Args:
        scenario: who moves.
        profile: the radar runs.
        start_ns: time 0 on the radar's clock.
    """

    def __init__(self, scenario: Scenario, profile: RadarProfile, *, start_ns: int = FIRST_NS) -> None:
        self.scenario = scenario
        self.profile = profile
        self.follower = Follower(profile, RADAR_MOUNT)
        self._start_ns = start_ns

    def frames(self, duration: float) -> Iterator[Instant]:
        """The frames that arrive from time 0 to `duration` [s]."""
        view = RadarView(self.scenario, self.profile)
        tracker = RadarTracker(TrackerConfig(), view.mount)
        times = np.arange(0.0, duration, self.profile.frame_period)
        joints = np.stack([motion.joints(times) for motion in self.scenario.motions], axis=1)  # (T, P, 32, 3)
        for number, t in enumerate(times.tolist()):
            observation = view.observe(t)
            if observation.lost:
                continue
            tracked = tracker.step(self._start_ns + round(t * 1e9), number + 1, observation.points)
            yield Instant(t, joints[number], observation, self.follower.step(tracked, observation.range_doppler))


def radar_takes(
    scenario: Scenario, infos: Sequence[TakeInfo], profile: RadarProfile, *, start_ns: int = FIRST_NS
) -> list[RadarTake]:
    """Takes of the people whom one track followed for MIN_SECONDS at least; the others are missing.

    Args:
        scenario: that ends.
        infos: of each person's take.
        profile: the radar runs.
        start_ns: time 0 on the radar's clock.
    """
    watch = RadarWatch(scenario, profile, start_ns=start_ns)
    instants = list(watch.frames(scenario.duration))
    frames = [instant.followed for instant in instants]
    takes = []
    for index, info in enumerate(infos):
        joints = np.stack([instant.joints[index] for instant in instants])
        track_id, run = follow(frames, joints)
        if (run.stop - run.start) * profile.frame_period >= MIN_SECONDS:
            takes.append(watch.follower.take(info, frames[run], track_id, joints[run]))
    return takes


def whole_take(
    scenario: Scenario, info: TakeInfo, profile: RadarProfile, *, begin: float, start_ns: int = FIRST_NS
) -> RadarTake:
    """The take of one person from time `begin` [s] to the end, whether or not the tracker has them all the time."""
    watch = RadarWatch(scenario, profile, start_ns=start_ns)
    instants = list(watch.frames(scenario.duration))
    joints = np.stack([instant.joints[0] for instant in instants])
    track_id, _ = follow([instant.followed for instant in instants], joints)
    late = [index for index, instant in enumerate(instants) if instant.t >= begin - 1e-9]
    frames = [instants[index].followed for index in late]
    return watch.follower.take(info, frames, None if track_id == NO_TRACK else track_id, joints[late])


def follow(frames: Sequence[Followed], joints: Float64Array) -> tuple[int, slice]:
    """The track that was nearest to a person for the longest time without a break, and the frames of that time.

    Args:
        frames: F frames.
        joints: (F, 32, 3) true joints of the person, room frame.
    """
    nearest = np.array([_nearest(frame, pose) for frame, pose in zip(frames, joints, strict=True)], np.int64)
    best = NO_TRACK, slice(0, 0)
    for track_id in set(nearest.tolist()) - {NO_TRACK}:
        run = longest_run((nearest == track_id).tolist())
        if run.stop - run.start > best[1].stop - best[1].start:
            best = track_id, run
    return best


def _nearest(frame: Followed, pose: Float64Array) -> int:
    """Track nearest to a person's pelvis, NO_TRACK where none is near."""
    distances = {t.track_id: float(np.hypot(*(t.position[:2] - pose[0, :2]))) for t in frame.tracked.tracks}
    track_id = min(distances, key=distances.__getitem__, default=NO_TRACK)
    return track_id if track_id != NO_TRACK and distances[track_id] <= MAX_DISTANCE else NO_TRACK


def slow_time_of(
    motion: Motion, times: Float64Array, seed: int, *, carrier: float, prf: float
) -> NDArray[np.complex64]:
    """Slow-time signal (S,) of a motion over `times` (T,) [s], at least 50 a second, of a radar on RADAR_MOUNT."""
    surface = body_of(motion.person).samples(motion.joints(times))
    return slow_time(trails([surface], times, RADAR_MOUNT, [seed]), carrier=carrier, prf=prf, seed=seed)


# --- camera ----------------------------------------------------------------------------------------------------------

MIN_VISIBLE = 0.6
"""Share of a person that must be visible in a frame of their take."""


def camera_takes(
    scenario: Scenario, infos: Sequence[TakeInfo], *, start_ns: int = FIRST_NS, whole_frames: bool = False
) -> list[CameraTake]:
    """Takes of the people whom the camera saw whole for MIN_SECONDS at least; the others are missing.

    Args:
        scenario: that ends.
        infos: of each person's take.
        start_ns: time 0 on the camera's clock.
        whole_frames: keep whole pictures.
    """
    view = CameraView(scenario)
    times = np.arange(int(scenario.duration * view.fps)) / view.fps
    takes = []
    for index, info in enumerate(infos):
        sights = [view.sight(index, t) for t in times.tolist()]
        run = longest_run([s is not None and s.whole and s.visible >= MIN_VISIBLE for s in sights])
        seen = [sight for sight in sights[run] if sight is not None]
        if len(seen) / view.fps < MIN_SECONDS:
            continue
        own = times[run]
        takes.append(
            CameraTake(
                info=replace(info, frames=len(seen)),
                stamps_ns=start_ns + np.round(own * 1e9).astype(np.int64),
                crops=np.stack([sight.crop for sight in seen]),
                boxes=np.stack([sight.box for sight in seen]),
                geometry=np.stack([sight.geometry for sight in seen]),
                joints=body_frame(scenario.motions[index].joints(own)),
                skeletons=np.stack([sight.joints for sight in seen]),
                masks=np.stack([sight.mask for sight in seen]),
                images=np.stack([view.frame(t, 0).image for t in own.tolist()]) if whole_frames else None,
            )
        )
    return takes
