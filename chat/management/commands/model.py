"""`manage.py model add|default|fallback|list|pull`: the models people may choose from."""

from __future__ import annotations

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.models import LanguageModel
from chat.services import catalogue
from chat.services.adapters import add_adapter
from chat.services.errors import ServiceError


class Command(BaseCommand):
    """Files are checked when they are added, and downloads show their progress."""

    help = "Manage the model catalogue."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        add = actions.add_parser("add", help="check a GGUF file and add it")
        add.add_argument("source", metavar="PATH|hf:REPO[:FILE]")
        add.add_argument("--slug", help="its name in the catalogue; otherwise made from the file's name")
        add.add_argument(
            "--lora-for", default="", metavar="MODEL", help="a LoRA adapter's file, for this model"
        )
        add.add_argument("--matryoshka", action="store_true", help="its embeddings may be cut (dimensions)")
        default = actions.add_parser("default", help="choose what new sessions and workers use")
        default.add_argument("slug")
        fallback = actions.add_parser("fallback", help="choose what answers while no worker offers a model")
        fallback.add_argument("slug")
        fallback.add_argument("fallback", nargs="?", default="", help="without it: nothing does")
        actions.add_parser("list", help="show the catalogue; * marks the default")
        actions.add_parser("pull", help="download what MODEL names and what is missing")

    def handle(self, *args: object, action: str, **options: object) -> None:
        try:
            getattr(self, f"_{action}")(options)
        except ServiceError as error:
            raise CommandError(error.message) from error

    def _add(self, options: dict[str, object]) -> None:
        slug = None if options["slug"] is None else str(options["slug"])
        if options["lora_for"]:
            adapter = add_adapter(path=str(options["source"]), model=str(options["lora_for"]), slug=slug)
            self.stdout.write(f"{adapter}, {adapter.size_bytes / 1e6:,.0f} MB: ask for it with `lora`.")
            return
        model = catalogue.add_model(
            source=str(options["source"]), slug=slug, is_matryoshka=bool(options["matryoshka"])
        )
        self._describe(model)
        if not model.chat_template and not model.is_encoder:
            self.stdout.write("It has no chat template: choose one in the session's settings.")

    def _default(self, options: dict[str, object]) -> None:
        model = catalogue.choose_default(slug=str(options["slug"]))
        self.stdout.write(f"{model.slug} is the default. Workers load it when they start: restart them.")

    def _fallback(self, options: dict[str, object]) -> None:
        model = catalogue.choose_fallback(slug=str(options["slug"]), fallback=str(options["fallback"]))
        self._describe(model)

    def _list(self, options: dict[str, object]) -> None:
        for model in LanguageModel.objects.select_related("fallback"):
            self._describe(model)

    def _pull(self, options: dict[str, object]) -> None:
        pulled = catalogue.pull_models(settings.MODEL)
        for model in pulled:
            self._describe(model)
        if not pulled:
            self.stdout.write("Nothing is missing.")

    def _describe(self, model: LanguageModel) -> None:
        marks = "*" if model.is_default else " "
        if model.is_remote:
            served = ", ".join(row.provider.slug for row in model.providers.select_related("provider"))
            self.stdout.write(f"{marks} {model.slug}  remote: {served or 'no provider'}")
            return
        state = "" if catalogue.is_on_disk(model) else "  (file missing)"
        size = f"{model.size_bytes / 1e6:,.0f} MB"
        facts = f"{model.architecture}, {model.context_length} tokens, {size}"
        adapters = ", ".join(model.adapters.values_list("slug", flat=True))
        state += f"  (adapters: {adapters})" if adapters else ""
        state += f"  (fallback: {model.fallback.slug})" if model.fallback else ""
        self.stdout.write(f"{marks} {model.slug}  {facts}  {model.path}{state}")
