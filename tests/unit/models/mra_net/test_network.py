"""MRA-Net as its text defines it, and the networks beside it."""

import numpy as np
import pytest
import torch

from mission_core.errors import ConfigurationError
from mission_core.models.mra_net.configuration import MraNetConfig
from mission_core.models.mra_net.network import Block, Mask, Recognizer, mra_net_trunk
from mission_core.models.mra_net.peers import Autoencoder
from mission_core.models.mra_net.training import PEERS

HEADS = {"activity": 5, "identity": 6, "loss_weights": 2}
SIZES = [(100, 150), (50, 75), (16, 60)]
RANGE = (-50.0, 0.0)


def some_maps(size: tuple[int, int], count: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return -60.0 * torch.rand(count, *size, generator=generator)


def parameters(network: torch.nn.Module) -> int:
    return sum(each.numel() for each in network.parameters())


def test_a_block_is_equation_1():
    torch.manual_seed(0)
    block = Block(3, 8, MraNetConfig()).eval()
    x = torch.randn(2, 3, 20, 31)
    fine, coarse = block.branches
    assert [each[0][0].kernel_size for each in (fine, coarse)] == [(3, 3), (5, 5)]
    expected = (block.mask(x) + 1.0) * block.join(fine(x) + coarse(x))
    torch.testing.assert_close(block(x), expected)


def test_the_mask_is_a_share_for_every_place():
    torch.manual_seed(0)
    mask = Mask(3, 8)(10.0 * torch.randn(2, 3, 25, 37))
    assert mask.shape == (2, 8, 25, 37)
    assert ((mask > 0.0) & (mask < 1.0)).all()


@pytest.mark.parametrize("scales", ["fine", "coarse"])
def test_what_is_left_out_is_not_there(scales):
    one = Block(1, 8, MraNetConfig(scales=scales, attention=False))
    assert len(one.branches) == 1
    assert one.mask is None
    assert parameters(one) < parameters(Block(1, 8, MraNetConfig(scales=scales)))


def test_single_tasks_have_no_other_heads():
    both = Recognizer(mra_net_trunk(MraNetConfig()), (50, 75), HEADS, RANGE)
    one = Recognizer(mra_net_trunk(MraNetConfig()), (50, 75), {"activity": 5}, RANGE)
    assert set(one(some_maps((50, 75)))) == {"activity"}
    assert parameters(both) - parameters(one) == (6 + 2) * (32 * 6 * 9 + 1)


def test_the_number_of_parameters_is_as_documented():
    network = Recognizer(mra_net_trunk(MraNetConfig()), (100, 150), HEADS, RANGE)
    assert round(parameters(network) / 1000) == 203
    assert "203 thousand" in (MraNetConfig.__doc__ or "")


def test_weights_begin_orthogonal():
    network = Recognizer(mra_net_trunk(MraNetConfig()), (50, 75), HEADS, RANGE)
    convolution = network.trunk[2].branches[0][1][0].weight.flatten(1)  # 16 filters of 16 x 3 x 3
    torch.testing.assert_close(convolution @ convolution.T, torch.eye(16), atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["mra_net", *PEERS])
def test_every_network_reads_every_size_and_scripts(name, size):
    torch.manual_seed(0)
    trunk = mra_net_trunk(MraNetConfig()) if name == "mra_net" else PEERS[name](size)
    network = Recognizer(trunk, size, HEADS, RANGE).eval()
    maps = some_maps(size)
    logits = network(maps)
    assert {head: values.shape for head, values in logits.items()} == {head: (3, n) for head, n in HEADS.items()}
    scripted = torch.jit.script(network)(maps)
    for head, values in logits.items():
        torch.testing.assert_close(scripted[head], values, atol=1e-5, rtol=0)


def test_what_is_below_the_floor_counts_as_nothing():
    network = Recognizer(mra_net_trunk(MraNetConfig()), (50, 75), HEADS, RANGE).eval()
    maps = some_maps((50, 75))
    lower = torch.where(maps < -50.0, maps - 100.0, maps)
    torch.testing.assert_close(network(lower)["activity"], network(maps)["activity"])
    assert network.scaled(maps).min() == 0.0


@pytest.mark.parametrize("size", SIZES[1:])
def test_an_autoencoder_learns_to_be_undone(size):
    torch.manual_seed(0)
    trunk = Autoencoder(size)
    maps = torch.rand(4, 1, *size).round()
    maps[:, :, : size[0] // 2] = 0.0
    optimizer = torch.optim.Adam(trunk.parameters(), 3e-3)
    losses = []
    for _ in range(40):
        loss = trunk.reconstruction_loss(maps)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    # better than the best picture that is the same everywhere
    assert losses[-1] < float(maps.var()) < losses[0]


@pytest.mark.parametrize(
    ("settings", "said"), [({"widths": ()}, "widths are"), ({"depth": 0}, "depth is 0"), ({"scales": "huge"}, "'huge'")]
)
def test_impossible_shapes_are_refused(settings, said):
    with pytest.raises(ConfigurationError, match=said):
        MraNetConfig(**settings)


def test_embeddings_of_different_maps_differ():
    network = Recognizer(mra_net_trunk(MraNetConfig()), (50, 75), HEADS, RANGE).eval()
    embedded = network.embed(some_maps((50, 75))).detach().numpy()
    assert np.linalg.norm(embedded[0] - embedded[1]) > 0.1
