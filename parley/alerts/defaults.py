"""Parley's own words for each kind of automatic message, in each language, until a business writes its own.

With ordinary names each text is one segment: straight quotes, and in French and Spanish words that GSM-7 has (it has
à, è, é, ù, ñ; not ê, ç, á, í, ó, ú). A Saturday costs Spanish two: "sábado" is spelled as it is spelled. Reviewed
2026-11-26.
"""

from __future__ import annotations

from typing import Literal

from parley.alerts.kinds import KINDS

_FIRST = {
    "en": 'Hi {{ client.first_name | default: "there" }}, ',
    "fr": "Bonjour {{ client.first_name }}, ",
    "es": "Hola {{ client.first_name }}, ",
}
_WHEN = {
    "en": "{{ appointment.day }} at {{ appointment.time }}",
    "fr": "{{ appointment.day }} à {{ appointment.time }}",
    "es": "{{ appointment.day }}, {{ appointment.time }}",
}
_SHORT = {
    "<who>": "{{ business.name }}",
    "<service>": "{{ appointment.service_name }}",
    "<sum>": "{{ payment.amount }}",
    "<for>": "{{ payment.title }}",
    "<due>": "{{ payment.due_date }}",
    "<pay>": "{{ payment.link }}",
    "<est sum>": "{{ estimate.amount }}",
    "<est for>": "{{ estimate.title }}",
    "<expiry>": "{{ estimate.expiry_date }}",
    "<read>": "{{ estimate.link }}",
}

