"""Builds a Hugging Face tokenizer whose ids equal SentencePiece's (and so llama.cpp's) from a SentencePiece BPE model.

The conversion that ships with transformers is not exact: its pre-tokenizer places the leading space differently and its
merges come in another order, so that a model would be served with other ids than it was trained on.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from belle_core.errors import BelleError
from belle_core.smallfiles import readable

if TYPE_CHECKING:
    from sentencepiece.sentencepiece_model_pb2 import ModelProto  # type: ignore[attr-defined]
    from tokenizers import Tokenizer
    from tokenizers.decoders import Decoder
    from tokenizers.normalizers import Normalizer
    from transformers import PreTrainedTokenizerFast

SPACE = "▁"  # U+2581 stands for a space inside pieces
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)  # SentencePiece's piece types


def tokenizer_from_sentencepiece(path: str | Path, *, add_bos: bool = True) -> PreTrainedTokenizerFast:
    """The exact tokenizer of a SentencePiece BPE ``tokenizer.model``.

    Ids, decoded text and special tokens are SentencePiece's own, with three limits: two pieces with one score are a tie
    that SentencePiece breaks by position and this tokenizer by id, so a vocabulary should have distinct scores; after a
    user-defined piece the dummy prefix comes again, as in llama.cpp; NFKC models differ at rare combining characters.

    ``add_bos`` is what other tools do when they encode a text; our encoder adds the token itself. The pad token is the
    model's pad piece, else its unknown piece, so that no row is ever added for it.

    Raises:
        BelleError: the file is missing, damaged or not a BPE model of the usual kind.
    """
    from transformers import PreTrainedTokenizerFast

    proto = read_proto(path)
    special = _special_pieces(proto)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=exact_backend(proto, path),
        add_bos_token=add_bos and "bos_token" in special,
        add_eos_token=False,
        clean_up_tokenization_spaces=False,
        **special,
    )


def read_proto(path: str | Path) -> ModelProto:
    """The parsed model file.

    Raises:
        BelleError: the file is missing or no SentencePiece model.
    """
    from google.protobuf.message import DecodeError
    from sentencepiece.sentencepiece_model_pb2 import ModelProto  # type: ignore[attr-defined]

    proto = ModelProto()
    try:
        with readable(Path(path)):
            proto.ParseFromString(Path(path).read_bytes())
    except DecodeError as error:
        raise _not_sentencepiece(path) from error
    if not proto.pieces:
        raise _not_sentencepiece(path)
    return proto


def exact_backend(proto: ModelProto, path: str | Path) -> Tokenizer:
    """The `tokenizers` BPE over the model's pieces; special and user-defined pieces are added tokens."""
    from tokenizers import AddedToken, Tokenizer, models

    _check_supported(proto, path)
    ids = {piece.piece: index for index, piece in enumerate(proto.pieces)}
    if len(ids) != len(proto.pieces):
        raise BelleError(f"{path} holds a piece twice", f"{path} 中有重复的词片")
    unknown = next((piece.piece for piece in proto.pieces if piece.type == UNKNOWN), None)
    has_bytes = any(piece.type == BYTE for piece in proto.pieces)
    bpe = models.BPE(vocab=ids, merges=_merges(proto, ids), unk_token=unknown, fuse_unk=True, byte_fallback=has_bytes)
    tokenizer = Tokenizer(bpe)
    tokenizer.normalizer, tokenizer.decoder = _normalizer(proto), _decoder(proto)
    added = [piece for piece in proto.pieces if piece.type in (UNKNOWN, CONTROL, USER_DEFINED)]
    tokenizer.add_tokens(
        [
            AddedToken(piece.piece, special=piece.type != USER_DEFINED, normalized=SPACE in piece.piece)
            for piece in added
        ]
    )
    return tokenizer


def _merges(proto: ModelProto, ids: dict[str, int]) -> list[tuple[str, str]]:
    """Every pair of pieces that joins to a piece: best score first, then lowest id, then longest left part."""
    normal = {piece.piece for piece in proto.pieces if piece.type == NORMAL}
    merges = []
    for piece in proto.pieces:
        if piece.type != NORMAL:
            continue
        text = piece.piece
        cuts = [cut for cut in range(1, len(text)) if text[:cut] in normal and text[cut:] in normal]
        merges += [(-piece.score, ids[text], -cut, text[:cut], text[cut:]) for cut in cuts]
    return [(left, right) for *_, left, right in sorted(merges)]


def _normalizer(proto: ModelProto) -> Normalizer:
    """Character map, white space and dummy prefix, in SentencePiece's order."""
    from tokenizers import Regex, normalizers

    spec = proto.normalizer_spec
    steps: list[Normalizer] = []
    if spec.precompiled_charsmap:
        steps.append(normalizers.Precompiled(spec.precompiled_charsmap))
    if spec.remove_extra_whitespaces:
        steps += [
            normalizers.Replace(Regex(r"\A +| +\z"), ""),
            normalizers.Replace(Regex(" +"), " "),
        ]
    if spec.add_dummy_prefix:
        steps.append(normalizers.Prepend(SPACE))
    return normalizers.Sequence([*steps, normalizers.Replace(" ", SPACE)])


def _decoder(proto: ModelProto) -> Decoder:
    """Pieces to text; the leading space goes only where SentencePiece put one."""
    from tokenizers import decoders

    steps: list[Decoder] = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    if proto.normalizer_spec.add_dummy_prefix:
        steps.append(decoders.Strip(" ", 1, 0))
    return decoders.Sequence(steps)


def _special_pieces(proto: ModelProto) -> dict[str, str]:
    """Hugging Face's names of the special tokens that the model has."""
    spec = proto.trainer_spec
    ids = {"unk_token": spec.unk_id, "bos_token": spec.bos_id, "eos_token": spec.eos_id, "pad_token": spec.pad_id}
    pieces = {name: proto.pieces[index] for name, index in ids.items() if 0 <= index < len(proto.pieces)}
    special = {name: piece.piece for name, piece in pieces.items() if piece.type in (UNKNOWN, CONTROL)}
    pad = special.get("unk_token") or special.get("eos_token")
    return {"pad_token": pad} | special if pad else special


def _check_supported(proto: ModelProto, path: str | Path) -> None:
    """Refuses what `tokenizers` cannot reproduce exactly."""
    spec = proto.trainer_spec
    spaced = any(piece.type == USER_DEFINED and SPACE in piece.piece for piece in proto.pieces)
    reasons = {
        "a unigram, word or character model": spec.model_type != spec.BPE,
        "white space as a suffix": spec.treat_whitespace_as_suffix,
        "unescaped white space": not proto.normalizer_spec.escape_whitespaces,
        "a dummy prefix and user-defined pieces with spaces": spaced and proto.normalizer_spec.add_dummy_prefix,
        "unused pieces": any(piece.type == UNUSED for piece in proto.pieces),
    }
    for reason, found in reasons.items():
        if found:
            english = (
                f"{path} is a SentencePiece model with {reason}; only BPE models of LLaMA's kind are encoded exactly"
            )
            raise BelleError(
                english, f"{path} 是不受支持的 SentencePiece 模型（{reason}）；只有 LLaMA 那样的 BPE 模型能精确编码"
            )


def _not_sentencepiece(path: str | Path) -> BelleError:
    return BelleError(f"{path} is not a SentencePiece model", f"{path} 不是 SentencePiece 模型")
