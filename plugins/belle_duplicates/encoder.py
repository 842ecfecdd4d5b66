"""Vectors of texts: the mean of an encoder's last states (Reimers and Gurevych 2019), of length 1."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch


class Encoder:
    """A directory in Hugging Face layout with safetensors and a tokenizer."""

    def __init__(self, directory: Path, *, length: int) -> None:
        from transformers import AutoModel, AutoTokenizer

        from belle_core.generation.checkpoint import on_accelerator

        self.length = length
        self.tokenizer: Any = AutoTokenizer.from_pretrained(directory)
        self.model: Any = on_accelerator(
            AutoModel.from_pretrained(directory, use_safetensors=True, dtype=torch.float32)
        )
        self.model.eval()
        self.dimension = int(self.model.config.hidden_size)

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        """Shape (texts, dimension), float32 on the CPU. A text without a token has a vector of zeros, which is like none."""
        rows = [self.tokenizer(text, truncation=True, max_length=self.length)["input_ids"] for text in texts]
        width = max(1, *map(len, rows))
        ids, mask = torch.zeros(len(rows), width, dtype=torch.long), torch.zeros(len(rows), width, dtype=torch.long)
        for number, row in enumerate(rows):
            ids[number, : len(row)], mask[number, : len(row)] = torch.tensor(row), 1
        device = self.model.device
        states = self.model(input_ids=ids.to(device), attention_mask=mask.to(device)).last_hidden_state
        sums = (states * mask.to(device).unsqueeze(-1)).sum(dim=1)
        return torch.nn.functional.normalize(sums, dim=1).cpu()
