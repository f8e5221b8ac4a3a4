"""Settings > Lead form, and who wrote in it."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from parley.businesses.access import MemberRequest, for_managers
from parley.businesses.models import Business
from parley.leads.forms import LeadFormSettings, suggested
from parley.leads.models import LeadForm

SHOWN = 50


def _new(business: Business) -> LeadForm:
    """What the page shows before anything is saved; the database's defaults come with saving."""
    return LeadForm(
        business=business, slug=suggested(business), on=True, title="", intro="", asks_marketing=False
    )


@for_managers
def lead_form_settings(request: MemberRequest) -> HttpResponse:
    """The form's address and words, and the last who wrote in it."""
    business = request.member.business
    saved = LeadForm.objects.filter(business=business).first()
    form = LeadFormSettings(request.POST or None, instance=saved or _new(business))
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Saved", extra_tags="check")
        return redirect("lead_form_settings")
    leads = business.leads.select_related("client__conversation").order_by("-created_at", "-id")[:SHOWN]
    context = {
        "here": "leads",
        "form": form,
        "saved": saved,
        "prefix": f"{settings.PUBLIC_URL.split('://')[1]}/f/",
        "address": settings.PUBLIC_URL + reverse("lead_form", args=[saved.slug]) if saved else "",
        "leads": list(leads),
    }
    return render(request, "leads/settings.html", context, status=422 if form.errors else 200)
