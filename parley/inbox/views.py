"""The Inbox: list, thread, composer, and what a page asks for when something changed.

Whole pages answer plain requests; to htmx (`HX-Request`) the same partials answer alone. Everything is reached
through `request.member`: another business's conversation is a 404 exactly like one that never was.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from parley.businesses.access import MemberRequest, for_members
from parley.inbox.composer import Composer, talk_of
from parley.inbox.doubts import doubt_about, with_doubt
from parley.inbox.listing import Listing
from parley.inbox.search import Found
from parley.inbox.thread import FAILED, Thread
from parley.live.nudges import MOST_IDS, nudge
from parley.messaging import sending
from parley.messaging.again import again_key
from parley.messaging.models import Conversation, Message
from parley.messaging.unread import UNREAD
from parley.notifications.models import Notification

# A notification's transaction may end after its time was written. Pages remember what they have shown.
NEWS_OVERLAP = timedelta(seconds=10)
MOST_TOASTS = 3


def _partial(request: HttpRequest) -> bool:
    """Whether htmx asks for pieces; going back in the history needs the whole page."""
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers


def _find(request: MemberRequest, id: uuid.UUID) -> Conversation:
    own = request.member.business.conversations.select_related("client", "assignee__user")
    return get_object_or_404(with_doubt(own), pk=id)


def _listing(request: MemberRequest) -> Listing | Found:
    asked = request.GET
    if words := asked.get("q", "").strip():
        return Found(request.member, words)
    return Listing(
        request.member, asked.get("show", "open"), before=asked.get("before", ""), part=asked.get("part", "")
    )


def _thread(
    request: MemberRequest, conversation: Conversation, composer: Composer | None = None
) -> dict[str, Any]:
    """All that the thread's templates need."""
    return {
        "thread": Thread(request.member, conversation, _uuid(request.GET.get("at"))),
        "composer": composer or _composer(request, conversation),
        "members": request.member.business.members.select_related("user").order_by("user__name", "id"),
        "current": conversation.id,
        "doubt": doubt_about(request.member.business, conversation.client.phone)
        if conversation.in_doubt  # type: ignore[attr-defined]
        else None,
    }


def _composer(request: MemberRequest, conversation: Conversation) -> Composer:
    """Empty, or with the words of a message that is to be sent by email instead."""
    composer = Composer(request.member, conversation.client, channel=request.GET.get("via", ""))
    if from_ := _uuid(request.GET.get("from")):
        message = conversation.messages.filter(pk=from_, business_id=request.member.business_id).first()
        if message:
            composer.body, composer.subject = message.body, message.subject
    return composer