# kind: language: the text; then what is added where a member reads the answers.
_TEXTS: dict[str, dict[str, str | tuple[str, str]]] = {
    "requested": {
        "en": "<hi>we got your request for <service>, <when>. We'll text you once it's confirmed. <who>",
        "fr": "<hi>votre demande est bien arrivée : <service>, <when>. "
        "Nous vous confirmerons par texto. <who>",
        "es": "<hi>recibimos su solicitud: <service>, <when>. Le avisaremos por texto si se confirma. <who>",
    },
    "booked": {
        "en": (
            "<hi>you're booked at <who>: <service>, <when>. Reply C to confirm",
            ", or text us here to change it",
        ),
        "fr": (
            "<hi>c'est réservé chez <who> : <service>, <when>. Répondez C pour confirmer",
            " ou écrivez-nous",
        ),
        "es": (
            "<hi>su cita en <who>: <service>, <when>. Responda C para confirmar",
            " o escriba para cambiarla",
        ),
    },
    "moved": {
        "en": (
            "<hi>your appointment at <who> is now <when>. Reply C to confirm",
            ", or text us here to change it",
        ),
        "fr": (
            "<hi>votre rendez-vous chez <who> est maintenant <when>. Répondez C pour confirmer",
            " ou écrivez-nous",
        ),
        "es": (
            "<hi>su cita en <who> ahora es <when>. Responda C para confirmar",
            " o escriba para cambiarla",
        ),
    },
    "cancelled": {
        "en": (
            "<hi>your appointment at <who> (<when>) is cancelled.",
            " Text us here to find another time.",
        ),
        "fr": (
            "<hi>votre rendez-vous chez <who> (<when>) est annulé.",
            " Écrivez-nous ici pour un autre.",
        ),
        "es": ("<hi>su cita en <who> (<when>) queda cancelada.", " Escriba para buscar otra fecha."),
    },
    "reminder": {
        "en": ("<hi>see you <when> at <who>. Reply C to confirm", ", or text us here to change it"),
        "fr": (
            "<hi>rendez-vous <when> chez <who>. Répondez C pour confirmer",
            " ou écrivez-nous ici pour changer",
        ),
        "es": (
            "<hi>nos vemos <when>, en <who>. Responda C para confirmar",
            " o escriba para cambiarla",
        ),
    },
    "reminder_2": {
        "en": ("<hi><who> expects you <when> for <service>. Reply C to confirm", ", or text us here"),
        "fr": (
            "<hi><who> vous attend <when> : <service>. Répondez C pour confirmer",
            " ou écrivez-nous ici",
        ),
        "es": ("<hi><who> le espera <when>: <service>. Responda C para confirmar", " o escriba"),
    },
    "confirmed": {
        "en": "You're confirmed, {{ client.first_name }}. See you <when>. <who>",
        "fr": "C'est confirmé, {{ client.first_name }}. Rendez-vous <when>. <who>",
        "es": "Cita confirmada, {{ client.first_name }}. Nos vemos <when>. <who>",
    },
    "thanks": {
        "en": "<hi>thank you for coming to <who>. We hope to see you again soon.",
        "fr": "<hi>merci de votre visite chez <who>. Au plaisir de vous revoir.",
        "es": "<hi>gracias por su visita a <who>. Esperamos verle de nuevo.",
    },
    "lead": {
        "en": "<hi>thank you for getting in touch with <who>. We'll get back to you soon.",
        "fr": "<hi>merci d'avoir écrit à <who>. Nous vous répondrons sous peu.",
        "es": "<hi>gracias por escribir a <who>. Le responderemos pronto.",
    },
    "closed": {
        "en": "Thanks for your text. <who> is closed now and opens {{ business.opens }}. We'll answer then.",
        "fr": "Merci de votre texto. <who> est fermé et ouvre {{ business.opens }}. "
        "Nous vous répondrons alors.",
        "es": "Gracias por su mensaje. <who> no atiende ahora y abre {{ business.opens }}. "
        "Le responderemos entonces.",
    },
    "asked": {
        "en": "<hi><who> has sent you a payment request: <sum> for <for>. <pay>",
        "fr": "<hi><who> vous demande un paiement de <sum> pour <for>. <pay>",
        "es": "<hi><who> le solicita un pago de <sum> por <for>. <pay>",
    },
    "due_soon": {
        "en": "<hi>a reminder from <who>: <sum> is due <due>. <pay>",
        "fr": "<hi>un rappel de <who> : <sum> à payer d'ici le <due>. <pay>",
        "es": "<hi>recordatorio de <who>: su pago de <sum> vence el <due>. <pay>",
    },
    "overdue": {
        "en": "<hi>your payment of <sum> to <who> was due <due>. <pay>",
        "fr": "<hi>votre paiement de <sum> à <who> devait arriver le <due>. <pay>",
        "es": "<hi>su pago de <sum> a <who> era para el <due>. <pay>",
    },
    "still_due": {
        "en": "<hi><who> is still waiting for <sum>, due <due>. <pay>",
        "fr": "<hi><who> attend toujours <sum>, à payer depuis le <due>. <pay>",
        "es": "<hi><who> sigue esperando <sum>, que era para el <due>. <pay>",
    },
    "paid": {
        "en": "Thank you, {{ client.first_name }}. <who> received your payment of <sum>.",
        "fr": "Merci, {{ client.first_name }}. Votre paiement de <sum> à <who> est bien arrivé.",
        "es": "Gracias, {{ client.first_name }}. <who> ha recibido su pago de <sum>.",
    },
    "offered": {
        "en": "<hi><who> has sent you an estimate: <est sum> for <est for>. <read>",
        "fr": "<hi>voici l'estimation de <who> : <est sum> pour <est for>. <read>",
        "es": "<hi><who> le ha enviado un presupuesto: <est sum> por <est for>. <read>",
    },
    "expiring": {
        "en": "<hi>your estimate from <who> (<est sum>) holds until <expiry>. <read>",
        "fr": "<hi>l'estimation de <who> (<est sum>) vaut jusqu'au <expiry>. <read>",
        "es": "<hi>el presupuesto de <who> (<est sum>) vale hasta el <expiry>. <read>",
    },
}

