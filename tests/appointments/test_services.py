"""Settings > Services: managers keep the list, and nothing that was booked is lost by it."""

from __future__ import annotations

import re

from django.test import Client as Browser

from parley.appointments.models import Service
from tests.appointments.conftest import book, local
from tests.people import House

CUT = {"name": "Cut", "minutes": "45", "location": ""}


def test_add_change_stop_and_offer_again(nora: Browser, juniper: House) -> None:
    nora.post("/settings/services/new", CUT | {"name": "  Cut  and   color "})
    service = Service.objects.get()
    assert (service.business, service.name, service.minutes) == (juniper.business, "Cut and color", 45)
    nora.post(f"/settings/services/{service.pk}", CUT | {"minutes": "50", "location": "Upstairs"})
    nora.post(f"/settings/services/{service.pk}/offered")
    one = book(juniper, juniper.client(), local(juniper, 1, 9), service=service)
    html = nora.get("/settings/services").content.decode()
    assert re.search(r"<b>Cut</b><small>50 min, Upstairs</small>", html)
    assert "Not offered" in html
    # Not offered any more, but still what this one is for.
    assert "Cut" in nora.get(f"/appointments/{one.pk}/edit").content.decode().split("<select")[1]
    nora.post(f"/settings/services/{service.pk}/offered", {"offer": "1"})
    service.refresh_from_db()
    assert (service.name, service.minutes, service.location, service.offered) == ("Cut", 50, "Upstairs", True)


def test_a_refusal_is_said_at_its_field(nora: Browser, juniper: House, alder: House) -> None:
    juniper.business.services.create(name="Cut", minutes=45)
    juniper.business.services.create(name="Perm", minutes=45, offered=False)
    alder.business.services.create(name="Knee", minutes=30)
    for typed, words in (
        ({"name": ""}, "Give it a name."),
        ({"name": "CUT"}, "You have a service called “Cut” already."),
        (
            {"name": "perm"},
            "You have a service called “Perm” that you stopped offering. You can offer it again.",
        ),
        ({"name": "New", "minutes": ""}, "Say how many minutes it usually takes."),
        ({"name": "New", "minutes": "1"}, "The shortest is 5 minutes."),
    ):
        answer = nora.post("/settings/services/new", CUT | typed | {"location": "Upstairs"})
        assert answer.status_code == 422
        assert words in answer.content.decode()
        assert 'value="Upstairs"' in answer.content.decode()
    assert nora.post("/settings/services/new", CUT | {"name": "Knee"}).status_code == 302


def test_staff_see_no_services_page_but_book(client: Browser, juniper: House) -> None:
    client.force_login(juniper.staff.user)
    service = juniper.business.services.create(name="Cut", minutes=45)
    for address in ("/settings/services", "/settings/services/new", f"/settings/services/{service.pk}"):
        assert client.get(address).status_code == 403
    assert client.post(f"/settings/services/{service.pk}/offered").status_code == 403
    service.refresh_from_db()
    assert service.offered
    assert "/settings/services" not in client.get("/settings").content.decode()
    assert client.get("/calendar").status_code == 200
    assert client.get(f"/appointments/new/{juniper.client().pk}").status_code == 200
