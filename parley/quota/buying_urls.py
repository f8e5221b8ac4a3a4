"""Buying texts, and where the payment provider tells what became of it."""

from django.urls import path

from parley.quota import buying_pages

urlpatterns = [
    path("settings/texts/buy", buying_pages.buy_texts, name="buy_texts"),
    path("settings/texts/buy/automatic", buying_pages.set_reload, name="set_reload"),
    path("settings/texts/buy/card/remove", buying_pages.remove_card, name="remove_card"),
    path("settings/texts/orders/<uuid:id>", buying_pages.order_page, name="texts_order"),
    path("settings/texts/orders/<uuid:id>/pay", buying_pages.pay, name="texts_order_pay"),
    path("settings/texts/orders/<uuid:id>/back", buying_pages.back, name="texts_order_back"),
    path("payments/stripe", buying_pages.stripe_says, name="stripe_says"),
]
