"""Writes and reads a tokenizer as a standard Hugging Face directory, without a change of ids."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_core.errors import BelleError, in_one_line
from belle_core.smallfiles import read_object
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
INEXACT = ("LlamaTokenizer", "LlamaTokenizerFast")  # classes that encode otherwise than their own tokenizer.model


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
        return _loaded(PreTrainedTokenizerFast, directory)
    if not any((directory / name).is_file() for name in ("vocab.json", "vocab.txt")):
        raise BelleError(
            f"{directory} holds no tokenizer: expected {JSON} or {MODEL}",
            f"{directory} 中没有分词器：应有 {JSON} 或 {MODEL}",
        )
    return _loaded(AutoTokenizer, directory)


def _loaded(kind: Any, directory: Path) -> PreTrainedTokenizerFast:
    """With a pad token that needs no new row; padding is masked by length, never by id."""
    try:
        tokenizer: PreTrainedTokenizerFast = kind.from_pretrained(str(directory), local_files_only=True)
    except Exception as error:  # tokenizers raises bare exceptions, transformers whatever a wrong type leads to
        raise _not_loaded(directory, error) from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.unk_token or tokenizer.eos_token
    return tokenizer


def _not_loaded(directory: Path, error: Exception) -> BelleError:
    why = in_one_line(error)
    return BelleError(f"{directory}: no tokenizer can be loaded: {why}", f"{directory}：无法加载分词器：{why}")


def _exact(directory: Path, config: dict[str, Any]) -> PreTrainedTokenizerFast:
    """The SentencePiece model with the tokens, special tokens and template that the other files add to it."""
    tokenizer = tokenizer_from_sentencepiece(directory / MODEL, add_bos=config.get("add_bos_token") is not False)
    try:
        added, special, template = _stated(directory, config)
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # values of other types than transformers writes
        raise _not_loaded(directory, error) from error
    _add_tokens(tokenizer, directory, added)
    tokenizer.add_special_tokens({name: token for name, token in special.items() if token in tokenizer.get_vocab()})
    tokenizer.chat_template = template
    return tokenizer


Added = dict[int, tuple[str, bool]]
"""Ids of added tokens, their content and whether they are special."""


def _stated(directory: Path, config: dict[str, Any]) -> tuple[Added, dict[str, str], str | None]:
    """What the files beside a SentencePiece model add: tokens (from either of the two places that hold them), names of
    special ones, and a template."""
    entries = config.get("added_tokens_decoder") or {}
    added = {int(index): (token, True) for token, index in _read(directory / "added_tokens.json").items()}
    added |= {int(index): (_content(entry), entry.get("special", True)) for index, entry in entries.items()}
    names = ("bos_token", "eos_token", "unk_token", "pad_token")
    stated = _read(directory / SPECIAL) | config
    special = {name: _content(stated[name]) for name in names if stated.get(name)}
    template = directory / "chat_template.jinja"
    text = template.read_text(encoding="utf-8") if template.is_file() else config.get("chat_template")
    return added, special, text


def _add_tokens(tokenizer: PreTrainedTokenizerFast, directory: Path, stated: Added) -> None:
    """Adds what the model's pieces lack, under the ids that the files state."""
    from tokenizers import AddedToken

    size, pieces = len(tokenizer), tokenizer.get_vocab()
    added = {index: entry for index, entry in stated.items() if entry[0] not in pieces}
    if sorted(added) != list(range(size, size + len(added))):
        raise BelleError(
            f"the added tokens in {directory} do not follow the {size} pieces of {MODEL}: {sorted(added)[:5]}",
            f"{directory} 中新增词元的编号没有接在 {MODEL} 的 {size} 个词片之后：{sorted(added)[:5]}",
        )
    for _, (content, special) in sorted(added.items()):
        tokenizer.add_tokens([AddedToken(content, special=special, normalized=False)])


def _content(token: str | dict[str, Any]) -> str:
    content = token["content"] if isinstance(token, dict) else token
    if not isinstance(content, str):
        raise TypeError(f"a token is {content!r}")
    return content


def _read(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is no such file."""
    return read_object(path) or {}


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True) + "\n", encoding="utf-8")
