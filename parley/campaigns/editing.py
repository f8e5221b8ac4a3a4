"""Writing a campaign: its words, whom it goes to and when, what would happen, a test, and the last look."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from parley.alerts import wording as liquid
from parley.alerts.examples import somebody
from parley.alerts.placeholders import OF_NOTHING
from parley.alerts.wording import Unfit
from parley.businesses.access import MemberRequest, for_managers
from parley.businesses.models import Business, Member
from parley.campaigns import control, foretelling, preparing, trying, wording
from parley.campaigns.audience import WHY_NOT
from parley.campaigns.clock import NO_NUMBER
from parley.campaigns.forms import HOURS, MOST_PICKED, CampaignForm, at_of, values_of
from parley.campaigns.models import Campaign
from parley.clients.choosing import FEW, offered
from parley.clients.models import Client
from parley.messaging.sending import as_sent
from parley.quota import ledger
from parley.sms import segments
from parley.sms.addresses import zone_name
from parley.sms.numbers import BadNumber, Country, parse
from parley.ui.dialogs import leave_for, render_sheet
from parley.ui.pressed import key_of

Status = Campaign.Status
CHIPS = ("client.first_name", "client.last_name", "business.name", "business.phone", "business.address")


# ---- Pages


@require_http_methods(["GET", "HEAD", "POST"])
@for_managers
@never_cache
def campaign_new(request: MemberRequest) -> HttpResponse:
    """A new one; nothing is kept until it is saved."""
    return _edit(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@for_managers
@never_cache
def campaign_edit(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """A draft, or one that waits for its time. POST saves it; with `send`, it goes on to the last look."""
    campaign = _campaign(request, id)
    if not campaign.editable:
        if request.method == "POST":
            messages.error(request, NotEditable(campaign).words, extra_tags="alert")
        return redirect("campaign", campaign.pk)
    return _edit(request, campaign)


def _edit(request: MemberRequest, campaign: Campaign | None) -> HttpResponse:
    business = request.member.business
    if request.method != "POST":
        form = CampaignForm(business, campaign=campaign)
        return _page(request, form, campaign)
    if {"add", "remove", "find"} & request.POST.keys():
        # Without scripts: people are picked, and all is shown as it was typed.
        form = CampaignForm(business, request.POST, campaign=campaign)
        form.is_valid()
        form.errors.clear()
        return _page(request, form, campaign, picking=Picking.of(request, form))
    scheduled = campaign is not None and campaign.status == Status.SCHEDULED
    form = CampaignForm(business, request.POST, campaign=campaign, whole=scheduled or "send" in request.POST)
    if not form.is_valid():
        return _page(request, form, campaign, status=422)
    try:
        saved = _save(form, request.member, campaign)
    except NotEditable as gone:
        messages.error(request, gone.words, extra_tags="alert")
        return redirect("campaign", gone.campaign.pk)
    except Changed as changed:
        form.version = changed.campaign.changed_at.isoformat()
        return _page(request, form, changed.campaign, changed=changed.campaign, status=409)
    foretelling.ask(saved, form.page)
    if scheduled:
        foretelling.keep(saved)
    address = reverse("campaign_edit", args=[saved.pk])
    if "send" in request.POST:
        return redirect(f"{address}?send")
    messages.success(request, "Saved", extra_tags="check")
    return redirect(address)


@require_POST
@for_managers
def campaign_preview(request: MemberRequest) -> HttpResponse:
    """What is typed, as a client would read it; nothing is saved."""
    form = CampaignForm(request.member.business, request.POST)
    context = {"form": form, "previews": _previews(form.unsaved())}
    return render(request, "campaigns/previewed.html", context)


@require_POST
@for_managers
def campaign_picked(request: MemberRequest) -> HttpResponse:
    """The picker by itself: with somebody more (`add`) or less (`remove`), or whom `pick_q` finds."""
    form = CampaignForm(request.member.business, request.POST)
    picking = Picking.of(request, form)
    found = request.headers.get("HX-Target") == "div#picked-found"
    template = "campaigns/_picked_found.html" if found else "campaigns/_picked.html"
    return render(request, template, {"form": form, "picking": picking, "answers": True})


@require_POST
@for_managers
def campaign_foretelling(request: MemberRequest) -> HttpResponse:
    """What would happen if what is typed began as it stands: shown if it is known, else counted by a job."""
    form = CampaignForm(request.member.business, request.POST)
    answer = foretelling.ask(form.unsaved(), form.page)
    return render(request, "campaigns/_foretold.html", _foretold(request.member.business, answer))


@require_POST
@for_managers
def campaign_test(request: MemberRequest) -> HttpResponse:
    """Send what is typed to the member who asks; their mobile is asked for once."""
    member = request.member
    form = CampaignForm(member.business, request.POST)
    campaign = form.unsaved()
    problem, typed = "", request.POST.get("my_mobile", "").strip()
    if typed or not member.phone:
        try:
            member.phone = parse(typed, cast(Country, member.business.country))
            member.save(update_fields=["phone"])
        except BadNumber as bad:
            problem = bad.words
    if not problem and (wrong := _wrong(campaign)):
        problem = f"Mend the words first. {wrong}"
    outcomes = [] if problem else trying.send_test(member, campaign, key_of(request.POST))
    context = {"tested": outcomes, "test_problem": problem, "my_mobile": typed, "form": form}
    if "HX-Request" in request.headers:
        return render(request, "campaigns/_test.html", context)
    saved = member.business.campaigns.filter(pk=form.id).first()
    return _page(request, form, saved, more=context, status=422 if problem else 200)


def _wrong(campaign: Campaign) -> str:
    """What is wrong with its words, both."""
    sources = [campaign.wording, *([campaign.wording_b] if campaign.share_b else [])]
    return " ".join(dict.fromkeys(problem for source in sources for problem in wording.problems(source)))


# ---- Letting it go, and taking it back


@require_http_methods(["GET", "HEAD", "POST"])
@for_managers
@never_cache
def campaign_send(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """The last look: to how many, what it costs, when it ends, what they read. POST lets it begin."""
    business = request.member.business
    problem = ""
    with transaction.atomic():
        campaign = _campaign(request, id, locked=request.method == "POST")
        if not campaign.editable:
            return leave_for(request, reverse("campaign", args=[campaign.pk]))
        form = CampaignForm(business, values_as_typed(campaign), campaign=campaign, whole=True)
        if not form.is_valid():
            return leave_for(request, f"{reverse('campaign_edit', args=[campaign.pk])}?unfit")
        why_not = control.why_not_begin(business)
        if request.method == "POST" and not why_not:
            if at_of(request.POST.get("version", "")) == campaign.changed_at:
                control.schedule(campaign, request.member, campaign.send_at)
                foretelling.keep(campaign)
                return _sent(request, campaign)
            problem = f"{_who(campaign)} changed this meanwhile. This is how it is now."
    answer = foretelling.ask(campaign, form.page)
    context = _foretold(business, answer) | {
        "place": "campaigns",
        "campaign": campaign,
        "previews": _previews(campaign),
        "problem": problem,
        "why_not": why_not or ("" if answer.told is None or answer.told.number else NO_NUMBER),
    }
    return render_sheet(request, "campaigns/send.html", context, status=409 if problem else 200)


def _sent(request: MemberRequest, campaign: Campaign) -> HttpResponse:
    assert campaign.send_at
    now = campaign.send_at <= timezone.now()
    messages.success(
        request, f"{campaign.name} {'is on its way' if now else 'is scheduled'}", extra_tags="send"
    )
    return leave_for(request, reverse("campaign", args=[campaign.pk]))


@require_POST
@for_managers
def campaign_unschedule(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Make a draft again of one that waits for its time."""
    campaign = _campaign(request, id)
    try:
        control.unschedule(campaign, request.member)
    except control.CannotChange as cannot:
        messages.error(request, cannot.words, extra_tags="alert")
        return redirect("campaign", campaign.pk)
    messages.success(request, f"{campaign.name} is a draft again", extra_tags="note")
    return redirect("campaign_edit", campaign.pk)


