"""`manage.py provider …`: whose models can be used beside our own, switched while everything runs."""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.models import Continuation, Provider, ProviderModel
from chat.selectors.providers import list_served
from chat.services import providers
from chat.services.errors import ServiceError
from workers.providers import try_provider

FLOATS = ("connect_timeout_s", "first_token_timeout_s", "idle_timeout_s")


class Command(BaseCommand):
    """A key is read from a variable of the workers, or from the terminal: never from the command line."""

    help = "Manage providers of remote models."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        add = actions.add_parser("add", help="add an OpenAI-compatible endpoint")
        add.add_argument("slug")
        add.add_argument("base_url", metavar="URL", help="such as https://openrouter.ai/api/v1")
        _add_model_argument(add, required=True)
        _add_settings(add)
        change = actions.add_parser("set", help="change some of a provider's settings")
        change.add_argument("slug")
        change.add_argument("--base-url")
        _add_model_argument(change, required=False)
        _add_settings(change)
        actions.add_parser("list", help="show providers with status, latency and error rate")
        remove = actions.add_parser("remove", help="forget it, or only some of its models")
        remove.add_argument("slug")
        remove.add_argument("--model", "-m", action="append", dest="models", metavar="OURS")
        for action, text in (
            ("enable", "use it again"),
            ("disable", "stop using it: calls that run go on"),
            ("test", "ask each of its models for one word"),
        ):
            actions.add_parser(action, help=text).add_argument("slug")

    def handle(self, *args: object, action: str, **options: Any) -> None:
        try:
            getattr(self, f"_{action}")(options)
        except ServiceError as error:
            raise CommandError(error.message) from error

    def _add(self, options: dict[str, Any]) -> None:
        models = dict(_pair(text) for text in options["models"])
        provider = providers.add_provider(
            slug=options["slug"], base_url=options["base_url"], models=models, **_settings(options)
        )
        self._list({"slug": provider.slug})

    def _set(self, options: dict[str, Any]) -> None:
        base_url = {"base_url": options["base_url"]} if options["base_url"] else {}
        providers.change_provider(slug=options["slug"], **base_url, **_settings(options))
        for text in options["models"]:
            remote_name, model = _pair(text)
            providers.serve_model(provider=options["slug"], remote_name=remote_name, model=model)
        self._list({"slug": options["slug"]})

    def _enable(self, options: dict[str, Any]) -> None:
        providers.change_provider(slug=options["slug"], is_enabled=True)
        self._list({"slug": options["slug"]})

    def _disable(self, options: dict[str, Any]) -> None:
        providers.change_provider(slug=options["slug"], is_enabled=False)
        self._list({"slug": options["slug"]})

    def _remove(self, options: dict[str, Any]) -> None:
        if options["models"] is None:
            providers.remove_provider(slug=options["slug"])
            self.stdout.write(f"{options['slug']} is removed.")
            return
        for model in options["models"]:
            providers.stop_serving(provider=options["slug"], model=model)
        self._list({"slug": options["slug"]})

    def _test(self, options: dict[str, Any]) -> None:
        found = ProviderModel.objects.filter(provider__slug=options["slug"]).select_related(
            "provider", "model"
        )
        if not found:
            raise CommandError(f"No provider named {options['slug']} serves a model: see `provider list`.")
        trials = [(row.model.slug, try_provider(row)) for row in found]
        for model, trial in trials:
            said = f"says {trial.text!r} after {trial.latency_ms:.0f} ms"
            self.stdout.write(f"{options['slug']}  {model}  {trial.problem or said}")
        failed = sum(trial.problem is not None for _, trial in trials)
        if failed:
            raise CommandError(f"{failed} of {len(trials)} models did not answer.")

    def _list(self, options: dict[str, Any]) -> None:
        slug = options.get("slug")
        rows = [row for row in list_served() if slug in (None, row.provider)]
        for row in rows:
            latency = "-" if row.latency_ms is None else f"{row.latency_ms:.0f} ms"
            errors = "-" if row.error_rate is None else f"{row.error_rate:.0%} errors"
            line = f"{row.priority:>4} {row.provider}  {row.model} ({row.remote_name})  {row.status}"
            self.stdout.write(f"{line}  {latency}  {errors}  {row.last_error}".rstrip())
        served = {row.provider for row in rows}
        for provider in Provider.objects.exclude(slug__in=served):
            if slug in (None, provider.slug):
                self.stdout.write(f"{provider.priority:>4} {provider.slug}  serves no model yet")


def _add_model_argument(parser: ArgumentParser, *, required: bool) -> None:
    parser.add_argument(
        *("--model", "-m"),
        action="append",
        default=[],
        dest="models",
        metavar="THEIRS[=OURS]",
        required=required,
        help="a model by the provider's name, and its name here; may be repeated",
    )


def _add_settings(parser: ArgumentParser) -> None:
    parser.add_argument("--key-env", metavar="NAME_API_KEY", help="the workers' variable that holds the key")
    parser.add_argument(
        "--key", action="store_true", help="ask for the key (or read it from a pipe) and seal it"
    )
    parser.add_argument("--priority", type=int, help="lower is asked first; default 100")
    parser.add_argument("--continuation", choices=Continuation.values, help="how it goes on after a text")
    parser.add_argument(
        *("--accepts",),
        action="append",
        metavar="OURS[=THEIRS]",
        help="an option beyond OpenAI's that it takes, such as top_k; OURS= is never sent",
    )
    parser.add_argument("--max-streams", type=int, help="calls at once, for each worker")
    for name in FLOATS:
        parser.add_argument(
            f"--{name.removesuffix('_s').replace('_', '-')}", type=float, dest=name, metavar="S"
        )


def _settings(options: dict[str, Any]) -> dict[str, Any]:
    plain = ("priority", "continuation", "max_streams", *FLOATS)
    settings = {name: options[name] for name in plain if options[name] is not None}
    if options["accepts"] is not None:
        settings["accepts"] = dict(map(_option_pair, options["accepts"]))
    if options["key_env"] is not None:
        settings["api_key_env"] = options["key_env"]
    if options["key"]:
        settings["api_key"] = getpass.getpass("Key: ") if sys.stdin.isatty() else sys.stdin.readline().strip()
    return settings


def _pair(text: str) -> tuple[str, str]:
    theirs, _, ours = text.partition("=")
    return theirs, ours


def _option_pair(text: str) -> tuple[str, str]:
    ours, sign, theirs = text.partition("=")
    return ours, theirs if sign else ours
