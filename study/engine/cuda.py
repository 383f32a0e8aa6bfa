"""The fused kernel on a GPU as an engine: relu_step.cu, one launch an epoch and one a reading.

A block trains one network, so a member's numbers cannot depend on its neighbors. `dump` and
`restore` speak the layout of `ReluEngine`, so that each engine can continue what another left.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from study import streams
from study.engine.cuda_layout import CudaRows, CudaState
from study.engine.protocol import (
    NO_MEMBERS,
    OPEN_FIRST,
    Arrays,
    ArraySpecs,
    Glance,
    Indices,
    Reading,
)
from study.errors import StudyError
from study.kernel.cuda_relu import READING_NUMBERS, CudaPack, NetCut
from study.kernel.gpu import Gpu, LaunchSize
from study.kernel.torch_gpu import gpu_of, launch_on
from study.measures.relu_pack import measure_relu_nets
from study.nets import relu
from study.nets.losses import LOSSES
from study.nets.relu import ReluNets
from study.streams import Purpose
from study.tasks.packed_parity import PackedParity
from study.tasks.rows import rows_at
from study.trials.trial import Trial

if TYPE_CHECKING:
    import ctypes

# Trials whose rows and weights are drawn at a time, because drawing takes several times the memory
# of what is drawn.
_DRAWN_AT_ONCE = 128
_ALL_ROWS = 2**31 - 1  # wrong rows that are never reached


class CudaEngine:
    """The fused kernel on a GPU: plain SGD in float32."""

    ARRAYS: ClassVar[ArraySpecs] = {
        "epoch": NO_MEMBERS,
        **dict.fromkeys(ReluNets._fields, OPEN_FIRST),
    }

    def __init__(self, device: str = "cuda", gpu: Gpu | None = None) -> None:
        """An engine on a GPU.

        Args:
            device: of torch's tensors.
            gpu: that launches; None is the GPU of the device.
        Raises: StudyError where the device is no GPU, or nothing compiles kernels for it.
        """
        self.device = device
        self._device = torch.device(device)
        found = gpu or gpu_of(self._device)
        if found is None:
            raise StudyError(
                f"device {device}: no GPU with NVRTC beside torch, which compiles the kernel. "
                "Use a CUDA build of torch, or the torch kernel."
            )
        self._gpu = found
        self.kernel = f"cuda-sm{found.arch}"

    def cut_of(self, trial: Trial) -> NetCut | None:
        """How a trial's network is trained on this GPU; None where it has no room."""
        point, loss = trial.point, trial.setting.train.loss
        index, width = list(LOSSES).index(loss), point.whole("width")
        return NetCut.of(self._gpu, point.bits, width, trial.batch_rows, index)

    def allocate(self, trials: Sequence[Trial]) -> CudaState:
        """Draw rows and weights on the GPU, some trials at a time."""
        members = tuple(trials)
        cut = self.cut_of(members[0])
        if cut is None:
            raise MemoryError(f"width {members[0].point.width}: no room for it in the kernel")
        parts = [members[i : i + _DRAWN_AT_ONCE] for i in range(0, len(members), _DRAWN_AT_ONCE)]
        drawn = [PackedParity(part, self._device) for part in parts]
        nets = [relu.initial_nets(part, self._device, torch.float32) for part in parts]
        weights, outgoing = zip(*(cut.fragments(*part) for part in nets), strict=True)
        online = members[0].point.train_size is None
        return CudaState(
            trials=members,
            cut=cut,
            data=PackedParity(members, self._device) if online else None,
            train=CudaRows.joined([CudaRows.of(part.train, cut) for part in drawn]),
            test=CudaRows.joined([CudaRows.of(part.test, cut) for part in drawn]),
            weights=torch.cat(weights),
            outgoing=torch.cat(outgoing),
            keys=torch.tensor([t.stream_key for t in members], device=self._device),
            learning_rate=self._column(members, "learning_rate"),
            weight_decay=self._column(members, "weight_decay"),
            learned=torch.zeros(len(members), dtype=torch.int32, device=self._device),
        )

    def step(self, state: CudaState) -> CudaState:
        """Draw the order of the rows, and let one launch update copies of the weights."""
        after = replace(
            state,
            weights=state.weights.clone(),
            outgoing=state.outgoing.clone(),
            learned=torch.empty_like(state.learned),
        )
        members, train, cut = len(state.trials), self._train(state), state.cut
        count = train.labels.shape[1]
        order = None
        if state.data is None:
            keys = streams.fold(state.keys, Purpose.ORDER, state.epoch)
            order = streams.orders(keys, count)
        scratch = dict(cut.scratch(members, count, self._device))
        self._launch(
            "relu_epoch", cut.epoch_grid(members), after, train, order=order,
            learned=after.learned, **scratch,
        )  # fmt: skip
        return self._at(after, state.epoch + 1)

    def read(
        self, state: CudaState, names: Sequence[str] = (), indices: Indices | None = None
    ) -> Reading:
        """One launch, one copy; measures are taken on the CPU. Arguments as of `Engine.read`."""
        members = len(state.trials)
        chosen = np.arange(members) if indices is None else indices
        allowed = np.full((2, members), -1, dtype=np.int32)  # -1: the member is not read
        allowed[:, chosen] = _ALL_ROWS
        train = self._train(state)
        found = self._found(state, train, allowed)[chosen]
        rows = np.array([train.labels.shape[1], state.test.labels.shape[1]])
        wrong, losses = found[:, [0, 3]].astype(np.int64), found[:, [1, 4]] / rows
        return Reading(
            train_correct=rows[0] - wrong[:, 0],
            test_correct=rows[1] - wrong[:, 1],
            train_loss=losses[:, 0],
            test_loss=losses[:, 1],
            weight_norm=np.sqrt(found[:, 6]),
            active=found[:, 2] > 0,
            measured=self._measured(names, state, train, chosen),
        )

    def glance(
        self,
        state: CudaState,
        train_allowed: NDArray[np.int64],
        test_allowed: NDArray[np.int64],
    ) -> Glance:
        """One launch, one copy; the kernel stops as soon as more rows are wrong than allowed.

        Arguments as of `Engine.glance`.
        """
        allowed = np.stack((train_allowed, test_allowed)).astype(np.int32)
        found = self._found(state, self._train(state), allowed)
        wrong = found[:, [0, 3]].astype(np.int64)
        train_active, test_active = ((found[:, [2, 5]] > 0) | (allowed.T < 0)).T
        return Glance(wrong[:, 0], wrong[:, 1], np.sqrt(found[:, 6]), train_active & test_active)

    def leave(self, state: CudaState, keep: Sequence[int]) -> CudaState:
        """Copy what belongs to the members that stay. Arguments as of `Engine.leave`."""
        index = torch.tensor(list(keep), device=self._device)
        return replace(
            state,
            trials=tuple(state.trials[member] for member in keep),
            data=state.data and state.data.take(index),
            train=state.train.take(index),
            test=state.test.take(index),
            weights=state.weights[index],
            outgoing=state.outgoing[index],
            keys=state.keys[index],
            learning_rate=state.learning_rate[index],
            weight_decay=state.weight_decay[index],
            learned=state.learned[index],
        )

    def dump(self, state: CudaState) -> Arrays:
        """The weights under the names and in the layout of `ReluEngine.dump`."""
        arrays = {name: weight.cpu().numpy() for name, weight in state.nets._asdict().items()}
        return {"epoch": np.array(state.epoch), **arrays}

    def restore(self, trials: Sequence[Trial], arrays: Arrays) -> CudaState:
        """Draw the data again, and lay the dumped weights out for the kernel.

        Arguments as of `Engine.restore`.
        """
        fresh = self.allocate(trials)
        loaded = (torch.from_numpy(np.array(arrays[name])) for name in ReluNets._fields)
        weights, outgoing = fresh.cut.fragments(*(weight.to(self._device) for weight in loaded))
        state = replace(fresh, weights=weights, outgoing=outgoing)
        return self._at(state, int(arrays["epoch"]))

    @staticmethod
    def _at(state: CudaState, epoch: int) -> CudaState:
        """A state as of a later epoch, with the training rows that are left there."""
        train = rows_at(state.train, state.trials[0], state.epoch, epoch)
        return replace(state, train=train, epoch=epoch)

    @staticmethod
    def _train(state: CudaState) -> CudaRows:
        """The training rows of the state's epoch."""
        if state.data is None:
            return state.train
        return CudaRows.of(state.data.fresh(state.epoch), state.cut)

    def _found(
        self, state: CudaState, train: CudaRows, allowed: NDArray[np.int32]
    ) -> NDArray[np.float64]:
        """What a reading finds, [T, READING_NUMBERS]: see `struct pack` of relu_step.cu.

        Args:
            state: of T members.
            train: its training rows.
            allowed: wrong rows after which a part is read no further, [2, T]; -1: it is not read.
        """
        members = len(state.trials)
        limits = torch.from_numpy(allowed).to(self._device)
        found = torch.empty((members, READING_NUMBERS), dtype=torch.float64, device=self._device)
        grid = state.cut.reading_grid(members)
        self._launch("relu_read", grid, state, train, allowed=limits, found=found)
        return found.cpu().numpy()

    def _measured(
        self, names: Sequence[str], state: CudaState, train: CudaRows, chosen: Indices
    ) -> dict[str, NDArray[np.float64]]:
        """Measures of some members, on the CPU: each takes many small operations.

        Args:
            names: of the measures.
            state: of T members.
            train: its training rows.
            chosen: the members to measure, [m].
        """
        if not names:
            return {}
        some, index = self.leave(state, chosen.tolist()), torch.from_numpy(chosen)
        nets = ReluNets(*(weight.cpu() for weight in some.nets))
        bits, taken = state.cut.bits, train.take(index.to(self._device))
        rows = (part.on_cpu(bits, torch.float32) for part in (taken, some.test))
        return measure_relu_nets(names, some.trials, nets, *rows)

    def _launch(
        self,
        name: str,
        grid: LaunchSize,
        state: CudaState,
        train: CudaRows,
        **arrays: Tensor | None,
    ) -> None:
        """Hand a pack to a kernel.

        Args:
            name: of the kernel.
            grid: of the launch.
            state: the members; an epoch updates its weights in place.
            train: the training rows.
            arrays: more fields of the pack.
        """
        cut = state.cut
        tensors = {
            "train_words": train.words, "train_labels": train.labels,
            "test_words": state.test.words, "test_labels": state.test.labels,
            "weights": state.weights, "outgoing": state.outgoing,
            "rate": state.learning_rate, "decay": state.weight_decay, **arrays,
        }  # fmt: skip
        pack = CudaPack(
            train_rows=train.labels.shape[1],
            test_rows=state.test.labels.shape[1],
            bits=cut.bits,
            batch=cut.batch,
            tiles=cut.tiles,
            members=len(state.trials),
            **{field: tensor.data_ptr() for field, tensor in tensors.items() if tensor is not None},
        )
        arguments: list[ctypes.Structure] = [pack]
        launch_on(self._gpu, self._device, cut.kernel(name), grid, arguments)

    def _column(self, trials: Sequence[Trial], name: str) -> Tensor:
        """An axis of each trial, [T]."""
        values = [getattr(trial.point, name) for trial in trials]
        return torch.tensor(values, device=self._device, dtype=torch.float32)
