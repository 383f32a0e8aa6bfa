"""The only Ray of the project: Tune runs packs, one Tune trial each."""

from study.driver.stopper import GrokkingStopper

__all__ = ["GrokkingStopper"]
