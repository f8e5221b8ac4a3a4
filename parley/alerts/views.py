"""Settings > Auto Client Messages and SMS > Auto messages: the list, one message, its preview, test and rehearsal."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, cast

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from parley.alerts import planning, trying_out, wording
from parley.alerts import rehearsal as rehearsing
from parley.alerts.examples import Example, example
from parley.alerts.forms import RuleForm
from parley.alerts.kinds import KINDS, Kind
from parley.alerts.models import Rule
from parley.alerts.moments import spoken
from parley.alerts.placeholders import Values, chips, known, values
from parley.alerts.rules import Rules
from parley.appointments.models import Service
from parley.businesses import opening
from parley.businesses.access import MemberRequest, for_managers
from parley.businesses.models import Business
from parley.clients.models import Client
from parley.sms import segments
from parley.sms.numbers import BadNumber, Country, parse
from parley.ui.dialogs import render_sheet
from parley.ui.pressed import key_of

FIRST_SHOWN = "reminder"
SERVICES_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list."""

    kind: Kind
    rule: Rule

    @property
    def when(self) -> str:
        """ "24 hours before, SMS"."""
        when = timing(self.kind, self.rule).removesuffix(" the appointment")
        return f"{capitalized(when)}, {channels(self.rule)}"


def timing(kind: Kind, rule: Rule) -> str:
    """When it is sent, in words: "24 hours before", "right after booking"."""
    if kind.timing == "now":
        return kind.moment
    return f"{spoken(rule.amount, rule.unit)} {kind.timing} {kind.moment}"


def channels(rule: Rule) -> str:
    return " and ".join(name for name, on in (("SMS", rule.sms), ("email", rule.email)) if on) or "off"


def capitalized(words: str) -> str:
    return words[:1].upper() + words[1:]


# ---- Pages


@require_GET
@for_managers
def auto_messages(request: MemberRequest) -> HttpResponse:
    """The list; where there is room beside it, one message. On a phone the list alone."""
    return _page(request, KINDS[FIRST_SHOWN], None, pane="list")


@require_http_methods(["GET", "HEAD", "POST"])
@for_managers
def auto_message(request: MemberRequest, kind: str) -> HttpResponse:
    """One message; `service` in the address: as it is for that service. POST saves it."""
    of = _kind(kind)
    service = _service(request, of)
    if request.method != "POST":
        return _page(request, of, service)
    with transaction.atomic():
        rules = _locked(request.member.business)
        rule = _editable(rules, of, service)
        before = (rule.on, rule.amount, rule.unit, not rule._state.adding)
        form = RuleForm(rule, request.POST)
        if not form.is_valid():
            return _page(request, of, service, form=form, rules=rules, status=422)
        form.save(rule)
        after = (rule.on, rule.amount, rule.unit, True)
        _follow(request.member.business, rule, replans=before != after)
    messages.success(request, "Saved")
    return redirect(_address("auto_message", of, service))


@require_POST
@for_managers
@transaction.atomic
def switch(request: MemberRequest, kind: str) -> HttpResponse:
    """Turn a message on or off, at once."""
    of = _kind(kind)
    service = _service(request, of)
    business = request.member.business
    rules = _locked(business)
    rule = _editable(rules, of, service)
    on, words = "on" in request.POST, ""
    if on and of.about == "text" and not business.hours:
        on, words = False, "Say first when you are open: Settings, Business, Opening hours."
    elif on and not (rule.sms or rule.email):
        on, words = False, "Choose SMS, email or both first."
    if rule.on != on or rule._state.adding:
        rule.on = on
        rule.save()
        _follow(business, rule, replans=True)
    said = f"{of.name} is {'on' if on else 'off'}" + (f" for {service}" if service else "")
    if "HX-Request" not in request.headers:
        messages.add_message(request, messages.ERROR if words else messages.SUCCESS, words or said)
        return redirect(_address("auto_message", of, service))
    context = {
        "row": Row(of, rule),
        "rule": rule,
        "kind": of,
        "service": service,
        "said": said,
        "words": words,
    }
    return render(request, "alerts/switched.html", context)


@require_POST
@for_managers
def preview(request: MemberRequest, kind: str) -> HttpResponse:
    """What is typed, as a client would read it; nothing is saved."""
    of = _kind(kind)
    service = _service(request, of)
    rules = Rules(request.member.business)
    form = RuleForm(_editable(rules, of, service), request.POST)
    context = {"preview": _preview(form.unsaved(), rules, service, form), "kind": of}
    return render(request, "alerts/previewed.html", context)


