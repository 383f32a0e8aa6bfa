"""The CUDA sources under NVIDIA's own compiler, which needs no GPU: registers, stack, cache."""

import functools
import itertools

import pytest
from cubins import kernels, step_instructions
from cuda_problems import H100, MAJOR, MINOR, ROOM
from emulated import stub_driver

from study.errors import StudyError
from study.kernel import nvrtc
from study.kernel.cuda_relu import NetCut
from study.kernel.gpu import Gpu
from study.nets.losses import LOSSES

if nvrtc.nvrtc_library() is None:
    pytest.skip("no NVRTC: pip install nvidia-cuda-nvrtc", allow_module_level=True)

# Shared memory that a block may have, by architecture (CUDA's programming guide, "Technical
# specifications per compute capability").
ROOMS = {80: 163, 86: 99, 89: 99, 90: 227, 100: 227}  # KB
SHAPES = {"A": (40, 1000), "B": (30, 100), "C": (40, 4000)}
CUTS = ((100, 100), (4096, 32))  # widths and batches: one block and many rows, clusters and few
INPUTS = (10, 20, 40, 60, 70, 127, 128, 200)  # from one tile of columns to thirteen
MOST_REGISTERS = 255  # of a thread; beyond that they spill


def gpu_of_arch(arch):
    driver = stub_driver({**H100, MAJOR: arch // 10, MINOR: arch % 10, ROOM: ROOMS[arch] * 1024})
    return Gpu(driver)


@functools.cache
def compiled(arch, bits, width, batch=32, loss=0):
    cut = NetCut.of(gpu_of_arch(arch), bits, width, batch, loss)
    kernel = cut.kernel("relu_epoch")
    return cut, kernels(nvrtc.cubin(kernel.source, kernel.defines, arch))


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "grokking-study"


@pytest.mark.parametrize("shape", SHAPES)
def test_the_shapes_of_the_bench_compile_for_an_h100_without_spills(shape):
    cut, found = compiled(90, *SHAPES[shape])
    assert cut.shared
    for kernel in found.values():
        assert kernel.registers <= MOST_REGISTERS
        assert kernel.stack_bytes == 0


# Rows of an epoch; us that an H100 should take at most for an epoch of one network; and us that its
# FP32 multiply-adds take at their peak.
BARS = {"A": (1000, 3, 2.45), "B": (200, 0.15, 0.037), "C": (4000, 40, 39)}
CLOCK, ISSUED, MULTIPROCESSORS = 1755, 4, 132  # MHz; instructions a clock and multiprocessor


@pytest.mark.parametrize("shape", SHAPES)
def test_the_instructions_of_a_step_allow_the_speed_that_an_h100_should_reach(shape):
    rows, bar, at_peak = BARS[shape]
    cut, found = compiled(90, *SHAPES[shape])
    tile, rest = step_instructions(found["relu_epoch"].code)
    instructions = cut.tiles * tile + cut.warps * cut.cluster * rest
    steps = -(-rows // 32) + 1  # the last only learns
    best = steps * instructions / ISSUED / CLOCK / MULTIPROCESSORS
    print(
        f"{shape}: {tile} instructions a tile, {rest} a step and warp, at best {best:.3g} us an "
        f"epoch of one network, {at_peak / best:.0%} of the FP32 peak"
    )
    assert best < bar


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("arch", ROOMS)
def test_every_variant_compiles_without_spills(arch):
    for bits, (width, batch), loss in itertools.product(INPUTS, CUTS, range(len(LOSSES))):
        _, found = compiled(arch, bits, width, batch, loss)
        for name, kernel in found.items():
            assert kernel.stack_bytes == 0, (name, bits, width, batch, loss)
            assert kernel.registers <= MOST_REGISTERS


def test_compiled_code_is_kept_by_source_options_and_architecture(own_cache, monkeypatch):
    codes = [nvrtc.cubin("streams.cu", defines, arch) for defines, arch in [((), 80), ((), 90)]]
    assert codes[0] != codes[1]
    kept = sorted(own_cache.iterdir())
    assert len(kept) == 2
    assert {path.read_bytes() for path in kept} == set(codes)
    monkeypatch.setattr(nvrtc, "_compiled", lambda *_: pytest.fail("compiled again"))
    assert nvrtc.cubin("streams.cu", (), 80) == codes[0]


def test_a_cache_that_cannot_be_written_does_not_matter(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert nvrtc.cubin("streams.cu", (), 80)[:4] == b"\x7fELF"


def test_what_does_not_compile_is_a_sentence():
    with pytest.raises(StudyError, match=r"NVRTC: relu_step\.cu: .*error.*KT"):
        nvrtc.cubin("relu_step.cu", (), 80)


def test_without_a_compiler_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(nvrtc, "nvrtc_library", lambda: None)
    with pytest.raises(StudyError, match="pip install nvidia-cuda-nvrtc"):
        nvrtc.cubin("streams.cu", (), 80)
