"""Texts that Parley itself owes to clients."""

from __future__ import annotations

from parley.businesses.languages import Language

# To whoever answers an offer: the number that it came from takes no answers. In letters of GSM-7. Reviewed 2026-11-26.
NOBODY_READS = {
    Language.EN: "{business}: nobody reads answers to this number.",
    Language.FR: "{business}: personne ne lit les réponses à ce numéro.",
    Language.ES: "{business}: nadie lee las respuestas a este teléfono.",
}
TEXT_US = {
    Language.EN: "Text us at {number}.",
    Language.FR: "Textez-nous au {number}.",
    Language.ES: "Mande su mensaje al {number}.",
}
WRITE_TO_US = {
    Language.EN: "Write to us at {email}.",
    Language.FR: "Écrivez-nous: {email}.",
    Language.ES: "Nuestro correo: {email}.",
}
FIND_US = {
    Language.EN: "Find us at {address}.",
    Language.FR: "Notre adresse: {address}.",
    Language.ES: "Estamos en {address}.",
}


def opted_out(business: str) -> str:
    """The one text that may follow an opt-out; nothing in it may sell (47 CFR 64.1200(a)(12))."""
    return f"{business}: you won't get any more texts from us. To get them again, text START."


def help_words(business: str, email: str) -> str:
    """Who texts, where to get help, and how to stop (CTIA; field.md 4.2, row 7)."""
    return f"{business}: for help, write to {email}. To stop texts, text STOP."


def nobody_reads_offers(
    business: str, language: str, *, number: str = "", email: str = "", address: str = ""
) -> str:
    """What whoever answers an offer is told: whose it was, and the first of these ways to reach them that is known."""
    spoken = Language(language)
    said = NOBODY_READS[spoken].format(business=business)
    if number:
        return f"{said} {TEXT_US[spoken].format(number=number)}"
    if email:
        return f"{said} {WRITE_TO_US[spoken].format(email=email)}"
    return f"{said} {FIND_US[spoken].format(address=address)}" if address else said