@require_POST
@for_managers
def test(request: MemberRequest, kind: str) -> HttpResponse:
    """Send the message as it is typed to the member who asks; their mobile is asked for once."""
    of = _kind(kind)
    service = _service(request, of)
    member = request.member
    rules = Rules(member.business)
    form = RuleForm(_editable(rules, of, service), request.POST)
    rule = form.unsaved()
    problem = ""
    typed = request.POST.get("my_mobile", "").strip()
    if typed or (not member.phone and (rule.sms or not rule.email)):
        try:
            member.phone = parse(typed, cast(Country, member.business.country))
            member.save(update_fields=["phone"])
        except BadNumber as bad:
            problem = bad.words
    outcomes = []
    if not problem:
        outcomes = trying_out.send_test(
            member, rule, example(rule, service), form.shown, key_of(request.POST)
        )
    context = {"tested": outcomes, "test_problem": problem, "my_mobile": typed, "kind": of, "form": form}
    if "HX-Request" in request.headers:
        return render(request, "alerts/_test.html", context | {"service": service})
    return _page(request, of, service, form=form, rules=rules, more=context, status=422 if problem else 200)


@require_POST
@for_managers
def rehearsal(request: MemberRequest, kind: str) -> HttpResponse:
    """Whom the message, as it is typed, would have reached in the last 30 days."""
    of = _kind(kind)
    service = _service(request, of)
    rules = Rules(request.member.business)
    rule = RuleForm(_editable(rules, of, service), request.POST).unsaved()
    context = {
        "kind": of,
        "service": service,
        "result": rehearsing.rehearse(rule, service),
        "when": timing(of, rule),
        "back": _address("auto_message", of, service),
        "place": "auto_messages",
    }
    return render_sheet(request, "alerts/rehearsal.html", context)


@require_POST
@for_managers
@transaction.atomic
def usual(request: MemberRequest, kind: str) -> HttpResponse:
    """A service goes back to what holds for all."""
    of = _kind(kind)
    service = _service(request, of)
    if service is None:
        raise Http404
    business = request.member.business
    rules = _locked(business)
    own = rules.own_of(of.code, service.pk)
    if own:
        own.delete()
        planning.replan(business, [of.code])
    messages.success(request, f"{service} is back to the usual words")
    return redirect(_address("auto_message", of, service))


# ---- What they share


def _kind(code: str) -> Kind:
    try:
        return KINDS[code]
    except KeyError:
        raise Http404 from None


def _service(request: MemberRequest, kind: Kind) -> Service | None:
    """The service that the address names, of this business; 404 for anybody else's."""
    wanted = request.GET.get("service", "")
    if not wanted:
        return None
    try:
        id = uuid.UUID(wanted)
    except ValueError:
        raise Http404 from None
    found = request.member.business.services.filter(pk=id).first() if kind.about == "appointment" else None
    if found is None:
        raise Http404
    return found


def _address(name: str, kind: Kind, service: Service | None) -> str:
    address = reverse(name, args=[kind.code])
    return f"{address}?service={service.pk}" if service else address


def _locked(business: Business) -> Rules:
    """The rules, nobody else's to change until the transaction ends."""
    Business.objects.select_for_update(no_key=True).only("pk").get(pk=business.pk)
    return Rules(business)


def _editable(rules: Rules, kind: Kind, service: Service | None) -> Rule:
    """The rule to edit: the service's own, or one like the usual that becomes its own when it is saved."""
    if service is None:
        return rules.of(kind.code)
    if own := rules.own_of(kind.code, service.pk):
        own.service = service
        return own
    like = rules.of(kind.code)
    return Rule(
        business=rules.business,
        kind=kind.code,
        service=service,
        **{name: getattr(like, name) for name in _COPIED},
    )


_COPIED = (*("on", "sms", "email", "amount", "unit", "texts", "subjects", "emails", "confirms", "stop_line"),)


def _follow(business: Business, rule: Rule, *, replans: bool) -> None:
    """What else has to know of a rule that changed: what waits, and the road in."""
    if rule.kind == "closed":
        tells = rule.on and rule.sms
        Business.objects.filter(pk=business.pk).exclude(tells_closed=tells).update(tells_closed=tells)
    if replans and KINDS[rule.kind].timing != "now":
        planning.replan(business, [rule.kind])


