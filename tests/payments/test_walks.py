"""Asking for a payment as people do it: a member on one side, the client on the other."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from parley.payments import asking
from parley.payments.models import Estimate, PaymentRequest
from tests.browser import Visit, assert_accessible
from tests.people import House
from tests.waiting import until

pytestmark = pytest.mark.browser


def test_asking_viewing_and_paying(visit: Visit, juniper: House) -> None:
    juniper.text(juniper.client(), "Hello")
    juniper.client("Daniel", "Reyes", "+15035550131")
    page = visit("/payments", juniper.owner.user, permissions=["clipboard-read", "clipboard-write"])
    expect(page.get_by_role("heading", name="Nothing to wait for")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("p")
    form = page.get_by_role("dialog", name="Request payment")
    form.get_by_label("Client", exact=True).press_sequentially("may")
    expect(form.get_by_role("button", name="Daniel")).to_be_hidden()
    # Enter looks for the client; it does not send the form.
    page.keyboard.press("Enter")
    form.get_by_role("button", name="Maya Okafor").click()
    expect(form.get_by_text("Tell Maya")).to_be_visible()
    form.get_by_label("What for").fill("Deposit")
    form.get_by_label("Amount").fill("forty")
    page.keyboard.press("Enter")
    expect(form.get_by_role("alert")).to_contain_text("Enter an amount in digits")
    expect(form.get_by_label("Amount")).to_be_focused()
    assert_accessible(page)
    form.get_by_label("Amount").fill("40")
    form.get_by_role("button", name="Request payment").click()
    expect(form).to_be_hidden()
    row = page.locator(".payment-row")
    expect(row).to_contain_text("Not viewed yet")
    expect(page.get_by_text("1 open, $40.00")).to_be_visible()
    request = PaymentRequest.objects.get()

    client = visit(request.page, size="phone", theme="dark")
    expect(client.get_by_role("heading", name="Deposit")).to_be_visible()
    assert_accessible(client)
    until(lambda: PaymentRequest.objects.get().viewed_at, what="viewed")
    # Nobody pressed anything on the other side.
    expect(row).to_contain_text("Viewed")

    row.click()
    sheet = page.get_by_role("dialog", name="Payment request")
    expect(sheet).to_contain_text("Maya opened the page")
    assert_accessible(page)
    sheet.get_by_role("button", name="Copy link").click()
    expect(sheet.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").endswith(request.page)
    sheet.get_by_role("link", name="Mark as paid").click()
    paid = page.get_by_role("dialog", name="Mark as paid")
    paid.get_by_label("Card").check()
    assert_accessible(page)
    paid.get_by_role("button", name="Mark as paid").click()
    expect(page.get_by_role("status").filter(has_text="marked as paid")).to_be_visible()
    expect(page.get_by_role("heading", name="Nothing to wait for")).to_be_visible()
    client.reload()
    expect(client.get_by_role("status")).to_contain_text("Thank you!")


def test_an_estimate_is_accepted(visit: Visit, juniper: House) -> None:
    luis = juniper.client("Luis", "Ortega")
    page = visit("/payments/estimates", juniper.staff.user, size="phone", theme="dark")
    page.get_by_role("link", name="New estimate").click()
    form = page.get_by_role("dialog", name="New estimate")
    form.get_by_role("button", name="Luis Ortega").click()
    # The form knows whom it is for once the answer is there.
    expect(form.get_by_text("Tell Luis")).to_be_visible()
    form.get_by_label("What for").fill("Wedding")
    form.get_by_label("Amount").fill("860")
    form.get_by_role("button", name="Send estimate").click()
    expect(page.locator(".payment-row")).to_contain_text("$860.00")
    estimate = Estimate.objects.get(client=luis)
    # One that they declined on the telephone.
    other = asking.offer(juniper.business, luis, title="Trial", cents=9000)
    page.locator(".payment-row").filter(has_text="Trial").click()
    page.get_by_role("button", name="Mark declined").click()
    expect(page.locator(".payment-row")).to_have_count(1)
    other.refresh_from_db()
    assert other.status == "declined"
    client = visit(estimate.page, theme="dark")
    assert_accessible(client)
    client.get_by_role("button", name="Accept").click()
    expect(client.get_by_role("status")).to_contain_text("You accepted this")
    expect(page.get_by_role("heading", name="No estimates are open")).to_be_visible()
    page.goto(f"/payments/estimates/{estimate.pk}")
    page.get_by_role("link", name="Ask for the payment").click()
    expect(page.get_by_label("What for")).to_have_value("Wedding")
    assert_accessible(page)
    page.goto("/notifications")
    expect(page.get_by_text("Luis Ortega accepted an estimate")).to_be_visible()
