"""The lead form at /f/<slug>: for anybody, without sign-in."""

from __future__ import annotations

from typing import Any

from allauth.core.ratelimit import consume
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from parley.clients.languages import Language
from parley.clients.public import instead
from parley.leads.forms import TRAP, PublicForm, language_of
from parley.leads.models import LeadForm
from parley.leads.words import WORDS
from parley.leads.writing_in import write_in

NAMES = {Language.EN: "English", Language.FR: "Français", Language.ES: "Español"}


# It acts for nobody who is signed in, and must work where cookies are refused; its key is signed.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def lead_form(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the form; keep what was sent. Whoever fills in what people do not see is thanked, and nothing is kept."""
    found = LeadForm.objects.select_related("business").filter(slug__iexact=slug, on=True).first()
    if found is None:
        return instead(request, WORDS, "missing", 404)
    language = language_of(found.business, request.GET.get("lang", ""))
    words = WORDS[language]
    form = PublicForm(found, language, words, request.POST if request.method == "POST" else None)
    problem, status = "", 200
    if form.is_bound and form.is_valid():
        if not (
            consume(request, action="lead_form")
            and consume(request, action="lead_form_of", key=str(found.pk))
        ):
            problem, status = words["too_many"], 429
        else:
            if not form.trapped:
                write_in(found.business, form.written, source="form", source_id=form.id)
            return _show(request, form, {"thanked": form.cleaned_data["first_name"]})
    elif form.is_bound:
        status = 422
    return _show(request, form, {"problem": problem}, status)


def _show(request: HttpRequest, form: PublicForm, more: dict[str, Any], status: int = 200) -> HttpResponse:
    words, business = form.words, form.business
    context = {
        "form": form,
        "business": business,
        "language": form.language,
        "languages": [(code, NAMES[Language(code)]) for code in Language.values if code != form.language],
        "words": words,
        "title": form.lead_form.title or words["title"],
        "trap": TRAP,
        "people": [(form[name], required) for name, required in (("first_name", True), ("last_name", False))],
        **more,
    }
    if name := more.get("thanked"):
        context["thanks"] = words["thanks"].format(name=name)
        context["thanks_words"] = words["thanks_words"].format(business=business.name)
    return render(request, "leads/form.html", context, status=status)
