"""Buying: one order a form, one credit an order, whatever is told, however often, and by whomever."""

from __future__ import annotations

import json
import re
import time
import uuid
from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone

from parley.businesses.models import Member
from parley.quota import buying, ledger, payments
from parley.quota.models import Balance, Entry, Order, Pack
from tests.inbox.conftest import FRAME, SIGNED_IN, SignIn
from tests.people import House
from tests.quota.conftest import add_up
from tests.quota.till import HOOK, Till, left, orders, signed, tell, work

BUY = "/settings/texts/buy"


def words(answer: object) -> str:
    html = answer.content.decode()  # type: ignore[attr-defined]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.split("<main", 1)[-1]))


def order_of(house: House) -> Order:
    return Order.objects.filter(business=house.business).latest("created_at")


def test_only_what_stripe_signed_just_now_is_heard(juniper: House, nora: Browser, till: Till) -> None:
    session = till.buy(nora)
    till.pay(session, card="4242424242424242")
    body = json.dumps(till.says("checkout.session.completed", session))
    good, stranger = signed(body), Browser()
    cases = [
        ("no signature", body, None, 400),
        ("nonsense", body, "nonsense", 400),
        ("another secret", body, signed(body, secret="whsec_other"), 400),
        ("six minutes old", body, signed(body, time.time() - 360), 400),
        ("changed", body.replace('"usd"', '"cad"'), good, 400),
        ("spaced otherwise", body.replace(": ", ":"), good, 400),
        ("only t", body, good.split(",")[0], 400),
        ("not UTF-8", b"\xff{}", good, 400),
        ("no event", "[]", signed("[]"), 400),
        ("no JSON", "{", signed("{"), 400),
        ("too large", "x" * 600_000, good, 413),
    ]
    for name, sent, header, status in cases:
        headers = {"Stripe-Signature": header} if header else {}
        answer = stranger.post(HOOK, sent, content_type="application/json", headers=headers)
        assert answer.status_code == status, name
        assert orders(juniper) == [(1000, "open")], name
    assert stranger.get(HOOK).status_code == 405
    rotated = {"Stripe-Signature": f"{good},v1={'0' * 64}"}
    assert stranger.post(HOOK, body, content_type="application/json", headers=rotated).status_code == 200
    assert orders(juniper) == [(1000, "paid")]


def test_a_form_is_one_order_and_an_order_is_credited_once(juniper: House, nora: Browser, till: Till) -> None:
    before, form = left(juniper), uuid.uuid4()
    session = till.buy(nora, form=form)
    assert till.buy(nora, form=form) == session, "a double click"
    assert till.buy(nora, pack="500", form=form) != session, "the browser's way back, and another choice"
    assert orders(juniper) == [(1000, "open"), (500, "open")]
    till.pay(session, card="4242424242424242")
    assert left(juniper) == before, "paying alone credits nothing here"
    paid = till.says("checkout.session.completed", session)
    for event in (paid, paid, till.says("checkout.session.expired", session), paid):
        assert tell(Browser(), event) == 200
    tell(Browser(), till.says("checkout.session.async_payment_failed", session))
    assert left(juniper) == before + 1000
    assert orders(juniper) == [(1000, "paid"), (500, "open")]
    assert add_up(juniper.business)[1] == 1000
    again = nora.post(BUY, {"pack": "1000", "form": str(form)})
    assert re.fullmatch(r"/settings/texts/orders/[-0-9a-f]{36}", again["Location"]), "it is paid already"


def test_two_who_ask_at_once_get_the_same_checkout(juniper: House, nora: Browser, till: Till) -> None:
    provider = payments.provider()
    assert provider
    order = juniper.business.orders.create(texts=1000, cents=2800)
    there = {"success_url": "http://localhost/a", "cancel_url": "http://localhost/b", "customer": ""}
    first = provider.checkout(order, **there, email="nora@juniper.example")
    assert provider.checkout(order, **there, email="nora@juniper.example") == first
    with pytest.raises(payments.Closed):
        provider.checkout(order, **there, email="ada@juniper.example")


