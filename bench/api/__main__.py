"""Lists, search, `/v1` streams, the moderators' pages: `python -m bench.api [NAME …]`.

Raw figures go to `bench/results/`.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import httpx2

from bench.api.console import moderation
from bench.api.measuring import measure, result
from bench.api.options import Options
from bench.api.seed import LONG_SESSION, SESSIONS, seed_lists, seed_messages
from bench.api.streams import streams
from bench.report import Result, print_table, save
from tests.support.chat_client import create_api_key
from tests.support.services import start_postgres
from tests.support.stack import Stack, start_stack

REQUESTS = 200
MESSAGES = 1_000_000
SEED = 6
CHAT = "/api/v1/chat"


def main(arguments: list[str]) -> None:
    """Run the named benchmarks, or all of them."""
    parser = argparse.ArgumentParser(prog="bench.api", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--messages", type=int, default=MESSAGES, help="messages to search in")
    parser.add_argument("--model", default="135m", help="of streams: 135m, tiny or demo")
    given = vars(parser.parse_args(arguments))
    names = given.pop("names")
    if unknown := set(names) - BENCHMARKS.keys():
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    options = Options(**given)
    results = [result for name in names or BENCHMARKS for result in BENCHMARKS[name](options)]
    print_table(results)
    print(f"raw figures: {save(results, name='api-' + '-'.join(names or ['all']))}")


def lists_on_sqlite(options: Options) -> list[Result]:
    """A page of a long session, and of many sessions."""
    with api(postgres=False) as (stack, client):
        return lists(stack, client, "SQLite")


def on_postgresql(options: Options) -> list[Result]:
    """The same on PostgreSQL, and search."""
    with api(postgres=True) as (stack, client):
        measured = lists(stack, client, "PostgreSQL")
        started = time.monotonic()
        sample = seed_messages(stack, total=options.messages, sessions=SESSIONS)
        print(f"{options.messages} messages written in {time.monotonic() - started:.0f} s", flush=True)
        return [*measured, search(client, sample, options.messages)]


def lists(stack: Stack, client: httpx2.Client, database: str) -> list[Result]:
    """Pages at random."""
    chance = random.Random(SEED)
    session = seed_lists(stack)
    pages = [chance.randint(1, LONG_SESSION // 50) for _ in range(REQUESTS)]
    messages = [f"{CHAT}/sessions/{session}/messages?page={page}" for page in pages]
    sessions = [f"{CHAT}/sessions?page={chance.randint(1, SESSIONS // 50)}" for _ in range(REQUESTS)]
    return [
        result(f"GET messages of {LONG_SESSION}, {database}", measure(client, messages), bound=50),
        result(f"GET sessions of {SESSIONS}, {database}", measure(client, sessions), bound=50),
    ]


def search(client: httpx2.Client, sample: list[str], messages: int) -> Result:
    """One to three words that stand in one message: common ones often, as people's are."""
    chance = random.Random(SEED)
    queries = [
        " ".join(chance.sample(sorted(set(chance.choice(sample).split())), chance.randint(1, 3)))
        for _ in range(REQUESTS)
    ]
    paths = [f"{CHAT}/search?q={query.replace(' ', '%20')}" for query in queries]
    return result(f"search in {messages} messages, PostgreSQL", measure(client, paths), bound=100)


@contextmanager
def api(*, postgres: bool) -> Iterator[tuple[Stack, httpx2.Client]]:
    """A web process without workers, and a client with a key."""
    with ExitStack() as resources:
        url = resources.enter_context(start_postgres()) if postgres else ""
        stack = resources.enter_context(
            start_stack("--workers", "0", "--backend", "paced", DATABASE_URL=url, RATE_LIMIT_BURST="1000000")
        )
        headers = {"Authorization": f"Bearer {create_api_key(stack)}"}
        client = resources.enter_context(httpx2.Client(base_url=stack.url, headers=headers, timeout=60))
        yield stack, client


BENCHMARKS: dict[str, Callable[[Options], list[Result]]] = {
    "sqlite": lists_on_sqlite,
    "postgresql": on_postgresql,
    "streams": streams,
    "moderation": moderation,
}


if __name__ == "__main__":
    main(sys.argv[1:])
