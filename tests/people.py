"""The people that tests meet: two businesses that text, and a stranger who must never see anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from parley.businesses.models import Business, Member, User
from parley.clients.models import Client
from parley.messaging.media_types import sniff
from parley.messaging.models import Attachment, Conversation, Lane, Message
from parley.messaging.sending import conversation_with
from parley.numbers.models import PhoneNumber
from parley.sms import segments

PASSWORD = "a-long-enough-one"
# A real hash is slow on purpose; tests that do not sign in by password need none.
NO_PASSWORD = "!"


@dataclass
class House:
    """A business, its owner, another member, and the number it texts from."""

    business: Business
    owner: Member
    staff: Member
    number: PhoneNumber

    def client(
        self, first: str = "Maya", last: str = "Okafor", phone: str = "+15035550118", **more: Any
    ) -> Client:
        return Client.objects.create(
            business=self.business, first_name=first, last_name=last, phone=phone, **more
        )

    def text(
        self, client: Client, body: str, *, inbound: bool = True, minutes_ago: float = 1, **more: Any
    ) -> Message:
        """A text that has been in the conversation for a while; the conversation shows it."""
        conversation = conversation_with(client)
        at = timezone.now() - timedelta(minutes=minutes_ago)
        values: dict[str, Any] = {
            "direction": "in" if inbound else "out",
            "state": "received" if inbound else "delivered",
            "author": None if inbound else self.owner,
            "number": self.number,
            "their_address": client.phone,
            "segments": segments.count(body).segments,
        }
        message = Message.objects.create(
            business=self.business,
            conversation=conversation,
            body=body,
            at=at,
            changed_at=at,
            **(values | more),
        )
        Conversation.objects.filter(pk=conversation.pk).update(
            last_message=message,
            last_at=at,
            waiting=inbound,
            unread=conversation.unread + 1 if inbound else 0,
        )
        return message

    def attach(self, message: Message, content: bytes | None = None, **more: Any) -> Attachment:
        """What came along with a text: kept if there is content, else on its way."""
        place = len(message.media)
        message.media = [*message.media, {"url": "https://x.example/1", "content_type": "image/jpeg"}]
        message.save(update_fields=["media"])
        kept = {"state": "kept", "content": content, "content_type": sniff(content)} if content else {}
        return Attachment.objects.create(
            business=self.business,
            message=message,
            place=place,
            **(kept | more),
        )


def make_house(
    name: str = "Juniper Hair Studio", number: str = "+18555550142", password: str | None = None, **more: Any
) -> House:
    slug = name.split()[0].lower()
    texting = {"plan_id": "business", "mode": "texting", "two_way": True}
    business = Business.objects.create(
        name=name,
        **({"time_zone": "America/Los_Angeles", "email": f"hello@{slug}.example"} | texting | more),
    )

    def member(person: str, role: str) -> Member:
        email = f"{person.split()[0].lower()}@{slug}.example"
        user = User(email=email, name=person, password=NO_PASSWORD)
        if password:
            user.set_password(password)
        user.save()
        return Member.objects.create(business=business, user=user, role=role)

    sender = PhoneNumber.objects.create(number=number, business=business, pace=0, approved_at=timezone.now())
    Lane.objects.create(number=sender, next_at=timezone.now())
    return House(business, member("Nora Kim", "owner"), member("Jules Martin", "staff"), sender)