def test_what_comes_late_or_in_the_wrong_order(
    juniper: House, nora: Browser, till: Till, caplog: pytest.LogCaptureFixture
) -> None:
    before = left(juniper)
    session = till.buy(nora)
    open_one = till.stripe.checkout.sessions.retrieve(session).to_dict()
    # A bank debit: complete, not paid; then it fails, and the money comes after all.
    pending = till.says("checkout.session.completed", open_one, status="complete")
    tell(Browser(), pending)
    assert (left(juniper), orders(juniper)) == (before, [(1000, "open")])
    tell(Browser(), till.says("checkout.session.async_payment_failed", open_one))
    assert orders(juniper) == [(1000, "failed")]
    assert order_of(juniper).trouble == "The bank did not pay."
    tell(Browser(), pending)
    assert orders(juniper) == [(1000, "failed")]
    tell(Browser(), till.says("checkout.session.async_payment_succeeded", open_one, payment_status="paid"))
    assert (left(juniper), orders(juniper)) == (before + 1000, [(1000, "paid")])
    # A checkout's own payment is declined as often as somebody tries: that closes nothing.
    other = till.buy(nora, pack="500")
    marks = till.stripe.checkout.sessions.retrieve(other).to_dict()["metadata"]
    intent = {"id": "pi_1", "amount": 1500, "currency": "usd", "metadata": marks}
    tell(Browser(), till.says("payment_intent.payment_failed", intent))
    tell(Browser(), till.says("payment_intent.succeeded", intent, amount_received=1500))
    assert orders(juniper)[1] == (500, "open")
    assert not caplog.records, "nor is it worth the operator's while"
    tell(Browser(), till.says("checkout.session.expired", other))
    assert orders(juniper)[1] == (500, "expired")


def test_what_does_not_fit_its_order_is_refused_and_told(
    juniper: House, alder: House, nora: Browser, till: Till, caplog: pytest.LogCaptureFixture
) -> None:
    session = till.buy(nora)
    till.pay(session, card="4242424242424242")
    fits = till.stripe.checkout.sessions.retrieve(session).to_dict()
    marks = fits["metadata"]
    wrong = [
        ("less", {"amount_total": 1}),
        ("more", {"amount_total": 2801}),
        ("another currency", {"currency": "cad"}),
        ("another payment", {"id": "cs_test_other"}),
        ("a stranger's", {"metadata": marks | {"business": str(alder.business.pk)}}),
        ("no order", {"metadata": marks | {"order": str(uuid.uuid4())}}),
    ]
    for name, changes in wrong:
        caplog.clear()
        assert tell(Browser(), till.says("checkout.session.completed", fits, **changes)) == 200, name
        assert [record.levelname for record in caplog.records if "ayment" in record.message] == ["ERROR"], (
            name
        )
        assert orders(juniper) == [(1000, "open")], name
    caplog.clear()
    for others in ({}, {"order": "17"}):
        assert tell(Browser(), till.says("checkout.session.completed", fits, metadata=others)) == 200
    assert not caplog.records, "the account may sell other things"
    assert orders(alder) == []
    tell(Browser(), till.says("checkout.session.completed", fits))
    assert orders(juniper) == [(1000, "paid")]


def test_coming_back_proves_nothing_and_the_provider_is_asked(
    juniper: House, nora: Browser, till: Till
) -> None:
    session, before = till.buy(nora), left(juniper)
    page = f"/settings/texts/orders/{order_of(juniper).pk}"
    assert "Not paid yet" in words(nora.get(page))
    answer = nora.get(f"{page}/back?in={juniper.business.pk}", follow=True)
    assert "Waiting for the payment to be confirmed" in words(answer)
    assert 'hx-trigger="every 4s' in answer.content.decode()
    assert left(juniper) == before
    assert nora.get(f"{page}?paid", headers={"HX-Request": "true"}).status_code == 204
    assert nora.post(f"{page}/pay")["Location"].endswith(session), "the same checkout again"
    till.pay(session, card="4242424242424242")
    assert "Paid: 1,000 texts added" in words(nora.get(f"{page}/back", follow=True))
    assert left(juniper) == before + 1000
    shown = nora.get(f"{page}?paid", headers={"HX-Request": "true"})
    assert "Bought by Nora Kim for Juniper Hair Studio" in words(shown)
    assert "$28.00 US dollars" in words(shown)
    assert "hx-trigger" not in shown.content.decode()
    assert nora.post(f"{page}/pay")["Location"] == page
    receipt = words(nora.get(BUY))
    assert "1,000 $28.00 Nora Kim Paid" in receipt


def test_from_a_bank_account_nobody_is_asked_to_pay_twice(juniper: House, nora: Browser, till: Till) -> None:
    till.weather(delivery_seconds=[60, 60])
    session = till.buy(nora)
    till.pay(session, bank=True)
    page = f"/settings/texts/orders/{order_of(juniper).pk}"
    assert nora.post(f"{page}/pay")["Location"] == page
    shown = words(nora.get(page))
    assert "The bank is still moving the money" in shown
    assert "Go on to pay" not in shown
    assert orders(juniper) == [(1000, "open")]
    tell(Browser(), till.says("checkout.session.async_payment_succeeded", session, payment_status="paid"))
    assert "Paid: 1,000 texts added" in words(nora.get(page))


