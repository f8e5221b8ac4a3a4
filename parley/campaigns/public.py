"""What whoever got a campaign's text may open, without sign-in: its short links, and their own page.

/l/<place><token> leads on to an address of the campaign's words. /o/<token> is the second way out beside STOP: what
they agreed to, and how to stop it. Opening changes nothing, for programs fetch whatever address a text holds; stopping
takes a press of a button. The token is the key (`tokens`): it stands for the phone that got the text, whoever's card
has its number by now.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from allauth.core.ratelimit import consume
from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.encoding import iri_to_uri
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from parley.businesses.models import Business
from parley.campaigns import fetchers, tokens, wording
from parley.campaigns.models import Change, Click, Link, Recipient
from parley.campaigns.words import WORDS
from parley.clients import consent
from parley.clients.languages import language_of
from parley.clients.models import Consent, Handset
from parley.clients.public import TooMany, a_member_looks, public
from parley.messaging import revoking
from parley.numbers import texting
from parley.payments.words import date_in_words
from parley.sms.numbers import pretty

Category, Says, How = Consent.Category, Consent.Says, Consent.How

# Nothing of anybody else's, and no script.
POLICY = "; ".join(
    [
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
)
# And no word of it to where a link leads.
_public = public(WORDS, {"Referrer-Policy": "no-referrer", "Content-Security-Policy": POLICY})
# What each button stops.
STOPS = {"offers": Category.MARKETING, "all": Category.ALL}


def _named(token: str) -> int:
    """The recipient whose token it is. Raises Http404, also for the token of a text that was only a try."""
    recipient = tokens.recipient_of(token)
    if recipient is None or recipient == wording.SOMEBODY:
        raise Http404
    return recipient


# ---- Short links


@require_safe
@_public
def short_link(request: HttpRequest, end: str) -> HttpResponse:
    """Lead on to the address that the campaign's words had in this place; only there, whatever else is asked."""
    place, recipient = end[:1], _named(end[1:])
    if place not in "0123456789":
        raise Http404
    links = Link.objects.filter(campaign__recipients=recipient, place=int(place))
    opened = Click.objects.filter(link=OuterRef("pk"), recipient=recipient)
    link = links.annotate(opened=Exists(opened)).first()
    if link is None or not _leads_out(link.url):
        raise Http404
    if not link.opened and fetchers.by_a_person(request) and not a_member_looks(request, link.business_id):
        # One row for each link of each recipient at the most, so there is nothing else to limit.
        opening = Change(
            business_id=link.business_id,
            what=Change.What.CLICKED,
            recipient_id=recipient,
            link_id=link.pk,
        )
        Change.objects.bulk_create([opening], ignore_conflicts=True)
    response = HttpResponse(status=302)
    response.headers["Location"] = iri_to_uri(link.url)
    return response


def _leads_out(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


# ---- A recipient's own page


# It acts for nobody who is signed in: whoever knows the address may say it. So it works where cookies are refused, and
# nobody is told that they may not opt out because a page was open for too long.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@_public
def own_page(request: HttpRequest, end: str) -> HttpResponse:
    """What somebody agreed to, and two buttons: stop offers, stop all texts. What they said is said again."""
    found = Recipient.objects.select_related("business__plan", "client").filter(pk=_named(end)).first()
    if found is None or not found.phone:
        raise Http404
    language = language_of(found.business, found.client)
    if request.method == "POST":
        stops = request.POST.get("stop", "")
        if stops not in STOPS:
            raise Http404
        if not consume(request, action="client_page", key=end):
            raise TooMany
        stop(found, STOPS[stops], WORDS[language][stops])
        return redirect("own_page", end)
    return render(request, "campaigns/client_page.html", _shown(found, language))


@transaction.atomic
def stop(recipient: Recipient, category: Consent.Category, words: str) -> None:
    """Write down that the phone which got the text wants no more of this, once, and empty the queue (rule R6)."""
    business, phone = recipient.business, recipient.phone
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '10s'")
        cursor.execute(consent.HOLD_BACK, {"business": business.pk, "phone": phone})
    if category in _stopped(consent.handset(business, phone)):
        return
    revoking.record(
        business,
        phone,
        category=category,
        says=Says.REFUSED,
        how=How.WEB_FORM,
        words=words,
        # Where START will be understood, for a business that has no number of its own.
        our_number="" if texting.own_number(business) else _number_of(recipient),
    )


def _stopped(handset: Handset | None) -> set[str]:
    """What is stopped already for a number."""
    if handset is None:
        return set()
    if handset.service == Handset.Service.REFUSED:
        return {Category.MARKETING, Category.ALL}
    return {Category.MARKETING} if handset.marketing == Handset.Marketing.REFUSED else set()


def _shown(recipient: Recipient, language: str) -> dict[str, Any]:
    business, words = recipient.business, WORDS[language]
    stopped = _stopped(consent.handset(business, recipient.phone))
    state = again = ""
    if stopped:
        all_of_them = Category.ALL in stopped
        state = words["no_texts" if all_of_them else "no_offers"].format(business=business.name)
        number = _start_to(recipient) or words["the_text"]
        again = words["again_all" if all_of_them else "again_offers"].format(
            number=number, business=business.name
        )
    return {
        "business": business,
        "language": language,
        "words": words,
        "title": words["title"],
        "facts": _facts(recipient, language, stopped=bool(stopped)),
        "state": state,
        "again": again,
        "choices": [
            (value, words[value], words[f"{value}_leave"])
            for value, category in STOPS.items()
            if category not in stopped
        ],
    }


def _facts(recipient: Recipient, language: str, *, stopped: bool) -> list[tuple[str, str]]:
    """When and how they agreed to offers, and stopped them: of the number, so of nobody's name."""
    business, words = recipient.business, WORDS[language]
    said = business.consents.filter(phone=recipient.phone)
    of_offers = said.filter(category__in=[Category.MARKETING, Category.ALL], says=Says.AGREED)
    lines = [("agreed", of_offers.order_by("-id").first())]
    if stopped:
        lines.append(("stopped", said.filter(says=Says.REFUSED).order_by("-id").first()))
    return [
        (words[name], words.get(line.how, "{day}").format(day=_day(line, business, language)))
        for name, line in lines
        if line
    ]


def _day(line: Consent, business: Business, language: str) -> str:
    return date_in_words(line.said_at.astimezone(business.zone).date(), language, business.country)


def _start_to(recipient: Recipient) -> str:
    """The number to which START brings texts back, as people write it: the business's own, else the text's."""
    own = texting.own_number(recipient.business)
    number = own.number if own else _number_of(recipient)
    return pretty(number) if number else ""


def _number_of(recipient: Recipient) -> str:
    """The number that the text came from, E.164; empty if the text is gone."""
    if recipient.message_id is None:
        return ""
    text = recipient.business.messages.filter(pk=recipient.message_id).select_related("number").first()
    return text.number.number if text and text.number else ""
