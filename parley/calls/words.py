"""What callers and members hear, and what a call is called on the screen.

Callers hear the language that the client has on their card, else the business's; members hear English, as their
pages speak it.
"""

from __future__ import annotations

from parley.businesses.models import Business
from parley.calls.models import Call, Recording
from parley.carriers.voice import Say
from parley.clients.languages import language_of
from parley.clients.models import Client
from parley.messaging.models import Message

UNKNOWN = "Unknown caller"

# Where nobody takes calls, but texts are read.
TEXT_US = {
    "en": "You have reached {name}. Nobody answers calls on this number, but we read texts. Please hang up, "
    "and text us on this same number.",
    "fr": "Vous avez joint {name}. Personne ne répond aux appels à ce numéro, mais nous lisons les textos. Veuillez "
    "raccrocher et nous écrire un texto à ce même numéro.",
    "es": "Se ha comunicado con {name}. Nadie contesta llamadas en este número, pero leemos los mensajes de texto. Por "
    "favor, cuelgue y envíenos un mensaje a este mismo número.",
}
WRITE_US = {
    "en": "You have reached {name}. Nobody answers calls on this number. Please write to us at {email}.",
    "fr": "Vous avez joint {name}. Personne ne répond aux appels à ce numéro. Veuillez nous écrire à {email}.",
    "es": "Se ha comunicado con {name}. Nadie contesta llamadas en este número. Por favor, escríbanos a {email}.",
}
# A number by which the caller knows no business.
NOBODY = {"en": "Nobody answers calls on this number. Goodbye."}
VOICEMAIL = {
    "en": "You have reached {name}. Nobody can take your call just now. Please leave a message after the beep, "
    "or hang up and text us on this same number.",
    "fr": "Vous avez joint {name}. Personne ne peut répondre en ce moment. Veuillez laisser un message après le bip, "
    "ou raccrochez et écrivez-nous un texto à ce même numéro.",
    "es": "Se ha comunicado con {name}. Nadie puede contestar en este momento. Deje un mensaje después del tono, "
    "o cuelgue y envíenos un mensaje de texto a este mismo número.",
}
THANKS = {
    "en": "Thank you. Goodbye.",
    "fr": "Merci. Au revoir.",
    "es": "Gracias. Hasta luego.",
}
TEXT_BACK = {
    "en": "Sorry we missed your call. Text us here and we’ll get back to you. {{ business.name }}",
    "fr": "Désolés d’avoir manqué votre appel. Écrivez-nous ici et nous vous répondrons. {{ business.name }}",
    "es": "Sentimos no haber atendido su llamada. Escríbanos aquí y le responderemos. {{ business.name }}",
}

HOW_TO_REACH = "They heard how to reach you: calls are not activated."
NOT_ANSWERED = {
    "busy": "{name} is on another call.",
    "no-answer": "{name} did not answer.",
    "failed": "{name} could not be reached.",
}


def how_to_reach(business: Business, language: str, *, same_number: bool = True) -> Say:
    """For whoever calls where nobody takes calls. `same_number`: texts to the number they called are read."""
    words = TEXT_US if same_number and business.converses else WRITE_US
    return Say(words[language].format(name=business.name, email=business.email), language)


def voicemail(business: Business, own: str, language: str) -> Say:
    """What is heard before the beep: the business's own words, in its own language, else Parley's."""
    if own:
        return Say(own, language_of(business))
    return Say(VOICEMAIL[language].format(name=business.name), language)


def asking(client: Client, business: Business) -> Say:
    """What a member hears who picks up while a client calls."""
    who = "Somebody whose number is withheld" if client.name == UNKNOWN else client.name
    return Say(f"{who} is calling {business.name}. Press 1 to take the call.")


def length(seconds: int) -> str:
    """4:12, or 1:04:12."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


_OUT = {
    Call.State.MISSED: ", no answer",
    Call.State.BUSY: ", busy",
    Call.State.FAILED: ", could not be connected",
    Call.State.CANCELED: ", hung up",
}


def title(call: Call, recording: Recording | None = None) -> str:
    """What a list calls it: "Missed call, voicemail 0:42", "Incoming call, 4:12"."""
    talked = f", {length(call.seconds)}" if call.state == Call.State.ENDED and call.answered_at else ""
    if call.direction == Message.Direction.OUT:
        return f"Outgoing call{_OUT.get(Call.State(call.state), talked)}"
    if call.state != Call.State.MISSED:
        return f"Incoming call{talked}"
    if recording is None:
        return "Missed call"
    return f"Missed call, voicemail{f' {length(recording.seconds)}' if recording.seconds else ''}"