_SUBJECTS: dict[str, dict[str, str]] = {
    "requested": {
        "en": "We got your request: <service>",
        "fr": "Votre demande : <service>",
        "es": "Recibimos su solicitud: <service>",
    },
    "booked": {
        "en": "You’re booked: <service>, <when>",
        "fr": "C’est réservé : <service>, <when>",
        "es": "Su cita: <service>, <when>",
    },
    "moved": {
        "en": "Your appointment is now <when>",
        "fr": "Votre rendez-vous est maintenant <when>",
        "es": "Su cita ahora es <when>",
    },
    "cancelled": {
        "en": "Your appointment is cancelled",
        "fr": "Votre rendez-vous est annulé",
        "es": "Su cita queda cancelada",
    },
    "reminder": {"en": "See you <when>", "fr": "Rendez-vous <when>", "es": "Nos vemos <when>"},
    "reminder_2": {"en": "See you <when>", "fr": "Rendez-vous <when>", "es": "Nos vemos <when>"},
    "confirmed": {"en": "You’re confirmed", "fr": "C’est confirmé", "es": "Cita confirmada"},
    "thanks": {
        "en": "Thank you from <who>",
        "fr": "<who> vous remercie",
        "es": "Gracias de parte de <who>",
    },
    "lead": {
        "en": "Thank you for getting in touch with <who>",
        "fr": "Merci d’avoir écrit à <who>",
        "es": "Gracias por escribir a <who>",
    },
    "closed": {
        "en": "<who> got your message",
        "fr": "<who> a bien reçu votre message",
        "es": "<who> recibió su mensaje",
    },
    "asked": {
        "en": "<who>: <sum> for <for>",
        "fr": "<who> : <sum> pour <for>",
        "es": "<who>: <sum> por <for>",
    },
    "due_soon": {
        "en": "Due <due>: <sum> to <who>",
        "fr": "À payer d’ici le <due> : <sum> à <who>",
        "es": "Vence el <due>: <sum> a <who>",
    },
    "overdue": {
        "en": "Overdue: <sum> to <who>",
        "fr": "En retard : <sum> à <who>",
        "es": "Pago pendiente: <sum> a <who>",
    },
    "still_due": {
        "en": "Still due: <sum> to <who>",
        "fr": "Toujours à payer : <sum> à <who>",
        "es": "Todavía pendiente: <sum> a <who>",
    },
    "paid": {
        "en": "Receipt from <who>: <sum>",
        "fr": "Reçu de <who> : <sum>",
        "es": "Recibo de <who>: <sum>",
    },
    "offered": {
        "en": "Your estimate from <who>: <est for>",
        "fr": "Votre estimation de <who> : <est for>",
        "es": "Su presupuesto de <who>: <est for>",
    },
    "expiring": {
        "en": "Your estimate holds until <expiry>",
        "fr": "Votre estimation vaut jusqu’au <expiry>",
        "es": "Su presupuesto vale hasta el <expiry>",
    },
}

# The sentence of an email; what it is about follows it, line by line.
_SENTENCES: dict[str, dict[str, str]] = {
    "requested": {
        "en": "We got your request and will write to you once it’s confirmed.",
        "fr": "Nous avons bien reçu votre demande et vous écrirons dès qu’elle sera confirmée.",
        "es": "Recibimos su solicitud y le escribiremos cuando se confirme.",
    },
    "booked": {
        "en": "You’re booked. We look forward to seeing you.",
        "fr": "C’est réservé. Au plaisir de vous voir.",
        "es": "Su cita está reservada. Le esperamos.",
    },
    "moved": {
        "en": "Your appointment has a new time.",
        "fr": "Votre rendez-vous a changé d’heure.",
        "es": "Su cita tiene una nueva hora.",
    },
    "cancelled": {
        "en": "This appointment is cancelled.",
        "fr": "Ce rendez-vous est annulé.",
        "es": "Esta cita queda cancelada.",
    },
    "reminder": {
        "en": "A reminder of your appointment.",
        "fr": "Un rappel de votre rendez-vous.",
        "es": "Le recordamos su cita.",
    },
    "reminder_2": {
        "en": "Your appointment is coming up.",
        "fr": "Votre rendez-vous approche.",
        "es": "Su cita se acerca.",
    },
    "confirmed": {
        "en": "Thank you. Your appointment is confirmed.",
        "fr": "Merci. Votre rendez-vous est confirmé.",
        "es": "Gracias. Su cita está confirmada.",
    },
    "thanks": {
        "en": "Thank you for coming to <who>. We hope to see you again soon.",
        "fr": "Merci de votre visite chez <who>. Au plaisir de vous revoir bientôt.",
        "es": "Gracias por su visita a <who>. Esperamos verle de nuevo.",
    },
    "lead": {
        "en": "Thank you for getting in touch. We’ll get back to you soon.",
        "fr": "Merci de nous avoir écrit. Nous vous répondrons sous peu.",
        "es": "Gracias por escribirnos. Le responderemos pronto.",
    },
    "closed": {
        "en": "We’re closed now and open {{ business.opens }}. We’ll answer then.",
        "fr": "Nous sommes fermés en ce moment et ouvrons {{ business.opens }}. "
        "Nous vous répondrons à ce moment-là.",
        "es": "Ahora no atendemos; abrimos {{ business.opens }}. Le responderemos entonces.",
    },
    "asked": {
        "en": "<who> has sent you a payment request.",
        "fr": "<who> vous a envoyé une demande de paiement.",
        "es": "<who> le envió una solicitud de pago.",
    },
    "due_soon": {
        "en": "A reminder: this payment is due soon.",
        "fr": "Un rappel : ce paiement arrive bientôt à échéance.",
        "es": "Le recordamos que este pago vence pronto.",
    },
    "overdue": {
        "en": "This payment was due <due>. If you have paid already, thank you.",
        "fr": "Ce paiement était attendu le <due>. S’il est déjà fait, merci.",
        "es": "Este pago era para el <due>. Si ya lo hizo, gracias.",
    },
    "still_due": {
        "en": "We are still waiting for this payment. If you have paid already, thank you.",
        "fr": "Nous attendons toujours ce paiement. S’il est déjà fait, merci.",
        "es": "Seguimos esperando este pago. Si ya lo hizo, gracias.",
    },
    "paid": {
        "en": "Thank you. We received your payment.",
        "fr": "Merci. Nous avons bien reçu votre paiement.",
        "es": "Gracias. Recibimos su pago.",
    },
    "offered": {
        "en": "<who> has sent you an estimate.",
        "fr": "<who> vous a envoyé une estimation.",
        "es": "<who> le envió un presupuesto.",
    },
    "expiring": {
        "en": "Your estimate holds until <expiry>.",
        "fr": "Votre estimation vaut jusqu’au <expiry>.",
        "es": "Su presupuesto vale hasta el <expiry>.",
    },
}

