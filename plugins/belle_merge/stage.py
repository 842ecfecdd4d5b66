"""Loads the base once, gives it every adapter, and adds their changes up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from belle_core import StageContext
from belle_core.artifacts import Adapter, Model
from belle_core.errors import BelleError
from belle_core.references import find_artifact
from belle_core.store import Store
from belle_core.tokenization import load_tokenizer
from belle_core.training.loading import load_base, trained_template
from belle_core.training.quiet import quiet
from belle_core.training.saving import save_model
from belle_merge.config import MergeConfig


def merge(config: MergeConfig, context: StageContext) -> Model:
    """The model in the format that its base is stored in; tokenizer and template are the adapters'."""
    store = Store(context.directory.parents[1])
    adapters = {name: _adapter(name, store) for name in config.adapters}
    check_together(adapters)
    first = next(iter(adapters.values()))
    base = load_base(first)
    with quiet():
        from peft import PeftModel

        from belle_merge.adding import add_up

        model: Any = None
        for number, adapter in enumerate(adapters.values()):
            where = str(adapter.directory)
            if model is None:
                model = PeftModel.from_pretrained(base.model, where, adapter_name="0")
            else:
                model.load_adapter(where, adapter_name=str(number))
        merged: Any = add_up(model, {str(n): weight for n, weight in enumerate(config.adapters.values())})
    template = trained_template(first.directory, base.tokenizer)
    loaded = replace(base, model=merged, files=first.directory, template=template)
    save_model(loaded, context.directory)
    return Model(directory=context.directory, parameters=loaded.parameters)


def _adapter(name: str, store: Store) -> Adapter:
    artifact = find_artifact(name, store)
    if not isinstance(artifact, Adapter):
        raise BelleError(
            f"train.adapters={name} is a {type(artifact).__name__} and no adapter; say which step, as in {name}/<step>",
            f"train.adapters={name} 是 {type(artifact).__name__}，不是适配器；请写明步骤，例如 {name}/<步骤>",
        )
    Store(artifact.directory.parents[1]).verify(artifact)
    return artifact


def check_together(adapters: dict[str, Adapter]) -> None:
    """Raise ``BelleError`` when adapters are of different bases, vocabularies or templates."""
    names = list(adapters)
    facts = [_facts(adapter) for adapter in adapters.values()]
    for name, other in zip(names[1:], facts[1:], strict=True):
        for (what, chinese), ours, theirs in zip(WHAT, facts[0], other, strict=True):
            if ours != theirs:
                raise BelleError(
                    f"train.adapters: {name} is for another {what} than {names[0]}, so their changes cannot be added up",
                    f"train.adapters：{name} 与 {names[0]} 的{chinese}不同，它们的改动不能相加",
                )


WHAT = (("base", "基座"), ("vocabulary", "词表"), ("chat template", "对话模板"))


def _facts(adapter: Adapter) -> tuple[Any, ...]:
    jinja = (adapter.directory / "chat_template.jinja").read_text(encoding="utf-8")
    return adapter.base, load_tokenizer(adapter.directory).get_vocab(), jinja
