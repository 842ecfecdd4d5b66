"""Training of the word embeddings alone, tied and untied, with new rows."""

from __future__ import annotations

import pytest
import torch
from belle_embeddings.config import EmbeddingsConfig
from belle_embeddings.stage import train
from belle_objectives.config import PretrainConfig
from safetensors.torch import load_file
from tiny_training import conversation, training_context

import belle_core
from belle_core.training.loading import load_start

IN, OUT = "model.embed_tokens.weight", "lm_head.weight"


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize(
    ("tied", "output", "moved"),
    [(True, True, {IN}), (True, False, {IN}), (False, True, {IN, OUT}), (False, False, {IN})],
)
def test_only_embeddings_move(tmp_path, tied, output, moved, recompute):
    architecture = {"tie_word_embeddings": tied}
    context = training_context(
        tmp_path / "s" / "Model" / "a", architecture=architecture, gradient_checkpointing=recompute
    )
    before = dict(load_start(context).model.named_parameters())
    model = train(EmbeddingsConfig(objective=PretrainConfig(), output=output, batch=8, learning_rate=1e-2), context)
    after = load_file(context.directory / "model.safetensors")
    assert {name for name, p in before.items() if not torch.equal(after[name], p)} == moved
    assert model.metrics["dev_loss"] > 0 and model.parameters == sum(p.numel() for p in before.values())


def test_rows_of_tokens_in_the_text_move(tmp_path):
    """Untied input rows move exactly where a token was read; output rows all do, since they are told apart."""
    from belle_objectives.pretrain import Pretrain

    from belle_core.artifacts import Examples
    from belle_core.data import read_examples

    context = training_context(tmp_path / "s" / "Model" / "a", architecture={"tie_word_embeddings": False})
    start = load_start(context)
    before = dict(start.model.named_parameters())
    objective = Pretrain(PretrainConfig())
    train(EmbeddingsConfig(objective=PretrainConfig(), batch=8, learning_rate=1e-2), context)
    after = load_file(context.directory / "model.safetensors")
    read = {
        token
        for example in read_examples(context.input(Examples), "train")
        for token in objective.encode(example, start.encoder)[0].ids[:-1]
    }
    moved = (after[IN] != before[IN]).any(1).nonzero().flatten().tolist()
    assert set(moved) == read and (after[OUT] != before[OUT]).any(1).all()


def test_from_text_files_on_the_command_line(store, tmp_path):
    lines = "".join(f'{{"text": "天地玄黄 {i} {conversation(i).question}"}}\n' for i in range(60))
    (tmp_path / "text.jsonl").write_text(lines, encoding="utf-8")
    result = belle_core.run(
        ["+data=files", "data.path=text.jsonl", "data.dev=10", "+tokenizer=bpe", "tokenizer.vocabulary=300",
         "+train=embeddings", "train.learning_rate=1e-2", "train.batch=8", "model.architecture.hidden_size=32",
         "model.architecture.intermediate_size=32", "model.architecture.num_hidden_layers=1",
         "model.context_length=64", "trainer.accelerator=cpu"],
        quiet=True,
    )  # fmt: skip
    assert result.artifacts["data"].record == "text" and result.artifacts["train"].metrics["dev_loss"] < 6
