"""What was spent, what calls in flight may still cost, and whether one more fits into the budget."""

from __future__ import annotations

from dataclasses import dataclass

from belle_core.errors import BelleError
from belle_core.generation.calls.config import EndpointConfig
from belle_core.language import say


@dataclass(frozen=True)
class Amount:
    """Calls and their tokens."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )

    def __sub__(self, other: Amount) -> Amount:
        return self + Amount(-other.calls, -other.prompt_tokens, -other.completion_tokens)

    @property
    def tokens(self) -> int:
        """Of questions and answers together."""
        return self.prompt_tokens + self.completion_tokens


class Ledger:
    """Keeps ``spent + reserved`` within the budget. A call is reserved at its most before it begins."""

    def __init__(self, config: EndpointConfig) -> None:
        self.config = config
        self.spent, self.reserved = Amount(), Amount()
        self.beyond = Amount()
        """By how much a call has cost more than it should at most: an endpoint that adds to questions or ignores limits."""

    def cost(self, amount: Amount) -> float:
        """The price of *amount*."""
        config = self.config
        return (amount.prompt_tokens * config.price_input + amount.completion_tokens * config.price_output) / 1e6

    def reserve(self, most: Amount) -> bool:
        """Set *most* aside; ``False`` when the budget does not allow it."""
        if self._exceeded(self.spent + self.reserved + most):
            return False
        self.reserved += most
        return True

    def settle(self, most: Amount, used: Amount) -> None:
        """What was reserved has become *used*."""
        self.reserved -= most
        self.spent += used

    def learn(self, most: Amount, used: Amount) -> None:
        """A call that should have cost *most* at most has cost *used*; calls to come are reckoned to do so as well."""
        more, known = used - most, self.beyond
        self.beyond = Amount(
            0, max(known.prompt_tokens, more.prompt_tokens), max(known.completion_tokens, more.completion_tokens)
        )

    def _exceeded(self, total: Amount) -> str:
        """The budget that *total* does not keep; empty when it keeps all."""
        config = self.config
        figures = {
            "budget_calls": (total.calls, config.budget_calls),
            "budget_tokens": (total.tokens, config.budget_tokens),
            "budget_cost": (self.cost(total), config.budget_cost),
        }
        return next((name for name, (value, most) in figures.items() if most is not None and value > most), "")

    def exhausted(self, most: Amount, *, where: str) -> BelleError:
        """The error for a call of at most *most* that no longer fits."""
        name = self._exceeded(self.spent + most)
        limit, spent = getattr(self.config, name), self.words()
        return BelleError(
            f"the budget is used up ({spent}; {where}.{name}={limit:g} does not allow another call). Nothing is lost: repeat the "
            f"command with a higher {where}.{name} and it goes on",
            f"预算已用完（{spent}；{where}.{name}={limit:g} 不允许再调用）。已有结果都在：提高 {where}.{name} 后重复同一命令即可继续",
        )

    def words(self) -> str:
        """What was spent, for people."""
        spent = self.spent
        text = say(
            f"{spent.calls:,} calls, {spent.tokens:,} tokens", f"调用 {spent.calls:,} 次，{spent.tokens:,} 个词元"
        )
        price = f"{self.cost(spent):.4g} {self.config.currency}"
        return text + (say(f", {price}", f"，{price}") if self.cost(spent) else "")
