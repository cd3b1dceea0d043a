"""Every exception mission raises on purpose, in one tree.

    MissionError
    ├── ConfigurationError (ValueError)      a file, parameter or argument is wrong
    ├── RadarError
    │   ├── FrameError (ValueError)          bytes that are not a valid frame; `kind` says which fault
    │   ├── DeviceError (OSError)            a port is absent, busy, forbidden or silent
    │   └── CommandError                     the radar refused a configuration command
    ├── CameraError (OSError)                a camera or video cannot be opened or read
    ├── GalleryError
    │   ├── GalleryModelMismatch             features of another model; never mixed
    │   └── GalleryDamaged                   the store or one entry cannot be read
    ├── ModelError                           a model file is absent, altered or of the wrong kind
    ├── MessageError (ValueError)            a ROS message lacks something, or contradicts itself
    ├── BagError (ValueError)                a recording is absent, damaged or lacks a topic
    └── DataSetError (ValueError)            a data set is absent, incomplete or damaged

The text of each names what was wrong, what was expected, and the remedy.
"""

from typing import Literal

FrameErrorKind = Literal["bad_header", "bad_tlv", "bad_checksum", "truncated"]


class MissionError(Exception):
    """Base of all errors raised on purpose; catch it to report one line to a person."""


class ConfigurationError(MissionError, ValueError):
    """A configuration file, a parameter or a command-line argument is wrong."""


class RadarError(MissionError):
    """Base of what can go wrong between the radar and its decoded frames."""


class FrameError(RadarError, ValueError):
    """Bytes that are not a valid frame.

    Attributes:
        kind: which fault, the key under which the stream reader counts it.
    """

    def __init__(self, kind: FrameErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind: FrameErrorKind = kind


class DeviceError(RadarError, OSError):
    """A serial port is absent, busy, forbidden, or stopped answering."""


class CommandError(RadarError):
    """The radar refused, or did not answer, a line of its configuration."""


class CameraError(MissionError, OSError):
    """A camera, stream or video file cannot be opened or read."""


class GalleryError(MissionError):
    """Base of what can go wrong with the gallery."""


class GalleryModelMismatch(GalleryError):
    """The gallery holds features of another model than the one in use."""


class GalleryDamaged(GalleryError):
    """The gallery file, or an entry in it, cannot be read."""


class ModelError(MissionError):
    """A model file is absent, does not match its card, or is of the wrong kind."""


class MessageError(MissionError, ValueError):
    """A ROS message lacks what is needed, or contradicts itself."""


class BagError(MissionError, ValueError):
    """A recording is absent, damaged, or lacks what was asked of it."""


class DataSetError(MissionError, ValueError):
    """A data set is absent, incomplete, or one of its files is damaged."""
