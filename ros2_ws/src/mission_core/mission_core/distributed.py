"""Training in several processes, one per GPU.

`torchrun` starts them and tells each, in its environment, which one it is. Everything here also holds for a process
that is alone, so that what is trained need not ask.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn

from mission_core.errors import ModelError

WAIT = timedelta(days=1)
"""For the others: longer than the first one takes to simulate people, or to validate. torchrun ends the rest when one
dies, so nobody waits for the dead."""


@contextmanager
def processes() -> Iterator[None]:
    """Joins the processes that torchrun started, until the end; does nothing where it started none."""
    if not dist.is_torchelastic_launched():
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=WAIT)
    if rank() > 0:
        logging.disable(logging.INFO)  # the first tells what all of them do
    try:
        yield
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """Which process this is: 0 is the first, which alone validates, writes and tells."""
    return dist.get_rank() if dist.is_initialized() else 0


def size() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


@contextmanager
def first() -> Iterator[None]:
    """The first process goes through alone, the others after it: they find what it has made."""
    if rank() > 0:
        from_first(0)
    try:
        yield
    finally:
        if rank() == 0:
            from_first(0)


def from_first(value: int) -> int:
    """The first process's value, once it is there."""
    if size() == 1:
        return value
    told = torch.tensor(value)
    with _together():
        dist.broadcast(told, 0)
    return int(told)


def share(module: nn.Module) -> None:
    """Gives every process the parameters and buffers of the first."""
    if size() > 1:
        with _together(), torch.no_grad():
            for tensor in (*module.parameters(), *module.buffers()):
                dist.broadcast(tensor, 0)


def average(parameters: Sequence[nn.Parameter], stop: bool = False) -> bool:
    """Averages gradients over the processes; returns whether any of them is asked to stop.

    One sum of one flat tensor, after backward: a loss need not be what some module's forward() returns, as
    DistributedDataParallel has it. A parameter that no process has a gradient of keeps none.
    """
    if size() == 1:
        return stop
    gradients = [p.new_zeros(p.shape) if p.grad is None else p.grad for p in parameters]
    flags = gradients[0].new_tensor([*(p.grad is not None for p in parameters), stop])
    flat = torch.cat([*(gradient.flatten() for gradient in gradients), flags])
    with _together():
        dist.all_reduce(flat)
    *means, flags = (flat / size()).split([*(p.numel() for p in parameters), len(flags)])
    *learnt, stopping = flags.tolist()
    for parameter, mean, there in zip(parameters, means, learnt, strict=True):
        parameter.grad = mean.view_as(parameter) if there else None
    return bool(stopping)


@contextmanager
def _together() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise ModelError(
            f"another process of this training ended ({str(error).splitlines()[0]}): see what it says, "
            "then give the same command again to go on from the last checkpoint"
        ) from error
