"""Settings of MRA-Net, and of the networks it is compared with."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from mission_core.data.doppler_windows import MapShape
from mission_core.errors import ConfigurationError
from mission_core.train import Schedule

Scales: TypeAlias = Literal["both", "fine", "coarse"]
Tasks: TypeAlias = Literal["both", "activity", "identity"]
Weighting: TypeAlias = Literal["learned", "as_printed"] | float
TRUNKS = ("mra_net", "kim_moon", "vandersmissen", "cao", "autoencoder", "lstm", "jmi_cnn")


@dataclass(frozen=True)
class MraNetConfig:
    """Shape of MRA-Net; source: Remote Sensing 2019, 11, 2584, section 3.

    The paper's text tells neither widths nor how deep a branch is, its figure does, which is not at hand. Of maps of
    100 x 150, five activities and six people these settings make 203 thousand parameters.

    Attributes:
        widths: channels of the blocks.
        depth: convolutions of each branch.
        scales: branches there are: fine (3 x 3), coarse (5 x 5), or both.
        attention: whether there is a mask branch.
    """

    widths: tuple[int, ...] = (8, 16, 32)
    depth: int = 2
    scales: Scales = "both"
    attention: bool = True

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1 or self.depth < 1:
            raise ConfigurationError(
                f"widths are {self.widths}, depth is {self.depth}: expected one channel and one convolution at least"
            )
        if self.scales not in ("both", "fine", "coarse"):
            raise ConfigurationError(f"scales is {self.scales!r}, expected both, fine or coarse")


@dataclass(frozen=True, kw_only=True)
class RecognitionTraining(Schedule):
    """A training run that learns activities, identities or both, as in config/train/mra_net*.yaml.

    Attributes:
        name: of the model that comes out.
        method: "recognition".
        data: "activity6"; "activities", with strangers among them; or "radhar" (activities alone, real recordings).
        strangers: of "activities".
        maps: what is read.
        trunk: "mra_net", or that of a network to compare with, see `peers`.
        network: shape of MRA-Net; the others have one shape each.
        tasks: what is told.
        weighting: of the losses of both tasks: learned (FLWL), learned as equation 5 is printed, or the ratio of the
            activity's to the identity's, 2/3 to 1 in the paper.
        batch: maps per step.
        made_up: share of further maps in a batch that show no activity at all; with them NONE is one of the activities.
        young: share of the maps that are shown as of a track that has just begun.
        kept, lost: the windows that are learnt from are there once more for each of these: with that share of the
            points kept, and of the frames lost. Of RadHAR alone.
        folds: of cross validation.
        fold: which of them is tested on.
        split: "take" keeps the windows of a take on one side; "window" does not, which leaks, and is there to tell how
            much. "authors" is RadHAR's own split of files, into training and test.
    """

    name: str
    method: Literal["recognition"] = "recognition"
    data: Literal["activity6", "activities", "radhar"] = "activity6"
    strangers: int = 120
    maps: MapShape = field(default_factory=MapShape)
    trunk: str = "mra_net"
    network: MraNetConfig = field(default_factory=MraNetConfig)
    tasks: Tasks = "both"
    weighting: Weighting = "learned"
    batch: int = 128
    made_up: float = 0.0
    young: float = 0.0
    kept: tuple[float, ...] = ()
    lost: tuple[float, ...] = ()
    folds: int = 5
    fold: int = 0
    split: Literal["take", "window", "authors"] = "take"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, known in (
            ("data", ("activity6", "activities", "radhar")),
            ("trunk", TRUNKS),
            ("tasks", ("both", "activity", "identity")),
            ("split", ("take", "window", "authors")),
        ):
            if getattr(self, name) not in known:
                raise ConfigurationError(f"{name} is {getattr(self, name)!r}, expected one of {', '.join(known)}")
        if self.batch < 2 or self.folds < 2 or not 0 <= self.fold < self.folds:
            raise ConfigurationError(
                f"batch={self.batch}, fold={self.fold} of {self.folds}: expected batches of two or more, and a fold "
                "below their number"
            )
        for name in ("made_up", "young"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigurationError(f"{name} is {getattr(self, name):g}, expected a share")
        if isinstance(self.weighting, str) and self.weighting not in ("learned", "as_printed"):
            raise ConfigurationError(f"weighting is {self.weighting!r}, expected learned, as_printed or a ratio")
        if not isinstance(self.weighting, str) and not self.weighting > 0:
            raise ConfigurationError(f"weighting is {self.weighting:g}, expected a ratio above 0")
        if len(self.kept) != len(self.lost) or (self.kept and self.data != "radhar"):
            raise ConfigurationError(
                f"kept={self.kept}, lost={self.lost} of {self.data}: expected as many of one as of the other, of radhar"
            )
        if self.data == "radhar" and self.tasks != "activity":
            raise ConfigurationError("RadHAR tells nobody's identity: set tasks to activity")
        if self.split == "authors" and self.data != "radhar":
            raise ConfigurationError(f"{self.data} has no authors' split: set split to take")
