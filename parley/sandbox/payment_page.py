"""The sandbox's own doors to payments: the page where somebody pays, and what everybody may look up."""

from __future__ import annotations

from parley.sandbox.control import Missing
from parley.sandbox.money import CARDS, Money, Refused, Thing
from parley.sandbox.page import file_of_ours
from parley.sandbox.payment_events import Events
from parley.sandbox.web import BadRequest, Request, Response, Routes, answer


class PaymentPage:
    """The handlers."""

    def __init__(self, money: Money, events: Events) -> None:
        self._money = money
        self._books = money.books
        self._events = events

    def add_to(self, routes: Routes) -> None:
        """Its addresses."""
        routes.add("/pay/{id}", GET=lambda request, id: file_of_ours("checkout.html"))
        routes.add("/sandbox/payments", GET=self.truth, PUT=self.set_up)
        routes.add("/sandbox/payments/events/{id}/again", POST=self.tell_again)
        routes.add("/sandbox/payments/{id}", GET=self.show)
        routes.add("/sandbox/payments/{id}/pay", POST=self.pay)

    def truth(self, request: Request) -> Response:
        """GET /sandbox/payments: everything that was paid, declined, left; and every event with its deliveries."""
        return answer(
            {
                "sessions": [one["session"] for one in self._books.sessions.values()],
                "payment_intents": list(self._books.intents.values()),
                "payment_methods": list(self._books.methods.values()),
                "webhook_url": self._events.url,
                "events": self._events.as_list(),
            }
        )

    def set_up(self, request: Request) -> Response:
        """PUT /sandbox/payments {webhook_url}: where events are told."""
        wishes = request.json()
        url = wishes.get("webhook_url")
        if set(wishes) != {"webhook_url"} or not (url is None or isinstance(url, str)):
            raise BadRequest("give webhook_url: an address, or null")
        self._events.url = url
        return answer({"webhook_url": url})

    def tell_again(self, request: Request, id: str) -> Response:
        """POST /sandbox/payments/events/{id}/again: the same event once more, as happens."""
        if not self._events.again(id):
            raise Missing("no such event")
        return answer({"id": id}, 202)

    def show(self, request: Request, id: str) -> Response:
        """GET /sandbox/payments/{id}: what the checkout page shows."""
        both = self._found(id)
        session, wishes = both["session"], both["wishes"]
        return answer(
            {
                "name": wishes["name"],
                "description": wishes["description"],
                "cents": session["amount_total"],
                "currency": session["currency"],
                "status": session["status"],
                "keeps": bool(wishes["setup_future_usage"]),
                "bank": "us_bank_account" in session["payment_method_types"],
                "cancel_url": session["cancel_url"],
                "success_url": session["success_url"],
            }
        )

    def pay(self, request: Request, id: str) -> Response:
        """POST /sandbox/payments/{id}/pay {card} or {bank: true}: what a person does on the page."""
        session, wishes = self._found(id)["session"], request.json()
        if session["status"] != "open":
            raise BadRequest("This page was paid already, or is too old.")
        if wishes.get("bank") and "us_bank_account" in session["payment_method_types"]:
            return answer({"next": self._money.pay_by_bank(id)["success_url"]})
        number = "".join(str(wishes.get("card", "")).split())
        if number not in CARDS:
            raise BadRequest(f"This page knows only these cards: {', '.join(CARDS)}")
        try:
            return answer({"next": self._money.pay_by_card(id, number)["success_url"]})
        except Refused as refused:
            return answer({"error": str(refused)}, 402)

    def _found(self, id: str) -> Thing:
        try:
            return self._money.session(id)
        except Refused as refused:
            raise Missing(str(refused)) from None