def _uuid(text: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(text or "")
    except ValueError:
        return None


def _count(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else 0


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _whole(request: MemberRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """The Inbox's page, with a thread or with none."""
    page = {
        "place": "inbox",
        "listing": _listing(request),
        "filters": Listing(request.member, request.GET.get("show", "open")).filters,
        "show": request.GET.get("show", "open"),
        "words": request.GET.get("q", "").strip(),
    }
    return render(request, "inbox/inbox.html", page | context, status=status)


@require_GET
@for_members
def inbox(request: MemberRequest) -> HttpResponse:
    """The list alone; for htmx the next page of it, or what a search found."""
    if not _partial(request):
        return _whole(request, {})
    template = "inbox/rows.html" if "before" in request.GET else "inbox/list.html"
    context: dict[str, Any] = {"listing": _listing(request), "words": request.GET.get("q", "").strip()}
    if template == "inbox/list.html":
        context["filters"] = Listing(request.member, request.GET.get("show", "open")).filters
        context["show"] = request.GET.get("show", "open")
        context["current"] = _uuid(request.GET.get("current"))
    return render(request, template, context)


@require_GET
@for_members
def conversation(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """A conversation beside the list; for htmx the conversation alone. `at` is the message that a search found."""
    context = _thread(request, _find(request, id))
    if _partial(request):
        return render(request, "inbox/opened.html", context)
    return _whole(request, context)


@require_GET
@for_members
def earlier(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """The page of messages before the one named."""
    thread = Thread(request.member, _find(request, id))
    before = _uuid(request.GET.get("before"))
    try:
        lines = thread.before(before) if before else []
    except Message.DoesNotExist:
        raise Http404 from None
    return render(request, "inbox/earlier.html", {"thread": thread, "lines": lines})


@require_POST
@for_members
def send(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Send what the composer holds. To a script: 204, or 422 with the field and the words of the problem."""
    conversation = talk_of(request.member.business, id)
    if conversation is None:
        raise Http404
    client = conversation.client
    sent = request.POST
    words = {name: sent.get(name, "") for name in ("channel", "body", "subject")}
    try:
        sending.send(
            request.member,
            client,
            client_key=_uuid(sent.get("client_key")),
            conversation=conversation,
            **words,
        )
    except sending.CannotSend as problem:
        if _partial(request):
            return JsonResponse({"field": problem.field, "words": problem.words}, status=422)
        composer = Composer(request.member, client, problem=problem, **words)
        return _whole(request, _thread(request, _find(request, id), composer), status=422)
    return _done(request, conversation)


@require_POST
@for_members
def again(request: MemberRequest, id: uuid.UUID, message: uuid.UUID) -> HttpResponse:
    """Send a message once more that failed, or that may not have arrived."""
    conversation = _find(request, id)
    old = get_object_or_404(
        conversation.messages,
        pk=message,
        business_id=request.member.business_id,
        direction=Message.Direction.OUT,
        kind=Message.Kind.DIRECT,
        state__in=[*FAILED, Message.State.UNCONFIRMED],
    )
    try:
        sending.send(
            request.member,
            conversation.client,
            channel=old.channel,
            body=old.body,
            subject=old.subject,
            client_key=again_key(old.id),
        )
    except sending.CannotSend as problem:
        if _partial(request):
            return render(
                request, "ui/toast.html", {"title": problem.words, "sign": "alert", "tone": "danger"}
            )
        composer = Composer(request.member, conversation.client, old.channel, old.subject, old.body, problem)
        return _whole(request, _thread(request, conversation, composer), status=422)
    return _done(request, conversation)


@require_POST
@for_members
def now(request: MemberRequest, id: uuid.UUID, message: uuid.UUID) -> HttpResponse:
    """Let a text that waits behind one in doubt go ahead of it."""
    conversation = _find(request, id)
    own = conversation.messages.filter(business_id=request.member.business_id)
    sending.send_past(get_object_or_404(own, pk=message))
    return _done(request, conversation)


@require_POST
@for_members
def read(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """The open, visible page says so: what came up to the message `seen` has been read. Fetching a page never does."""
    own = request.member.business.conversations
    seen = get_object_or_404(
        request.member.business.messages, pk=_uuid(request.POST.get("seen")), conversation_id=id
    )
    newer = (
        Message.objects.filter(UNREAD, business_id=request.member.business_id, conversation_id=OuterRef("pk"))
        .filter(direction=Message.Direction.IN)
        .after(seen)
        .values("conversation_id")
        .annotate(n=Count("pk"))
        .values("n")
    )
    if own.filter(pk=id, unread__gt=0).update(unread=Coalesce(Subquery(newer), 0)):
        nudge(request.member.business_id, [id])
    return HttpResponse(status=204)


@require_POST
@for_members
def assign(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Give the conversation to a member of the same business, or to nobody."""
    conversation = _find(request, id)
    chosen = request.POST.get("member", "")
    member = get_object_or_404(request.member.business.members, pk=_uuid(chosen)) if chosen else None
    conversation.assignee = member
    conversation.save(update_fields=["assignee"])
    nudge(request.member.business_id, [conversation.id])
    return _done(request, conversation)


@require_POST
@for_members
def close(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Put the conversation away; a new text from the client opens it again."""
    conversation = _find(request, id)
    conversation.closed_at = timezone.now()
    conversation.save(update_fields=["closed_at"])
    nudge(request.member.business_id, [conversation.id])
    if _partial(request):
        return render(request, "inbox/toast_closed.html", {"conversation": conversation})
    return redirect("conversation", conversation.id)


@require_POST
@for_members
def open_again(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Take a closed conversation back into the open ones."""
    conversation = _find(request, id)
    conversation.closed_at = None
    conversation.save(update_fields=["closed_at"])
    nudge(request.member.business_id, [conversation.id])
    return _done(request, conversation)


def _done(request: MemberRequest, conversation: Conversation) -> HttpResponse:
    """A script asks `/live` for what changed, as every other open page does; a plain form goes back to the thread."""
    return HttpResponse(status=204) if _partial(request) else redirect("conversation", conversation.id)


@require_GET
@for_members
def live(request: MemberRequest) -> HttpResponse:
    """What changed, for what a page shows. Asked once a nudge, and after every gap.

    `c`: the conversations that changed (none: anything may have). `list`: the filter of the list, if it is shown,
    with the number of `rows` in it. `thread`, `since`, `oldest`: the conversation that is open, when it was last
    asked for, and the first message in it. `news`: there is something to notify of since then.
    """
    asked = request.GET
    ids = {id for text in asked.getlist("c")[: MOST_IDS + 1] if (id := _uuid(text))}
    open_id = _uuid(asked.get("thread"))
    context: dict[str, Any] = {"current": open_id, "now": timezone.now()}
    if "list" in asked:
        listing = Listing(request.member, asked["list"], rows=_count(asked.get("rows")))
        context |= {"filters": listing.filters, "show": listing.show, "listing": listing}
        if ids:
            context["rows"] = listing.among(ids)
            context["gone"] = ids - {row.conversation.id for row in context["rows"]}
    if open_id and (not ids or open_id in ids):
        own = request.member.business.conversations.select_related("client", "assignee__user")
        if conversation := with_doubt(own).filter(pk=open_id).first():
            context |= _thread(request, conversation)
            since = _moment(asked.get("since")) or context["now"]
            context["lines"] = context["thread"].since(since, _uuid(asked.get("oldest")))
    if news := _moment(asked.get("news")):
        # A failure says what to do next, so it stays where it can be done: in the conversation.
        toasts = Notification.objects.told_to(request.member).filter(
            kind__in=(
                Notification.Kind.TEXT,
                Notification.Kind.CALL,
                Notification.Kind.NUMBER,
                Notification.Kind.QUOTA,
                Notification.Kind.PAYMENT,
                Notification.Kind.IMPORT,
            ),
            created_at__gt=news - NEWS_OVERLAP,
        )
        if visible := _uuid(asked.get("visible")):
            toasts = toasts.exclude(kind=Notification.Kind.TEXT, conversation_id=visible)
        context["toasts"] = toasts[:MOST_TOASTS]
    return render(request, "inbox/live.html", context)
