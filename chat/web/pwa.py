"""What makes an app of the pages: manifest, icon, service worker, and the page without a network."""

from __future__ import annotations

from pathlib import Path

from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

ICONS = (("icon-192.png", "192x192", "any"), ("icon-512.png", "512x512", "any maskable"))


@require_safe
@cache_control(max_age=3600)
def manifest(request: HttpRequest) -> JsonResponse:
    """The app, in the reader's language."""
    icons = [
        {"src": static(f"chat/{name}"), "sizes": sizes, "type": "image/png", "purpose": purpose}
        for name, sizes, purpose in ICONS
    ]
    app = {
        "id": "/",
        "name": "Parley",
        "short_name": "Parley",
        "description": _("Chat with language models of your own."),
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#fbfaf8",
        "theme_color": "#0f766e",
        "icons": icons,
    }
    return JsonResponse(app, content_type="application/manifest+json")


@require_safe
@cache_control(no_cache=True)
def service_worker(request: HttpRequest) -> HttpResponse:
    """At the root, so that it may look after every page."""
    return built_file("service-worker.js")


@require_safe
@cache_control(max_age=86400)
def favicon(request: HttpRequest) -> HttpResponse:
    """For whoever asks without having read a page."""
    found = finders.find("chat/favicon.ico")
    return HttpResponse(Path(str(found)).read_bytes(), content_type="image/x-icon")


def built_file(name: str) -> HttpResponse:
    """A script of the front end at an address of its own, instead of one with a hash."""
    found = finders.find(f"chat/build/{name}")
    if not isinstance(found, str):
        raise Http404("The front end is not built.")
    return HttpResponse(Path(found).read_bytes(), content_type="text/javascript")


@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """The same for everybody: the worker keeps it."""
    return render(request, "chat/offline.html")
