"""Writes and reads a tokenizer as a standard Hugging Face directory, without a change of ids."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_core.errors import BelleError
from belle_core.tokenization.exact import tokenizer_from_sentencepiece

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

MODEL = "tokenizer.model"
JSON = "tokenizer.json"
CONFIG = "tokenizer_config.json"
SPECIAL = "special_tokens_map.json"
FAST = "PreTrainedTokenizerFast"  # the class that takes tokenizer.json as it is, in every version of transformers
HOW_IT_WAS_LOADED = (
    "is_local",
    "local_files_only",
)  # transformers writes these too; the same tokenizer has the same bytes
INEXACT = {"LlamaTokenizer", "LlamaTokenizerFast"}  # classes that encode otherwise than their own tokenizer.model


def save_tokenizer(
    tokenizer: PreTrainedTokenizerFast, directory: str | Path, sentencepiece: Path | None = None
) -> None:
    """Writes the files that Hugging Face libraries and llama.cpp's converter read.

    ``sentencepiece`` is the ``tokenizer.model`` that the tokenizer was made from; without it llama.cpp would encode
    otherwise. Unlike transformers 5 this keeps that file and states ``added_tokens_decoder`` and ``add_bos_token``.
    """
    directory = Path(directory)
    tokenizer.save_pretrained(str(directory))
    if sentencepiece is not None and Path(sentencepiece).resolve() != (directory / MODEL).resolve():
        shutil.copyfile(sentencepiece, directory / MODEL)
    config = {name: value for name, value in _read(directory / CONFIG).items() if name not in HOW_IT_WAS_LOADED}
    config["tokenizer_class"] = FAST
    config["added_tokens_decoder"] = {
        str(index): token.__getstate__() | {"content": token.content}
        for index, token in tokenizer.added_tokens_decoder.items()
    }
    adds_bos = tokenizer.bos_token_id is not None and tokenizer.bos_token_id in tokenizer("").input_ids
    if adds_bos or (directory / MODEL).exists():  # where it is missing llama.cpp guesses
        config["add_bos_token"] = adds_bos
    _write(directory / CONFIG, config)
    _write(directory / SPECIAL, {name: str(token) for name, token in tokenizer.special_tokens_map.items()})


def load_tokenizer(directory: str | Path) -> PreTrainedTokenizerFast:
    """The tokenizer of a directory, with the ids that its own files define.

    ``tokenizer.json`` is taken as it is; a directory with a SentencePiece model alone (LLaMA's), or with one beside a
    class that is known to encode otherwise, gets the exact tokenizer of that model.

    Raises:
        BelleError: there is no such directory or no tokenizer in it.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    directory = Path(directory)
    if not directory.is_dir():
        raise BelleError(f"no tokenizer directory at {directory}", f"找不到分词器目录 {directory}")
    config = _read(directory / CONFIG)
    if (directory / MODEL).is_file() and (config.get("tokenizer_class") in INEXACT or not (directory / JSON).is_file()):
        return _exact(directory, config)
    if (directory / JSON).is_file():
        return _padded(PreTrainedTokenizerFast.from_pretrained(str(directory), local_files_only=True))
    if not any((directory / name).is_file() for name in ("vocab.json", "vocab.txt")):
        raise BelleError(
            f"{directory} holds no tokenizer: expected {JSON} or {MODEL}",
            f"{directory} 中没有分词器：应有 {JSON} 或 {MODEL}",
        )
    return _padded(AutoTokenizer.from_pretrained(str(directory), local_files_only=True))  # type: ignore[arg-type]


def _padded(tokenizer: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    """With a pad token that needs no new row; padding is masked by length, never by id."""
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.unk_token or tokenizer.eos_token
    return tokenizer


def _exact(directory: Path, config: dict[str, Any]) -> PreTrainedTokenizerFast:
    """The SentencePiece model with the tokens, special tokens and template that the other files add to it."""
    tokenizer = tokenizer_from_sentencepiece(directory / MODEL, add_bos=config.get("add_bos_token") is not False)
    _add_tokens(tokenizer, directory, config)
    names = ("bos_token", "eos_token", "unk_token", "pad_token")
    stated = _read(directory / SPECIAL) | config
    given = {name: _content(stated[name]) for name in names if stated.get(name)}
    tokenizer.add_special_tokens({name: token for name, token in given.items() if token in tokenizer.get_vocab()})
    template, inline = directory / "chat_template.jinja", config.get("chat_template")
    tokenizer.chat_template = template.read_text(encoding="utf-8") if template.is_file() else inline
    return tokenizer


def _add_tokens(tokenizer: PreTrainedTokenizerFast, directory: Path, config: dict[str, Any]) -> None:
    """Adds what the model's pieces lack, under the ids that the files state."""
    from tokenizers import AddedToken

    size, pieces = len(tokenizer), tokenizer.get_vocab()
    added = {index: token for token, index in _added_tokens(directory, config).items() if token not in pieces}
    if sorted(added) != list(range(size, size + len(added))):
        raise BelleError(
            f"the added tokens in {directory} do not follow the {size} pieces of {MODEL}: {sorted(added)[:5]}",
            f"{directory} 中新增词元的编号没有接在 {MODEL} 的 {size} 个词片之后：{sorted(added)[:5]}",
        )
    for index in sorted(added):
        special = config.get("added_tokens_decoder", {}).get(str(index), {}).get("special", True)
        tokenizer.add_tokens([AddedToken(added[index], special=special, normalized=False)])


def _added_tokens(directory: Path, config: dict[str, Any]) -> dict[str, int]:
    """Added tokens and their ids, from either of the two places that hold them."""
    stated = {entry["content"]: int(index) for index, entry in config.get("added_tokens_decoder", {}).items()}
    return _read(directory / "added_tokens.json") | stated


def _content(token: str | dict[str, Any]) -> str:
    return token["content"] if isinstance(token, dict) else token


def _read(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is no such file."""
    if not path.is_file():
        return {}
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BelleError(f"{path} is not valid JSON: {error}", f"{path} 不是有效的 JSON：{error}") from error
    return content


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True) + "\n", encoding="utf-8")
