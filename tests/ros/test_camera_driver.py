import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from mission_msgs.msg import BodyArray
from ros_harness import Listener, NodeProcess, wait_for
from sensor_msgs.msg import CameraInfo, Image

from mission_core.data import messages
from mission_ros.qos import RESULT, SENSOR_SUBSCRIBER


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Two seconds at 10 frames per second, growing lighter."""
    path = tmp_path / "walk.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (320, 180))
    assert writer.isOpened()
    for level in range(20):
        writer.write(np.full((180, 320, 3), 10 * level, np.uint8))
    writer.release()
    return path


def stamps(received: list) -> list[int]:
    return [messages.stamp_ns(message) for message in received]


def test_simulated_camera_at_720p_loses_nothing(listener: Listener) -> None:
    """15 pictures per second between two processes, best effort, and their skeletons under the same stamps."""
    images = listener.collect(Image, "camera/color/image_raw", SENSOR_SUBSCRIBER)
    bodies = listener.collect(BodyArray, "camera/bodies", RESULT)
    infos = listener.collect(CameraInfo, "camera/color/camera_info", RESULT)
    health = listener.diagnostics()
    with NodeProcess("camera_driver", source='"sim://room?people=P00,P03&seed=1"') as node:
        wait_for(lambda: len(images) >= 60 and len(bodies) >= 60, f"4 s of pictures, {node.output}", timeout=60.0)
    assert (images[-1].width, images[-1].height, images[-1].encoding) == (1280, 720, "bgr8")
    assert (infos[-1].width, infos[-1].header.frame_id) == (1280, "camera_color_optical_frame")
    start = stamps(images)[0]
    sent = [stamp for stamp in stamps(bodies) if stamp >= start]
    assert stamps(images) == sent[: len(images)]
    assert health["camera_driver"][0] == 0


def test_video_is_played_at_its_own_rate_then_ends(video: Path, listener: Listener) -> None:
    images = listener.collect(Image, "camera/color/image_raw", RESULT)
    health = listener.diagnostics()
    with NodeProcess("camera_driver", source=str(video)):
        wait_for(lambda: "played to its end" in health.get("camera_driver", (0, "", {}))[1], "the end")
    levels = [messages.image(image).mean() for image in images]
    assert levels == sorted(levels)
    assert levels[-1] > 180
    np.testing.assert_allclose(np.diff(stamps(images)) * 1e-9, 0.1, atol=1e-3)
    assert abs(stamps(images)[-1] * 1e-9 - time.time()) < 10.0  # played as if it happened now


def test_looped_video_does_not_end(video: Path, listener: Listener) -> None:
    images = listener.collect(Image, "camera/color/image_raw", RESULT)
    with NodeProcess("camera_driver", source=str(video), loop="true"):
        wait_for(lambda: len(images) > 25, "second round")
    assert np.diff(stamps(images)).min() > 0


def test_faster_source_is_thinned_out(video: Path, listener: Listener) -> None:
    images = listener.collect(Image, "camera/color/image_raw", RESULT)
    with NodeProcess("camera_driver", source=str(video), max_fps="5.0", loop="true"):
        wait_for(lambda: len(images) >= 8, "pictures")
    assert np.diff(stamps(images)).min() * 1e-9 > 0.19


@pytest.mark.parametrize("source", ["/dev/video97", "/no/such/video.mp4", "sim://cellar"])
def test_source_that_cannot_be_opened_is_named_and_the_node_lives(source: str, listener: Listener) -> None:
    health = listener.diagnostics()
    with NodeProcess("camera_driver", source=source) as node:
        wait_for(lambda: source in node.output, source)
        wait_for(lambda: health.get("camera_driver", (0, "", {}))[0] == 2, "an error")
        assert node.process.poll() is None


def test_kinect_without_its_library_says_what_to_install(listener: Listener) -> None:
    try:
        import pyk4a  # noqa: F401
    except ImportError:
        pass
    else:
        pytest.skip("pyk4a is installed here")
    with NodeProcess("camera_driver", source="k4a://") as node:
        wait_for(lambda: "pip install" in node.output and "pyk4a" in node.output, "remedy")
