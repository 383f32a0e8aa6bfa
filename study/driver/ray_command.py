"""How to call Ray's command line from this interpreter, wherever its scripts are installed.

The name of the module is Ray's own business, as are the names in `ray_internals`. It stands apart
from them because `spot` runs on each worker and must not load Ray.
"""

import sys

RAY_COMMAND = (sys.executable, "-m", "ray.scripts.scripts")