_ABOUT = {
    "appointment": {
        "en": "<service>\n{{ appointment.date }} at {{ appointment.time }}\n{{ appointment.location }}",
        "fr": "<service>\n{{ appointment.date }} à {{ appointment.time }}\n{{ appointment.location }}",
        "es": "<service>\n{{ appointment.date }}, {{ appointment.time }}\n{{ appointment.location }}",
    },
    "payment": {
        "en": "<for>: <sum>\n{% if payment.due_date %}Due <due>{% endif %}\n<pay>",
        "fr": "<for> : <sum>\n{% if payment.due_date %}À payer d’ici le <due>{% endif %}\n<pay>",
        "es": "<for>: <sum>\n{% if payment.due_date %}Vence el <due>{% endif %}\n<pay>",
    },
    "estimate": {
        "en": "<est for>: <est sum>\n{% if estimate.expiry_date %}Holds until <expiry>{% endif %}\n<read>",
        "fr": "<est for> : <est sum>\n{% if estimate.expiry_date %}Vaut jusqu’au <expiry>{% endif %}\n<read>",
        "es": "<est for>: <est sum>\n{% if estimate.expiry_date %}Vale hasta el <expiry>{% endif %}\n<read>",
    },
}
_WITHOUT_DETAILS = {"thanks", "lead", "closed"}


def _spelled(words: str, language: str) -> str:
    for short, long in (("<hi>", _FIRST[language]), ("<when>", _WHEN[language]), *_SHORT.items()):
        words = words.replace(short, long)
    return words


def _text(kind: str, language: str, reads: bool) -> str:
    said = _TEXTS[kind][language]
    if isinstance(said, tuple):
        words, where_read = said
        said = words + (where_read if reads else "")
        said = said if said.endswith(".") else f"{said}."
    return _spelled(said, language)


def _email(kind: str, language: str) -> str:
    paragraphs = [_FIRST[language].strip(), _SENTENCES[kind][language]]
    if kind not in _WITHOUT_DETAILS:
        paragraphs.append(_ABOUT[KINDS[kind].about][language])
    return _spelled("\n\n".join([*paragraphs, "<who>"]), language)


_LANGUAGES = ("en", "fr", "es")
_WORDS = {
    (kind, language, reads): {
        "text": _text(kind, language, reads),
        "subject": _spelled(_SUBJECTS[kind][language], language),
        "email": _email(kind, language),
    }
    for kind in KINDS
    for language in _LANGUAGES
    for reads in (False, True)
}


def words(kind: str, part: Literal["text", "subject", "email"], language: str, *, reads: bool) -> str:
    """Parley's words, in Liquid. `reads`: members read what clients answer (`Business.converses`)."""
    return _WORDS[kind, language, reads][part]