def test_a_lost_webhook_is_made_up_for(juniper: House, nora: Browser, till: Till) -> None:
    session, before = till.buy(nora), left(juniper)
    till.pay(session, card="4242424242424242")
    buying.settle_open_orders()
    assert left(juniper) == before, "it is early yet"
    Order.objects.update(created_at=timezone.now() - timedelta(minutes=20))
    till.weather(down="refuse")
    buying.settle_open_orders()
    till.fine()
    buying.settle_open_orders()
    assert (left(juniper), orders(juniper)) == (before + 1000, [(1000, "paid")])
    # One that never got as far as the provider ends by itself.
    lost = juniper.business.orders.create(texts=500, cents=1500)
    Order.objects.filter(pk=lost.pk).update(created_at=timezone.now() - timedelta(hours=26))
    buying.settle_open_orders()
    assert Order.objects.get(pk=lost.pk).state == "expired"


def test_nobody_else_sees_pays_or_returns_on_an_order(
    juniper: House, alder: House, nora: Browser, sign_in: SignIn, till: Till
) -> None:
    till.buy(nora)
    page = f"/settings/texts/orders/{order_of(juniper).pk}"
    stranger, staff, nobody = sign_in(alder.owner), sign_in(juniper.staff), Browser()
    for address in (page, f"{page}/back"):
        assert stranger.get(address).status_code == 404
        assert staff.get(address).status_code == 403
        assert nobody.get(address)["Location"].startswith("/sign-in/")
    assert stranger.post(f"{page}/pay").status_code == 404
    assert stranger.get(f"{BUY}?before={order_of(juniper).pk}").status_code == 404
    assert "Nothing yet." in words(stranger.get(BUY))
    assert "Ask Nora Kim to change this." in words(staff.get(BUY))
    for address in (BUY, f"{BUY}/automatic", f"{BUY}/card/remove", f"{page}/pay"):
        assert staff.post(address, {"pack": "500", "form": str(uuid.uuid4())}).status_code == 403
    assert orders(juniper) == [(1000, "open")]
    Member.objects.filter(pk=juniper.staff.pk).update(role="admin")
    assert staff.get(page).status_code == 200
    # The same form key in two businesses: two orders.
    form = uuid.uuid4()
    till.buy(nora, form=form)
    till.buy(stranger, form=form)
    assert orders(alder) == [(1000, "open")]


def test_what_cannot_be_bought_is_said(juniper: House, nora: Browser, till: Till, settings: object) -> None:
    key = {"form": str(uuid.uuid4())}
    for sent in (key, key | {"pack": "none"}):
        answer = nora.post(BUY, sent)
        assert answer.status_code == 422
        assert "Choose a pack." in words(answer)
    Pack.objects.filter(pk="500").update(offered=False)
    assert nora.post(BUY, key | {"pack": "500"}).status_code == 422
    assert nora.post(BUY, {"pack": "1000"}).status_code == 422
    till.weather(down="refuse")
    answer = nora.post(BUY, key | {"pack": "5000", "keep_card": "on"})
    assert answer.status_code == 503
    assert "Stripe, which takes the payments, could not be reached just now." in words(answer)
    html = answer.content.decode()
    assert re.search(r'value="5000" checked', html), "nothing chosen is lost"
    assert re.search(r'name="keep_card"[^>]* checked', html)
    assert key["form"] in html, "trying again is the same order"
    till.fine()
    nora.post(BUY, key | {"pack": "5000", "keep_card": "on"})
    assert orders(juniper) == [(5000, "open")]
    # A page that was left open for too long.
    session = order_of(juniper).provider_id
    till.stripe.checkout.sessions.expire(session)
    page = f"/settings/texts/orders/{order_of(juniper).pk}"
    answer = nora.post(f"{page}/pay", follow=True)
    assert "Not paid in time" in words(answer)
    settings.STRIPE = {"key": "", "webhook_secret": "", "url": ""}  # type: ignore[attr-defined]
    shown = words(nora.get(BUY))
    assert "Whoever runs Parley for you has not set up payments. Write to parley@localhost" in shown
    assert "Go on to pay" not in shown
    assert nora.post(BUY, key | {"pack": "1000", "form": str(uuid.uuid4())}).status_code == 503
    assert tell(Browser(), {}) == 404


