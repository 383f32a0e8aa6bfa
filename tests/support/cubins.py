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
