"""Turns llama2.c's ``tokenizer.bin`` back into the SentencePiece model it was made from."""

from __future__ import annotations

import re
import struct
from pathlib import Path

from belle_core.errors import BelleError
from belle_core.smallfiles import readable
from belle_core.tokenization.exact import BYTE, CONTROL, NORMAL, SPACE, UNKNOWN

SPECIAL = {1: "<s>", 2: "</s>"}  # the file decorates them with line breaks for printing


def read_vocabulary(path: Path) -> list[tuple[str, float]]:
    """Texts and scores of the tokens in order of their ids.

    Raises:
        BelleError: the file is missing, truncated, or no text.
    """
    with readable(path):
        data = path.read_bytes()
    tokens, position = [], 4  # after the length of the longest token
    try:
        while position < len(data):
            score, size = struct.unpack_from("<fi", data, position)
            text = data[position + 8 : position + 8 + size]
            position += 8 + size
            if size < 0 or position > len(data):
                raise struct.error
            tokens.append((text.decode("utf-8"), score))
    except (struct.error, UnicodeDecodeError) as error:
        english = f"{path} is damaged or not llama2.c's tokenizer: token {len(tokens)} cannot be read"
        raise BelleError(english, f"{path} 已损坏或不是 llama2.c 的分词器：第 {len(tokens)} 个词元无法读取") from error
    return tokens


def sentencepiece_model(tokens: list[tuple[str, float]]) -> bytes:
    """The ``tokenizer.model`` of these tokens: ids 0, 1, 2 are unknown, begin, end; a text gets a space before it."""
    from sentencepiece.sentencepiece_model_pb2 import ModelProto

    proto = ModelProto()
    spec = proto.trainer_spec
    spec.model_type, spec.vocab_size, spec.byte_fallback = spec.BPE, len(tokens), True
    spec.unk_id, spec.bos_id, spec.eos_id, spec.pad_id = 0, 1, 2, -1
    proto.normalizer_spec.name = "identity"
    proto.normalizer_spec.add_dummy_prefix, proto.normalizer_spec.remove_extra_whitespaces = True, False
    for index, (text, score) in enumerate(tokens):
        kind = UNKNOWN if index == 0 else CONTROL if index in SPECIAL else _kind(text)
        piece = SPECIAL.get(index, text.replace(" ", SPACE))
        proto.pieces.add(piece=piece, score=score, type=kind)
    return proto.SerializeToString()


def _kind(text: str) -> int:
    return BYTE if re.fullmatch("<0x[0-9A-F]{2}>", text) else NORMAL
