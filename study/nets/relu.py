"""The paper's network, f(x) = u . relu(W x + b), stacked over a pack, with gradients by hand.

The bias is the last column of `incoming`, because inputs carry a last column of ones. A sum over
neurons is an element-wise product and a sum. A product with a vector would change its last bits
with the number of trials in the pack.

Source: arXiv 2303.11873, section 2. Initial weights are those of the authors' code, PyTorch's
default for `nn.Linear`.
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
    """Weights of T networks.

    Attributes:
        incoming: W with b as its last column, [T, p, n + 1].
        outgoing: u, [T, p].
    """

    incoming: Tensor
    outgoing: Tensor


def initial_nets(trials: Sequence[Trial], device: torch.device, dtype: torch.dtype) -> ReluNets:
    """The initial weights of a pack: uniform in +-1/sqrt(fan_in), biases too, times init_scale.

    Args:
        trials: T trials of one shape, which give the streams and the scales.
        device: where the weights are to lie.
        dtype: their type.
    """
    width, bits = trials[0].point.whole("width"), trials[0].point.bits
    keys = torch.tensor([trial.stream_key for trial in trials], dtype=torch.int64, device=device)
    scale = torch.tensor([trial.point.init_scale for trial in trials], device=device, dtype=dtype)
    drawn = streams.uniforms(streams.fold(keys, Purpose.WEIGHTS), width * (bits + 2)).to(dtype)
    signed = (2 * drawn - 1) * scale[:, None]
    incoming = signed[:, : width * (bits + 1)].reshape(-1, width, bits + 1)
    return ReluNets(incoming * bits**-0.5, signed[:, width * (bits + 1) :] * width**-0.5)


def hidden(nets: ReluNets, inputs: Tensor) -> Tensor:
    """Activations of the hidden neurons: inputs [T, N, n + 1] to [T, N, p]."""
    return torch.bmm(inputs, nets.incoming.mT).relu_()


def scores(nets: ReluNets, activations: Tensor) -> Tensor:
    """f(x): activations [T, N, p] to [T, N]."""
    return (activations * nets.outgoing[:, None, :]).sum(-1)


def gradients(nets: ReluNets, inputs: Tensor, labels: Tensor, loss: Loss) -> ReluNets:
    """Gradients of the mean loss of a batch, shaped like the weights.

    A neuron at exactly zero passes no gradient, as in PyTorch's ReLU.

    Args:
        nets: the weights.
        inputs: of the batch, [T, B, n + 1].
        labels: of the batch, [T, B].
        loss: a row of `study.nets.losses.LOSSES`.
    """
    active = hidden(nets, inputs)
    slope = loss.slope(scores(nets, active) * labels) * labels / labels.shape[1]  # d loss / d f
    into = (slope[:, :, None] * nets.outgoing[:, None, :]) * (active > 0)
    return ReluNets(torch.bmm(into.mT, inputs), (slope[:, :, None] * active).sum(1))
