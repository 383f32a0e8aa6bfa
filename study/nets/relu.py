"""The paper's network, f(x) = u . relu(W x + b), stacked over a pack, with its gradients by hand.

The bias is the last column of `incoming`, because inputs carry a last column of ones. Sums over
neurons are element-wise products and sums, not products with a vector: those change their last
bits with the number of trials in the pack.

Source: arXiv 2303.11873, section 2; initial weights as the authors' code leaves them, PyTorch's
`nn.Linear` default.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from study import streams
from study.nets.losses import Loss
from study.streams import Purpose
from study.trials.trial import Trial


class ReluNets(NamedTuple):
    """Weights of T networks: `incoming` [T, p, n + 1] is W with b, `outgoing` [T, p] is u."""

    incoming: Tensor
    outgoing: Tensor


def initial_nets(trials: Sequence[Trial], device: torch.device, dtype: torch.dtype) -> ReluNets:
    """Uniform in +-1/sqrt(fan_in), bias included, times each trial's init_scale."""
    width, bits = trials[0].point.width, trials[0].point.bits
    keys = torch.tensor([trial.stream_key for trial in trials], dtype=torch.int64, device=device)
    scale = torch.tensor([trial.point.init_scale for trial in trials], device=device, dtype=dtype)
    drawn = streams.uniforms(streams.fold(keys, Purpose.WEIGHTS), width * (bits + 2)).to(dtype)
    signed = (2 * drawn - 1) * scale[:, None]
    incoming = signed[:, : width * (bits + 1)].reshape(-1, width, bits + 1)
    return ReluNets(incoming * bits**-0.5, signed[:, width * (bits + 1) :] * width**-0.5)


def hidden(nets: ReluNets, inputs: Tensor) -> Tensor:
    """Activations of the hidden neurons on inputs [T, N, n + 1]: [T, N, p]."""
    return torch.bmm(inputs, nets.incoming.mT).relu_()


def scores(nets: ReluNets, activations: Tensor) -> Tensor:
    """f(x) from the activations [T, N, p]: [T, N]."""
    return (activations * nets.outgoing[:, None, :]).sum(-1)


def gradients(nets: ReluNets, inputs: Tensor, labels: Tensor, loss: Loss) -> ReluNets:
    """Gradients of the loss averaged over a batch: inputs [T, B, n + 1], labels [T, B].

    A neuron at exactly zero passes no gradient, as in PyTorch's ReLU.
    """
    active = hidden(nets, inputs)
    slope = loss.slope(scores(nets, active) * labels) * labels / labels.shape[1]  # d loss / d f
    into = (slope[:, :, None] * nets.outgoing[:, None, :]) * (active > 0)
    return ReluNets(torch.bmm(into.mT, inputs), (slope[:, :, None] * active).sum(1))
