"""What pyproject.toml cannot say: the C library, compiled where there is a C compiler.

`optional` makes a failed compilation a warning; the program then trains with the torch kernel. The
library has no Python in it (study/kernel/library.py opens it with ctypes), so one build serves
every interpreter and needs no Python headers. No -march=native: relu_step.c chooses its instruction
set at run time.
"""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "study.kernel._relu_step",
            sources=["study/kernel/relu_step.c", "study/kernel/streams.c"],
            depends=[
                "study/kernel/relu_count.h",
                "study/kernel/relu_read.h",
                "study/kernel/relu_step.h",
                "study/kernel/streams.h",
                "study/kernel/tickets.h",
            ],
            extra_compile_args=["-O3", "-std=gnu11"],
            libraries=["m"],
            optional=True,
        )
    ]
)
