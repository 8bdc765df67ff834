"""What is wrong with a grammar is said before llama.cpp sees it, and what would hang it is refused."""

from __future__ import annotations

import time

import llama_cpp
import pytest
from llama_cpp import llama_grammar

from inference.backends.llama.backend import LlamaBackend
from inference.grammars.gbnf import MAX_DEPTH, check_gbnf
from inference.types.errors import InferenceError

LADDER = "\n".join(f"r{step} ::= r{step + 1} | r{step + 1}" for step in range(40)) + '\nr40 ::= "a"\n'


@pytest.mark.parametrize(
    "gbnf",
    [
        llama_grammar.ARITHMETIC_GBNF,
        llama_grammar.C_GBNF,
        llama_grammar.CHESS_GBNF,
        llama_grammar.JSON_GBNF,
        llama_grammar.LIST_GBNF,
        'root ::= [a-z]{1,5} "\\"\\x41\\u00e9" . <|im_end|>? # a comment\n',
        'root ::= "a" root "b" | ("c" | [^\\]d]){0,3} ""',
        'root ::= ("a"?){3} "b"',
        'root ::= (\n "a"\n | "b"\n)\n',
    ],
)
def test_what_llama_cpp_reads_passes(gbnf: str, llama: LlamaBackend) -> None:
    check_gbnf(gbnf)
    sampler = llama_cpp.llama_sampler_init_grammar(llama._vocab, gbnf.encode(), b"root")
    assert sampler
    llama_cpp.llama_sampler_free(sampler)


@pytest.mark.parametrize(
    ("gbnf", "reason"),
    [
        ("", "expected name ::="),
        ("hello", "expected name ::="),
        ('root = "a"', "line 1: unexpected '='"),
        ('root ::= "a', "unexpected '\"'"),
        ('root ::= "\\q"', "unexpected '\"'"),
        ('rule ::= "a"', "no rule named root"),
        ('root ::= "a"\n\nb ::= missing', "line 3: there is no rule named missing"),
        ('root ::= ("a"', "a group is not closed"),
        ('root ::= "a")', "unexpected )"),
        ('root ::=\nb ::= "a"', "rule root ends with nothing"),
        ("root ::= *", "nothing to repeat before *"),
        ('root ::= "a"{2001}', "more than 2000 repetitions"),
        ('"a" ::= "b"', "expected a rule's name"),
        ('root ::= "a"\n"b" ::= "c"', "line 2: expected a rule's name"),
        ('root ::= root "a" | "b"', "root is left-recursive"),
        ('root ::= a\na ::= b\nb ::= a "x" | "y"', "is left-recursive"),
        ('root ::= b root "x" | "y"\nb ::= c\nc ::= ""', "root is left-recursive"),
        ('root ::= ("a"*)*', "repeats something that may be empty"),
        ("root ::= " + "(" * 200 + '"a"' + ")" * 200, f"more than {MAX_DEPTH} deep"),
        (LADDER + "root ::= r0", "can begin in too many ways"),
        (LADDER.replace(" | r", " q") + "root ::= r0", "no rule named"),
        (
            "\n".join(f"r{step} ::= r{step + 1}" for step in range(999)) + '\nr999 ::= "a"\nroot ::= r0',
            "too deep",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(gbnf: str, reason: str) -> None:
    started = time.thread_time()
    with pytest.raises(InferenceError) as caught:
        check_gbnf(gbnf)
    assert caught.value.code == "invalid_grammar"
    assert reason in caught.value.message
    assert time.thread_time() - started < 1
