"""What a cubin says of its kernels: registers, stack, instructions.

The file is ELF, with tables of NVIDIA's own.
"""

import struct
from typing import NamedTuple

_INFO = ".nv.info"
_FRAME, _REGISTERS = 0x11, 0x2F  # EIATTR_FRAME_SIZE, EIATTR_REGCOUNT
_WORDS = 0x04  # EIFMT_SVAL: a size and so many bytes


class Compiled(NamedTuple):
    """One kernel of a cubin."""

    registers: int
    stack_bytes: int  # above 0 where registers are spilled
    code: bytes  # 16 bytes an instruction


def kernels(cubin: bytes) -> dict[str, Compiled]:
    sections = list(_sections(cubin))
    symbols, names = (
        next(s for s in sections if s[0] == wanted)[1] for wanted in (".symtab", ".strtab")
    )
    info = next(body for name, body in sections if name == _INFO)
    frames, registers = _attributes(info, _FRAME), _attributes(info, _REGISTERS)
    found = {}
    for index, count in registers.items():
        (at,) = struct.unpack_from("<I", symbols, 24 * index)
        name = names[at : names.index(b"\0", at)].decode()
        code = next(body for section, body in sections if section == f".text.{name}")
        found[name] = Compiled(count, frames.get(index, 0), code)
    return found


def _sections(cubin: bytes):
    (table,) = struct.unpack_from("<Q", cubin, 0x28)
    size, count, strings = struct.unpack_from("<HHH", cubin, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", cubin, table + size * i) for i in range(count)]
    names = headers[strings][4]
    for name, kind, _, _, offset, length in headers:
        start = names + name
        body = b"" if kind == 8 else cubin[offset : offset + length]
        yield cubin[start : cubin.index(b"\0", start)].decode(), body


def _attributes(info: bytes, wanted: int) -> dict[int, int]:
    """A number of each kernel, by the index of its symbol."""
    values, at = {}, 0
    while at < len(info):
        form, attribute, size = struct.unpack_from("<BBH", info, at)
        at += 4
        if form == _WORDS:
            if attribute == wanted:
                symbol, value = struct.unpack_from("<II", info, at)
                values[symbol] = value
            at += size
    return values


_BRANCH, _PRODUCT = 0x947, 0x23C  # BRA, HMMA: the low 12 bits of an instruction
_INSTRUCTION = 16  # bytes


def step_instructions(code: bytes) -> tuple[int, int]:
    """Instructions of a warp for one tile, and for the rest of a step, of `relu_epoch`.

    The loop over tiles of a step that learns and looks is, of the loops that hold no other loop,
    the one with most products. The loop over steps is the shortest around it; what it has beside
    its loops over tiles is the rest, some of which a step skips.
    """
    words = struct.unpack(f"<{len(code) // 8}Q", code)
    opcodes = [word & 0xFFF for word in words[::2]]
    loops = [
        (target, at + 1)
        for at, opcode in enumerate(opcodes)
        if opcode == _BRANCH and (target := at + 1 + _offset(words[2 * at], words[2 * at + 1])) < at
    ]
    inner = [a for a in loops if not any(a != b and a[0] <= b[0] and b[1] <= a[1] for b in loops)]
    tiles = [(opcodes[a:b].count(_PRODUCT), a, b) for a, b in inner if _PRODUCT in opcodes[a:b]]
    _, start, stop = max(tiles)
    step = min((b - a, a, b) for a, b in loops if a < start and b > stop)
    within = sum(b - a for _, a, b in tiles if step[1] <= a and b <= step[2])
    return stop - start, step[0] - within


def _offset(low: int, high: int) -> int:
    """Instructions from the one after a branch to its target: bits 16 to 23, and 34 to 81."""
    upper = (high & 0x3FFFF) << 30 | low >> 34
    upper -= 1 << 48 if upper >> 47 else 0
    return 4 * (upper << 8 | low >> 16 & 0xFF) // _INSTRUCTION
