"""Filters that clean data: repair, select, mask, divide, deduplicate; and the presets BELLE and ShareGPT data go through."""

from belle_core import Part, hookimpl
from belle_filters import config as one
from belle_filters import corpus_config as many

EXTRA = "clean"


def _filter(name: str, options: type, run: str, *, extra: str | None = None, version: int = 1) -> Part:
    return Part(kind="filter", name=name, config=options, run=f"belle_filters.{run}", extra=extra, version=version)


@hookimpl
def belle_parts() -> list[Part]:
    return [
        _filter("html", one.HtmlConfig, "html:Html", extra=EXTRA, version=2),
        _filter("repair", one.RepairConfig, "repair:Repair", extra=EXTRA, version=3),
        _filter("language", one.LanguageConfig, "language:Language", extra=EXTRA, version=3),
        _filter("untranslated", one.UntranslatedConfig, "untranslated:Untranslated", version=2),
        _filter("assistant", one.AssistantConfig, "assistant:Assistant", version=3),
        _filter("refusal", one.RefusalConfig, "refusal:Refusal", version=3),
        _filter("repetition", one.RepetitionConfig, "repetition:Repetition", version=3),
        _filter("truncated", one.TruncatedConfig, "truncated:Truncated", version=3),
        _filter("impossible", one.ImpossibleConfig, "impossible:Impossible", version=3),
        _filter("personal", one.PersonalConfig, "personal:Personal", version=3),
        _filter("length", one.LengthConfig, "length:Length"),
        _filter("score", one.ScoreConfig, "score:Score"),
        _filter("pieces", one.PiecesConfig, "pieces:Pieces"),
        _filter("exact", many.ExactConfig, "exact:Exact"),
        _filter("sample", many.SampleConfig, "sample:Sample"),
        _filter("diversity", many.DiversityConfig, "diversity:Diversity"),
        _filter("perplexity", many.PerplexityConfig, "perplexity:Perplexity"),
    ]
