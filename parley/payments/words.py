"""What clients read on the pages of payment requests and estimates, in their language. Reviewed 2026-11-26.

French is Canada's. The tone is that of the business: "vous" and "usted", for it writes to people it serves.
"""

from __future__ import annotations

from datetime import date

from babel.dates import format_date

from parley.clients.languages import LOCALES, Language, language_of
from parley.payments import money
from parley.payments.models import Asked, PaymentRequest

WORDS: dict[str, dict[str, str]] = {
    Language.EN: {
        "payment": "Payment request",
        "estimate": "Estimate",
        "for": "For {name}",
        "due": "Due",
        "was_due": "Was due",
        "until": "Good until",
        "pay": "Pay online",
        "read": "Read more",
        "how": "How to pay",
        "details": "Details",
        "paid": "Paid on {day}. Thank you!",
        "cancelled": "This request was taken back. There is nothing to pay.",
        "withdrawn": "This estimate was taken back.",
        "expired": "This estimate was good until {day}. Ask {business} for a new one.",
        "accepted": "You accepted this on {day}. {business} will be in touch.",
        "declined": "You said no thanks on {day}. Changed your mind? Write to {business}.",
        "accept": "Accept",
        "decline": "No thanks",
        "questions": "Questions? Write to",
        "missing": "This page isn’t here",
        "missing_words": "Check that you have the whole link, or ask whoever sent it to you.",
        "many": "That was many times at once",
        "many_words": "Wait a minute, then open it again.",
        "away": "That didn’t work just now",
        "away_words": "Try again in a moment.",
        "skip": "Skip to content",
        # A text that a member sends: letters that do not fit into a cheap segment are avoided.
        "remind": "Hi{name}, a reminder about {title}: {sum}{due}. You can see it here: {address}",
        "remind_due": ", due {day}",
    },
    Language.FR: {
        "payment": "Demande de paiement",
        "estimate": "Estimation",
        "for": "Pour {name}",
        "due": "À payer d’ici le",
        "was_due": "Était dû le",
        "until": "Valide jusqu’au",
        "pay": "Payer en ligne",
        "read": "En savoir plus",
        "how": "Comment payer",
        "details": "Détails",
        "paid": "Payé le {day}. Merci!",
        "cancelled": "Cette demande a été retirée. Il n’y a rien à payer.",
        "withdrawn": "Cette estimation a été retirée.",
        "expired": "Cette estimation était valide jusqu’au {day}. Demandez-en une nouvelle à {business}.",
        "accepted": "Vous avez accepté le {day}. {business} communiquera avec vous.",
        "declined": "Vous avez répondu non merci le {day}. Vous avez changé d’avis? Écrivez à {business}.",
        "accept": "Accepter",
        "decline": "Non merci",
        "questions": "Des questions? Écrivez à",
        "missing": "Cette page n’existe pas",
        "missing_words": "Vérifiez que vous avez le lien complet, ou demandez à la personne qui vous l’a envoyé.",
        "many": "Trop de demandes à la fois",
        "many_words": "Attendez une minute, puis ouvrez-la de nouveau.",
        "away": "Ça n’a pas fonctionné",
        "away_words": "Réessayez dans un instant.",
        "skip": "Aller au contenu",
        "remind": "Bonjour{name}, un rappel au sujet de {title}: {sum}{due}. Vous pouvez la voir ici: {address}",
        "remind_due": ", avant le {day}",
    },
    Language.ES: {
        "payment": "Solicitud de pago",
        "estimate": "Presupuesto",
        "for": "Para {name}",
        "due": "Fecha de pago",
        "was_due": "Venció el",
        "until": "Válido hasta",
        "pay": "Pagar en línea",
        "read": "Más información",
        "how": "Cómo pagar",
        "details": "Detalles",
        "paid": "Pagado el {day}. ¡Gracias!",
        "cancelled": "Esta solicitud se retiró. No hay nada que pagar.",
        "withdrawn": "Este presupuesto se retiró.",
        "expired": "Este presupuesto era válido hasta el {day}. Pida uno nuevo a {business}.",
        "accepted": "Usted lo aceptó el {day}. {business} se pondrá en contacto.",
        "declined": "Usted dijo no, gracias el {day}. ¿Cambió de opinión? Escriba a {business}.",
        "accept": "Aceptar",
        "decline": "No, gracias",
        "questions": "¿Preguntas? Escriba a",
        "missing": "Esta página no existe",
        "missing_words": "Compruebe que tiene el enlace completo, o pregunte a quien se lo envió.",
        "many": "Fueron muchas veces seguidas",
        "many_words": "Espere un minuto y ábrala de nuevo.",
        "away": "No funcionó en este momento",
        "away_words": "Inténtelo de nuevo en un momento.",
        "skip": "Ir al contenido",
        "remind": "Hola{name}, un recordatorio de {title}: {sum}{due}. Puede verlo aquí: {address}",
        "remind_due": ", para el {day}",
    },
}


def locale_of(language: str, country: str) -> str:
    """How dates and money are written (CLDR): English as the business's country does."""
    return "en_CA" if (language, country) == (Language.EN, "CA") else LOCALES[Language(language)]


def day(on: date, language: str, country: str) -> str:
    """Thursday, November 26, 2026."""
    return format_date(on, "full", locale_of(language, country))


def date_in_words(on: date, language: str, country: str) -> str:
    """November 26, 2026."""
    return format_date(on, "long", locale_of(language, country))


def sum_of(asked: Asked, language: str) -> str:
    country = asked.business.country
    return money.written(asked.cents, asked.currency, country, locale_of(language, country))


def reminder(asked: Asked) -> str:
    """The beginning of a text that reminds of a payment request; whoever sends it may write on."""
    assert isinstance(asked, PaymentRequest)
    business, client = asked.business, asked.client
    language, country, name = language_of(business, client), business.country, client.first_name
    words = WORDS[language]
    due = (
        words["remind_due"].format(day=date_in_words(asked.due_on, language, country)) if asked.due_on else ""
    )
    sum_ = sum_of(asked, language).replace("\u00a0", " ")
    return words["remind"].format(
        name=f" {name}" if name else "", title=asked.title, sum=sum_, due=due, address=asked.address
    )