@require_POST
@for_managers
def campaign_again(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """A new draft with the words and the people of an earlier one; pressed twice it is one."""
    like = _campaign(request, id)
    made = Campaign(
        id=uuid.uuid5(like.pk, str(key_of(request.POST))),
        business=request.member.business,
        changed_at=timezone.now(),
        changed_by=request.member,
        **(values_of(like) | {"send_at": None}),
    )
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError:
        return redirect("campaign_edit", made.pk)
    messages.success(request, f"A new draft like {like.name}", extra_tags="copy")
    return redirect("campaign_edit", made.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@for_managers
def campaign_delete(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Delete a draft; asked once more before it is done."""
    campaign = _campaign(request, id)
    if request.method == "POST":
        gone, _ = request.member.business.campaigns.filter(pk=campaign.pk, status=Status.DRAFT).delete()
        if not gone:
            messages.error(request, "Only a draft can be deleted.", extra_tags="alert")
            return leave_for(request, reverse("campaign", args=[campaign.pk]))
        messages.success(request, f"{campaign.name} is deleted", extra_tags="trash")
        return leave_for(request, reverse("campaigns"))
    if campaign.status != Status.DRAFT:
        return redirect("campaign", campaign.pk)
    return render_sheet(request, "campaigns/delete.html", {"place": "campaigns", "campaign": campaign})


# ---- Saving


class NotEditable(Exception):
    """It has begun meanwhile; `words` say so."""

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign
        self.words = (
            f"{campaign.name} has begun, so it can’t be changed any more. Nothing of yours was saved."
        )
        super().__init__(self.words)


class Changed(Exception):
    """Somebody has saved it since the page was opened; `campaign` is as they left it."""

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign
        super().__init__()


def _save(form: CampaignForm, member: Member, campaign: Campaign | None) -> Campaign:
    """Keep what was typed. Raises Changed, NotEditable; Http404 where its id is somebody else's."""
    typed = form.unsaved()
    typed.changed_at, typed.changed_by = timezone.now(), member
    if campaign is None:
        try:
            with transaction.atomic():
                typed.save(force_insert=True)
            return typed
        except IntegrityError:
            return _known_already(member.business, typed)
    mine = member.business.campaigns.filter(
        pk=campaign.pk, status=campaign.status, changed_at=at_of(form.version)
    )
    saved = mine.update(**values_of(typed), changed_at=typed.changed_at, changed_by=member)
    return typed if saved else _known_already(member.business, typed)


def _known_already(business: Business, typed: Campaign) -> Campaign:
    """What stands in the way: the same, saved a moment ago (a second click), or what somebody else has saved."""
    known = business.campaigns.select_related("changed_by__user").filter(pk=typed.pk).first()
    if known is None:
        raise Http404
    if not known.editable:
        raise NotEditable(known)
    if values_of(known) != values_of(typed):
        raise Changed(known)
    return known


# ---- What they share


def _campaign(request: MemberRequest, id: uuid.UUID, *, locked: bool = False) -> Campaign:
    """The business's own. Raises Http404."""
    own = request.member.business.campaigns.all()
    own = own.select_for_update(no_key=True) if locked else own.select_related("changed_by__user")
    found = get_object_or_404(own, pk=id)
    found.business = request.member.business
    return found


def _who(campaign: Campaign) -> str:
    return campaign.changed_by.user.name.split()[0] if campaign.changed_by else "Somebody"


def values_as_typed(campaign: Campaign) -> dict[str, Any]:
    """A saved campaign as its form would be posted."""
    return {
        name: value
        for name, value in CampaignForm(campaign.business, campaign=campaign).initial.items()
        if value
    }


@dataclass
class Picking:
    """Choosing people one by one: who is offered, and what could not be done."""

    business: Business
    q: str = ""
    problem: str = ""

    @classmethod
    def of(cls, request: MemberRequest, form: CampaignForm) -> Picking:
        """Do what the request asks, to the form's `picked_ids`."""
        picking = cls(request.member.business, " ".join(request.POST.get("pick_q", "").split())[:100])
        ids = list(form.picked_ids)
        for verb in ("add", "remove"):
            try:
                id = uuid.UUID(request.POST.get(verb, ""))
            except ValueError:
                continue
            if verb == "remove":
                ids = [each for each in ids if each != id]
            elif len(ids) >= MOST_PICKED:
                picking.problem = (
                    f"That is {MOST_PICKED} people, the most that can be picked. Use a tag for more."
                )
            elif id not in ids:
                ids.append(id)
        form.picked_ids = ids
        return picking

    @property
    def offered(self) -> list[Client]:
        """Those whose name, number or email matches, else whom one spoke with last."""
        return offered(self.business, self.q, FEW).clients


def _page(
    request: MemberRequest,
    form: CampaignForm,
    campaign: Campaign | None,
    *,
    picking: Picking | None = None,
    changed: Campaign | None = None,
    more: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    business = request.member.business
    shown = form.unsaved()
    told = foretelling.known(shown)
    if "unfit" in request.GET and not form.is_bound and campaign:
        form = CampaignForm(business, values_as_typed(campaign), campaign=campaign, whole=True)
    context = _foretold(business, foretelling.Answer(told)) | {
        "place": "campaigns",
        "form": form,
        "campaign": campaign,
        "previews": _previews(shown),
        "picking": picking or Picking(business),
        "chips": [OF_NOTHING[name] for name in CHIPS],
        "labels": {each.name: each.label for each in OF_NOTHING.values()},
        "hours": HOURS,
        "zone_name": zone_name(business.time_zone),
        "changed": changed,
        "changed_by": _who(changed) if changed else "",
        "sends": "send" in request.GET,
        "why_not": control.why_not_begin(business),
        "first_few": preparing.FEWEST_FIRST,
        "worth": preparing.WORTH_A_CANARY,
    }
    return render(request, "campaigns/edit.html", context | (more or {}), status=status)


@dataclass(frozen=True, slots=True)
class Reason:
    """So many get nothing, and why; `people` are the first few."""

    number: int
    name: str
    helps: str
    people: list[Client]

    @property
    def others(self) -> int:
        return self.number - len(self.people)


def _foretold(business: Business, answer: foretelling.Answer) -> dict[str, Any]:
    """What the page says of what would happen."""
    told = answer.told
    balance = ledger.seen(business)
    context: dict[str, Any] = {"answer": answer, "told": told, "balance": balance, "reasons": []}
    if told is None:
        return context
    names = foretelling.names_of(business, told)
    return context | {
        "reasons": [
            Reason(number, *WHY_NOT[why], names.get(why, []))
            for why, number in sorted(told.unfit.items(), key=lambda each: -each[1])
        ],
        "short": max(0, told.texts - balance.left),
        "minutes": round(told.lasts.total_seconds() / 60),
    }


@dataclass(frozen=True, slots=True)
class Preview:
    """One of its wordings as one client would read it. `problem`: why it can't be read."""

    variant: str
    client: Client
    at: datetime
    text: str
    problem: str
    count: segments.Segments
    special: list[str]
    gap_words: str
    may_be_too_long: bool


def _previews(campaign: Campaign) -> list[Preview]:
    client = somebody(campaign.business)
    links = preparing.links(campaign)
    words = wording.Words(campaign.business, campaign, links)
    recipient = foretelling.next_recipient()
    variants = ("a", "b") if campaign.share_b else ("a",)
    return [_preview(campaign, words, client, recipient, variant) for variant in variants]


def _preview(
    campaign: Campaign, words: wording.Words, client: Client, recipient: int, variant: str
) -> Preview:
    source = campaign.wording_b if variant == "b" else campaign.wording
    wrong = wording.problems(source)
    text, gap, may_be_too_long = "", "", False
    if not wrong:
        try:
            text = as_sent(words.compose(client, recipient, variant))
            gap = _gap(words, client, recipient, variant, source)
            may_be_too_long = words.may_be_too_long(recipient, variant)
        except Unfit as unfit:
            wrong = [unfit.words]
    count = segments.count(text)
    return Preview(
        variant=variant,
        client=client,
        at=campaign.send_at or timezone.now(),
        text=text,
        problem=" ".join(wrong) if source.strip() else "",
        count=count,
        special=segments.special(text) if count.encoding == "UCS-2" else [],
        gap_words=gap,
        may_be_too_long=may_be_too_long,
    )


def _gap(words: wording.Words, client: Client, recipient: int, variant: str, source: str) -> str:
    """What somebody reads whose name is not known; empty where that makes no difference."""
    if not any(name.startswith("client.") for name in liquid.named(source)):
        return ""
    nobody = Client(phone=client.phone, language=client.language)
    try:
        return words.compose(nobody, recipient, variant).partition("\n")[0]
    except Unfit:
        return "nothing, so nothing is sent"
