"""The compiled kernel and its versions here; modules that import this skip without a compiler."""

import shutil

import pytest

from study.kernel.relu_kernel import ReluKernel

KERNEL = ReluKernel.load()
if KERNEL is None:
    assert shutil.which("cc") is None, "there is a compiler, but the kernel was not built"
    pytest.skip("no C compiler", allow_module_level=True)
VERSIONS = list(KERNEL.versions)