def _page(
    request: MemberRequest,
    kind: Kind,
    service: Service | None,
    *,
    pane: str = "detail",
    form: RuleForm | None = None,
    rules: Rules | None = None,
    more: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    business = request.member.business
    rules = rules or Rules(business)
    rule = _editable(rules, kind, service)
    form = form or RuleForm(rule)
    shown = form.unsaved() if form.is_bound else rule
    services: Iterable[Service] = []
    if kind.about == "appointment":
        services = business.services.filter(offered=True).order_by("name")[:SERVICES_SHOWN]
    context = {
        "place": "auto_messages",
        "pane": pane,
        "groups": [
            (name, [Row(each, rules.of(each.code)) for each in group])
            for name, group in groupby(KINDS.values(), key=lambda each: each.group)
        ],
        "kind": kind,
        "rule": rule,
        "form": form,
        "service": service,
        "services": services,
        "own": service is not None and not rule._state.adding,
        "own_words": {each.pk for each in services if rules.own_of(kind.code, each.pk)},
        "chips": chips(kind.about),
        "labels": {each.name: each.label for each in known(kind.about).values()},
        "preview": _preview(shown, rules, service, form),
        "reads": business.converses,
        "hours": opening.spoken(business) if kind.about == "text" else "",
        "address": _address("auto_message", kind, service),
        "query": f"?service={service.pk}" if service else "",
        "version": "" if rule._state.adding else int(rule.changed_at.timestamp()),
    }
    return render(request, "alerts/auto_messages.html", context | (more or {}), status=status)


# ---- The preview


@dataclass(frozen=True, slots=True)
class Preview:
    """One message as one client would read it. `problem`: why it can't be read; `gap`: what somebody else reads."""

    client: Client
    example: Example
    language: str
    text: str
    problem: str
    count: segments.Segments
    special: list[str]
    gap: str
    gap_words: str
    subject: str
    email: str
    answer: str
    shows_email: bool
    shows_text: bool
    warning: str


# What may have nothing to say, and whose name it goes by in "Without a first name".
_MAY_LACK = {
    "client.first_name": "a first name",
    "client.last_name": "a last name",
    "client.full_name": "a name",
    "business.phone": "a number of your own",
    "business.address": "an address",
    "appointment.location": "an address",
    "payment.due_date": "a due date",
    "estimate.expiry_date": "an end date",
    "lead.message": "a message from them",
}


def _preview(rule: Rule, rules: Rules, service: Service | None, form: RuleForm) -> Preview:
    kind, language = KINDS[rule.kind], form.shown
    of = example(rule, service)
    said = values(rule.business, of.client, of.subject, language, at=of.at)
    source = str(form[f"text_{language}"].value() or "")
    wrong = [*wording.problems(source, rule.kind)] if rule.sms or source else []
    text, gap, gap_words = "", "", ""
    if not wrong:
        text = wording.sent(wording.fill(source, said), rule, language)
        gap, gap_words = _gap(source, said, rule, language)
    subject = email = ""
    if rule.email:
        try:
            subject = wording.fill(wording.template(rule, "subject", language), said)
            email = wording.fill(wording.template(rule, "email", language), said)
        except wording.Unfit as unfit:
            email = unfit.words
    answer = ""
    if kind.confirms and rule.confirms and rule.sms:
        confirmed = rules.of("confirmed", service.pk if service else None)
        if confirmed.on and confirmed.sms:
            try:
                answer = wording.compose(confirmed, said, language).text
            except wording.Unfit:
                answer = ""
    count = segments.count(text)
    return Preview(
        client=of.client,
        example=of,
        language=language,
        text=text,
        problem=" ".join(wrong),
        count=count,
        special=segments.special(text) if count.encoding == "UCS-2" else [],
        gap=gap,
        gap_words=gap_words,
        subject=subject,
        email=email,
        answer=answer,
        shows_email=rule.email,
        shows_text=rule.sms,
        warning=_warning(kind, rule, source),
    )


def _gap(source: str, said: Values, rule: Rule, language: str) -> tuple[str, str]:
    """What somebody reads for whom these words name something that they have not: what, and the words."""
    lacking = [name for name in _MAY_LACK if name in wording.named(source)]
    if not lacking:
        return "", ""
    without = {group: dict(names) for group, names in said.items()}
    for name in lacking:
        group, _, key = name.partition(".")
        if group in without:
            without[group][key] = ""
    words = wording.sent(wording.fill(source, without), rule, language)
    return " and ".join(dict.fromkeys(_MAY_LACK[name] for name in lacking)), words


def _warning(kind: Kind, rule: Rule, source: str) -> str:
    asks = any(ask in source for ask in ("Reply C", "Répondez C", "Responda C"))
    if kind.confirms and asks and not rule.confirms:
        return "The words ask for a C, but C confirms nothing: it is switched off below."
    if asks and not kind.confirms:
        return "An answer of C to this message confirms nothing."
    return ""
