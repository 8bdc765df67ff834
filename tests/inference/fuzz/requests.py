"""Everything a request can carry, and much that it should not."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from inference.types.forms import GrammarSpec, ResponseFormat
from inference.types.requests import GenerationRequest, Resume
from inference.types.sampling import SamplingParams

ODD_NUMBERS = st.sampled_from([0, 1, -1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 0.5, -0.0, 1e308, 1e-308])
ODD_FLOATS = st.sampled_from([float("nan"), float("inf"), float("-inf")])
ODD_NUMBERS_AND_WORSE = st.one_of(ODD_NUMBERS, ODD_FLOATS)
TOKEN_IDS = st.integers(0, 269)
ODD_IDS = st.one_of(st.integers(0, 280), st.integers(-(2**31), 2**31 - 1))
TEXTS = st.one_of(
    st.text(max_size=8),
    st.text(alphabet=st.characters(categories=["Cs"]), max_size=2),
    st.sampled_from(["\0", "\ufdd0", "<|im_end|>", "a" * 300, "é" * 40, "\U0001f642" * 40, "日本語"]),
)
PROMPTS = st.lists(TOKEN_IDS, min_size=1, max_size=20)
ODD_PROMPTS = st.one_of(st.lists(ODD_IDS, max_size=4), st.integers(200, 5000).map(lambda size: [65] * size))

GBNF_WORDS = st.one_of(
    st.sampled_from(["root", "a", "b", "::=", "|", "(", ")", "*", "+", "?", ".", '"x"', '"', '""', "#"]),
    st.sampled_from(
        ["[a-z]", "[^", "[]", "[\\x00]", "{2,3}", "{0}", "{99999}", "<[3]>", "<|im_end|>", "!<[1]>"]
    ),
    st.sampled_from(["\n", "\0", "\\", "é"]),
)
TERMS = st.recursive(
    st.sampled_from(['"a"', '""', "[a-c]", "[^a]", ".", "a", "b", "root", "<[66]>", '"é"', "[\\U0010FFFF]"]),
    lambda inner: st.one_of(
        st.builds("({} {})".format, inner, inner),
        st.builds("({} | {})".format, inner, inner),
        st.builds("({}){}".format, inner, st.sampled_from(["*", "+", "?", "{2}", "{0,3}", "{1,}", "{500}"])),
    ),
    max_leaves=6,
)
GRAMMARS = st.one_of(
    st.builds("root ::= {}\na ::= {}\nb ::= {}".format, TERMS, TERMS, TERMS),
    st.lists(GBNF_WORDS, max_size=12).map(" ".join),
    TEXTS,
)

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), ODD_NUMBERS, st.text(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=4,
)
KEYWORDS = st.one_of(
    st.sampled_from(["type", "properties", "required", "items", "enum", "const", "anyOf", "oneOf", "allOf"]),
    st.sampled_from(["$ref", "$defs", "pattern", "format", "minLength", "maxLength", "minItems", "maxItems"]),
    st.sampled_from(["minimum", "multipleOf", "not", "prefixItems", "additionalProperties", "uniqueItems"]),
    st.sampled_from(["$id", "if", "x-own", "title"]),
)
TYPES = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null", "any"])
SCHEMAS = st.recursive(
    st.builds(lambda kind: {"type": kind}, st.one_of(TYPES, st.lists(TYPES, max_size=3))),
    lambda inner: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items, "maxItems": 2}, inner),
        st.builds(lambda ways: {"anyOf": ways}, st.lists(inner, max_size=3)),
        st.builds(
            lambda properties, more: {"type": "object", "properties": properties, **more},
            st.dictionaries(TEXTS, inner, max_size=3),
            st.dictionaries(KEYWORDS, st.one_of(inner, JSON), max_size=2),
        ),
        st.builds(
            lambda pattern: {"type": "string", "pattern": pattern},
            st.text(alphabet="^$ab.*+?()[]{}|\\d-3,", max_size=10).map(lambda body: f"^{body}$"),
        ),
        st.dictionaries(KEYWORDS, st.one_of(inner, JSON, st.sampled_from(["#", "#/$defs/a", "http://x/"]))),
    ),
    max_leaves=6,
)
FORMATS = st.one_of(
    st.builds(
        lambda schema, strict: {"type": "json_schema", "schema": schema, "strict": strict},
        SCHEMAS,
        st.booleans(),
    ),
    st.just({"type": "json_object"}),
)


OPTIONS: dict[str, st.SearchStrategy[Any]] = {
    "temperature": st.sampled_from([0.0, 0.8, 5.0]),
    "dynatemp_range": st.sampled_from([0.0, 1.0, 5.0]),
    "dynatemp_exponent": st.sampled_from([0.0, 1.0, 10.0]),
    "top_k": st.sampled_from([0, 1, 40, 1000]),
    "top_p": st.sampled_from([0.0, 0.5, 1.0]),
    "min_p": st.sampled_from([0.0, 0.1, 1.0]),
    "typical_p": st.sampled_from([1e-9, 0.5, 1.0]),
    "top_n_sigma": st.sampled_from([0.0, 1e-9, 1.0, 100.0]),
    "xtc_probability": st.sampled_from([0.5, 1.0]),
    "xtc_threshold": st.sampled_from([0.0, 0.1, 1.0]),
    "dry_multiplier": st.sampled_from([0.8, 10.0]),
    "dry_base": st.sampled_from([1.0, 1.75, 10.0]),
    "dry_allowed_length": st.sampled_from([1, 2, 1000]),
    "dry_penalty_last_n": st.sampled_from([0, 1, 64, 8192]),
    "dry_sequence_breakers": st.lists(st.text(min_size=1, max_size=40), max_size=4).map(tuple),
    "mirostat": st.sampled_from([0, 2]),
    "mirostat_tau": st.sampled_from([0.0, 5.0, 20.0]),
    "mirostat_eta": st.sampled_from([0.0, 0.1, 1.0]),
    "repeat_penalty": st.sampled_from([1e-9, 1.1, 10.0]),
    "presence_penalty": st.sampled_from([-2.0, 2.0]),
    "frequency_penalty": st.sampled_from([-2.0, 2.0]),
    "repeat_last_n": st.sampled_from([0, 1, 64, 8192]),
    "logit_bias": st.dictionaries(TOKEN_IDS, st.floats(-100, 100), max_size=6),
    "seed": st.one_of(st.none(), st.integers(0, 2**32 - 1)),
    "stop": st.lists(st.text(min_size=1, max_size=5), max_size=4).map(tuple),
    "stop_token_ids": st.lists(TOKEN_IDS, max_size=4).map(tuple),
    "logprobs": st.booleans(),
}
ODD_OPTIONS: dict[str, st.SearchStrategy[Any]] = dict.fromkeys(OPTIONS, ODD_NUMBERS_AND_WORSE) | {
    "dry_sequence_breakers": st.lists(TEXTS, max_size=4).map(tuple),
    "logit_bias": st.dictionaries(ODD_IDS, st.one_of(st.floats(-100, 100), ODD_FLOATS), max_size=6),
    "stop": st.lists(TEXTS, max_size=4).map(tuple),
    "stop_token_ids": st.lists(ODD_IDS, max_size=4).map(tuple),
    "top_logprobs": st.integers(-1, 21),
    "min_tokens": ODD_NUMBERS_AND_WORSE,
    "ignore_eos": st.booleans(),
}


@st.composite
def requests(draw: st.DrawFn) -> GenerationRequest:
    """A request that no check has seen yet; one in four is odd beyond its grammar or schema."""
    odd = draw(st.integers(0, 3)) == 0
    known = ODD_OPTIONS if odd else OPTIONS
    names = draw(st.lists(st.sampled_from(sorted(known)), max_size=5, unique=True))
    options = {name: draw(known[name]) for name in names}
    bound = draw(st.sampled_from(["", "grammar", "trigger", "format"]))
    if bound in ("grammar", "trigger"):
        trigger = draw(st.sampled_from(["a", "th", "<|im_end|>", "\0"])) if bound == "trigger" else ""
        options["grammar"] = GrammarSpec(gbnf=draw(GRAMMARS), trigger=trigger)
    elif bound:
        options["response_format"] = ResponseFormat(**draw(FORMATS))
    resume = draw(st.lists(ODD_IDS if odd else TOKEN_IDS, max_size=6)) if odd or not bound else []
    return GenerationRequest(
        request_id="fuzzed",
        prompt_ids=draw(ODD_PROMPTS if odd else PROMPTS),
        sampling=SamplingParams(max_tokens=draw(st.sampled_from([1, 12, 60])), **options),
        time_limit_ms=draw(st.sampled_from([0, 1, 5000])) if odd else 5000,
        resume=Resume(token_ids=resume, text=draw(st.text(max_size=5))) if resume else None,
    )
