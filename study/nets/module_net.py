"""What a net is in code where the engine of modules trains it."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from study.trials.trial import Trial
from study.vocabulary.nets import NETS
from study.vocabulary.registration import load_class, not_derived


class ModuleNet(nn.Module, ABC):
    """A net as a module: `study.vocabulary.nets.Net.code` names a class derived from this one.

    `forward` takes inputs [..., N, M] of a task and gives outputs [..., N], a score whose sign is
    the label, or [..., N, C], a score for each class. The module has no dropout and no buffer that
    changes. `build` and `forward` have to be written; the other methods have a default, which says
    that the net has nothing of the kind.
    """

    @classmethod
    @abstractmethod
    def build(cls, trial: Trial) -> "ModuleNet":
        """The net of a trial with initial weights from torch's generator, before `init_scale`."""

    def neurons(self) -> list[nn.Linear]:
        """The layers whose outputs a ReLU cuts at zero: the rows of their weights are the neurons.

        Empty, the default: measures of neurons have no value.
        """
        return []

    def embedding(self) -> Tensor | None:
        """What stands for each number that the net is given: [p, d].

        None, the default: the measure `fourier_share` has no value.
        """
        return None


def class_of_net(name: str) -> type[ModuleNet]:
    """The class of a net of the table `NETS` whose engine is "module"."""
    address = NETS[name].code
    code = load_class(address)
    if not issubclass(code, ModuleNet):
        raise not_derived(address, ModuleNet)
    return code