def test_a_card_is_kept_only_if_asked_replaced_and_removed(juniper: House, nora: Browser, till: Till) -> None:
    session = till.buy(nora)
    till.pay(session, card="4242424242424242")
    tell(Browser(), till.says("checkout.session.completed", session))
    assert work("keep_card") == 0
    assert not till.stripe.checkout.sessions.retrieve(session).customer
    assert "This needs a card that may be kept" in words(nora.get(BUY))

    till.keep_card(juniper, nora, "5555555555554444")
    first = Balance.objects.get(business=juniper.business)
    assert first.card_words == "Mastercard ending in 4444"
    assert "Mastercard ending in 4444 is kept at Stripe." in words(nora.get(BUY))
    till.keep_card(juniper, nora)
    second = Balance.objects.get(business=juniper.business)
    assert (second.customer, second.card_words) == (first.customer, "Visa ending in 4242")
    assert work("forget_card") == 1
    assert till.stripe.payment_methods.retrieve(first.card).customer is None

    sent = {"reload": "on", "reload_below": "200", "reload_pack": "1000", "reload_most": "3"}
    answer = nora.post(f"{BUY}/automatic", sent | {"reload_below": "many", "reload_pack": ""})
    assert answer.status_code == 422
    assert "Write a whole number, such as 100." in words(answer)
    few = nora.post(f"{BUY}/automatic", sent | {"reload_below": "49"})
    assert "Write a number from 50 to 100,000." in words(few)
    assert 'value="many"' in answer.content.decode()
    assert nora.post(f"{BUY}/automatic", sent).status_code == 302
    known = Balance.objects.get(business=juniper.business)
    assert (known.reload, known.reload_below, known.reload_pack_id, known.reload_most) == (
        True,
        200,
        "1000",
        3,
    )
    assert known.bought == second.bought

    nora.post(f"{BUY}/card/remove")
    known = Balance.objects.get(business=juniper.business)
    assert (known.card, known.card_words, known.reload) == ("", "", False)
    till.weather(down="refuse")
    with pytest.raises(Exception, match="could not be reached"):
        work("forget_card")
    till.fine()
    assert till.stripe.payment_methods.retrieve(second.card).customer == second.customer
    from parley.quota.reloading import forget_card

    for _ in range(2):
        forget_card.func(card=second.card)
    assert till.stripe.payment_methods.retrieve(second.card).customer is None
    answer = nora.post(f"{BUY}/automatic", sent)
    assert answer.status_code == 422
    assert "This needs a card that may be kept." in words(answer)


def test_what_the_page_costs_and_how_far_it_goes_back(
    juniper: House, nora: Browser, till: Till, django_assert_num_queries: object
) -> None:
    ledger.balance(juniper.business)
    for n in range(45):
        juniper.business.orders.create(texts=n + 1, cents=100, state="paid", provider_id=f"pi_{n}")
    # Balance, packs, orders.
    with django_assert_num_queries(SIGNED_IN + FRAME + 3):  # type: ignore[operator]
        html = nora.get(BUY).content.decode()
    assert html.count("/settings/texts/orders/") == 20
    older = re.search(r"\?before=[-0-9a-f]+", html)
    assert older
    html = nora.get(BUY + older[0]).content.decode()
    assert (html.count("/settings/texts/orders/"), ">25</td>" in html, ">6</td>" in html) == (20, True, True)
    policy = nora.get(BUY).headers["Content-Security-Policy"]
    assert f"form-action 'self' {till.world.sandbox_url};" in policy + ";"
    assert "http" not in nora.get("/settings/sms").headers["Content-Security-Policy"]


def test_entries_say_which_order(juniper: House, nora: Browser, till: Till) -> None:
    session = till.buy(nora)
    till.pay(session, card="4242424242424242")
    tell(Browser(), till.says("checkout.session.completed", session))
    [entry] = Entry.objects.filter(business=juniper.business, kind="bought")
    assert (entry.order_id, entry.bought, entry.monthly) == (order_of(juniper).pk, 1000, 0)


def test_the_back_office_sells_packs_and_reads_orders(
    juniper: House, nora: Browser, office: Browser, till: Till
) -> None:
    till.buy(nora)
    packs, shown = "/office/quota/pack/", "/office/quota/order/"
    assert "2.8¢" in office.get(packs).content.decode()
    changed = {"texts": "1000", "cents": "2500", "position": "1", "offered": "on"}
    assert office.post(f"{packs}1000/change/", changed | {"cents": "49"}).status_code == 200
    assert office.post(f"{packs}1000/change/", changed).status_code == 302
    assert office.post(f"{packs}add/", changed | {"code": "tiny", "texts": "10"}).status_code == 302
    assert "$25.00" in words(nora.get(BUY))
    assert "10 texts" in words(nora.get(BUY))
    assert orders(juniper) == [(1000, "open")]
    order = order_of(juniper)
    assert order.cents == 2800, "what was ordered keeps its price"
    assert "Juniper Hair Studio" in office.get(shown).content.decode()
    address = f"{shown}{order.pk}/change/"
    assert "$28.00" in office.get(address).content.decode()
    assert office.post(address, {"state": "paid"}).status_code == 403
    assert office.get(f"{shown}add/").status_code == 403
