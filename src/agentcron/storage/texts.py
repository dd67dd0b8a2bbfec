"""How long texts are packed: compressed where that helps, with a checksum, within a cap."""

from __future__ import annotations

import hashlib
import zlib
from typing import Final, NamedTuple

from agentcron.errors import StoreError

MAX_TEXT_BYTES: Final = 4 << 20
_WORTH_PACKING: Final = 512


class Packed(NamedTuple):
    """A text as it is stored; ``size`` is its length in bytes before packing."""

    format: str
    size: int
    sha256: bytes
    body: bytes


def pack(text: str) -> Packed:
    """Pack a text; one longer than ``MAX_TEXT_BYTES`` is cut, and says so at its end."""
    plain = text.encode("utf-8", "replace")
    if len(plain) > MAX_TEXT_BYTES:
        mark = f"\n[cut by agentcron: {len(plain)} bytes, {MAX_TEXT_BYTES} kept]"
        plain = plain[: MAX_TEXT_BYTES - len(mark)].decode("utf-8", "ignore").encode() + mark.encode()
    digest = hashlib.sha256(plain).digest()
    if len(plain) >= _WORTH_PACKING:
        body = zlib.compress(plain, 6)
        if len(body) < len(plain):
            return Packed("zlib", len(plain), digest, body)
    # As the named tuple's own constructor does, which is one call more for each run.
    return tuple.__new__(Packed, ("plain", len(plain), digest, plain))


def unpack(form: str, digest: bytes, body: bytes, where: str) -> str:
    """The text again. Raises ``StoreError`` naming ``where`` for bytes that are not what was written."""
    try:
        plain = zlib.decompress(body) if form == "zlib" else bytes(body)
    except zlib.error as error:
        raise StoreError(f"{where}: the stored text is damaged ({error}); see 'agentcron doctor'") from error
    if hashlib.sha256(plain).digest() != digest:
        raise StoreError(f"{where}: the stored text is damaged (its checksum differs); see 'agentcron doctor'")
    return plain.decode("utf-8", "replace")
