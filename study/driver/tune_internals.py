"""Names of Ray Tune that Ray does not promise to keep; see `ray_internals`."""

import contextlib
from collections.abc import Iterator

from ray.tune.execution import class_cache


@contextlib.contextmanager
def told_to_workers(*, local: bool) -> Iterator[None]:
    """Limit the environment variables that Tune gives its workers, while a `with` block runs.

    On a cluster these are Tune's own, without the driver's AWS keys: Ray writes the variables to
    its logs, and machines of a cluster have instance profiles. In a local Ray there are none: its
    workers inherit the driver's environment. Ray has workers without variables of their own ready
    since its start; for others it would start another process each.

    Args:
        local: whether the Ray is the study's own.
    """
    names, defaults = class_cache.ENV_VARS_TO_PROPAGATE, class_cache.DEFAULT_ENV_VARS
    left_out = {name for name in names if local or name.startswith("AWS_")}
    before = dict(defaults)
    names.difference_update(left_out)
    if local:
        defaults.clear()
    try:
        yield
    finally:
        names.update(left_out)
        defaults.update(before)
