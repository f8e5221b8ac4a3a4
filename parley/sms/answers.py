"""What a client answers to "Reply C to confirm": a plain yes, or in plain words that they can't come.

It errs on the side of None: then a person reads it and knows. A wish to stop texts, by a keyword or in words, is
`optout`'s, and has to be looked for first.

The phrases, in English, French and Spanish, are our own reading of what people write; reviewed 2026-11-26. They are
looked for in small letters without accents and apostrophes: "Je n'y serai pas" is "je ny serai pas".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

# Whoever writes more characters than this has more to say than yes or no.
LONGEST = 320


@dataclass(frozen=True, slots=True)
class Answer:
    """`plain`: it can only be meant for the appointment, as "C" is; "Yes" may answer whatever was asked last.

    `more`: there is something to be read beside it.
    """

    says: Literal["yes", "no"]
    plain: bool = False
    more: bool = False


PLAIN_YES = frozenset(
    {
        *(
            "c",
            "cc",
            "confirm",
            "confirmed",
            "confirming",
            "i confirm",
            "we confirm",
            "i can confirm",
            "confirm it",
        ),
        *("confirm my appointment", "confirm appointment", "confirmed appointment", "appointment confirmed"),
        *("ill be there", "i will be there", "well be there", "we will be there", "be there", "im coming"),
        *(
            "i will come",
            "i am coming",
            "were coming",
            "see you then",
            "see u then",
            "see you there",
            "see ya then",
        ),
        *("see you tomorrow", "see u tomorrow", "c u then", "c u tomorrow", "c u there", "cu then"),
        *(
            "je confirme",
            "confirme",
            "confirmee",
            "on confirme",
            "je serai la",
            "j y serai",
            "jy serai",
            "je viens",
        ),
        *("je viendrai", "je serai present", "je serai presente", "nous serons la", "on sera la", "a demain"),
        *("confirmo", "confirmado", "confirmada", "confirmamos", "lo confirmo", "la confirmo", "ahi estare"),
        *("alli estare", "alla estare", "ahi estaremos", "ahi nos vemos", "nos vemos", "nos vemos manana"),
    }
)
YES = frozenset(
    {
        *(
            "yes",
            "y",
            "yep",
            "yup",
            "yeah",
            "yea",
            "yess",
            "yes i am",
            "yes i will",
            "yes i can",
            "yes it is",
            "sure",
        ),
        *(
            "ok",
            "okay",
            "okey",
            "okie",
            "okey dokey",
            "sure thing",
            "absolutely",
            "definitely",
            "of course",
            "for sure",
        ),
        *(
            "perfect",
            "sounds good",
            "sounds great",
            "works for me",
            "that works",
            "that works for me",
            "will do",
        ),
        *(
            "oui",
            "ouais",
            "oui je viens",
            "d accord",
            "daccord",
            "parfait",
            "bien sur",
            "absolument",
            "c est bon",
        ),
        *("cest bon", "ca marche", "entendu"),
        *(
            "si",
            "claro",
            "claro que si",
            "por supuesto",
            "perfecto",
            "de acuerdo",
            "vale",
            "esta bien",
            "asi es",
        ),
    }
)
# What may stand beside a yes and says nothing more.
POLITE = frozenset(
    {
        *(
            "please",
            "pls",
            "plz",
            "thanks",
            "thank you",
            "thank u",
            "thank you so much",
            "thanks so much",
            "thx",
            "ty",
        ),
        *(
            "many thanks",
            "maam",
            "sir",
            "great",
            "awesome",
            "cool",
            "nice",
            "good",
            "hi",
            "hello",
            "hey",
            "hi there",
        ),
        *(
            "no problem",
            "looking forward to it",
            "cant wait",
            "see you",
            "see ya",
            "see u",
            "see you soon",
            "have a good day",
        ),
        *(
            "good morning",
            "good afternoon",
            "good evening",
            "much appreciated",
            "appreciate it",
            "thanks again",
        ),
        *(
            "merci",
            "merci beaucoup",
            "svp",
            "s il vous plait",
            "sil vous plait",
            "bonjour",
            "bonsoir",
            "a bientot",
        ),
        *("super", "monsieur", "madame", "bonne journee", "pas de probleme"),
        *(
            "gracias",
            "muchas gracias",
            "mil gracias",
            "por favor",
            "hola",
            "buenas",
            "buenos dias",
            "buenas tardes",
        ),
        *("hasta luego", "hasta manana", "hasta pronto", "senora", "senor", "bendiciones", "muy amable"),
    }
)
_PHRASES = PLAIN_YES | YES | POLITE
_LONGEST_PHRASE = max(len(phrase.split()) for phrase in _PHRASES)

# With a variation selector and a tone of skin taken away.
_SIGNS_OF_YES = frozenset("👍✅✔☑👌🆗")
_KIND_SIGNS = frozenset("🙂😊😀😃😄😁🙏❤♥🎉💕😍🤗🥰☺👋💯🙌💪✨💇😎🤩💖💗💙💚💛🧡💜🤍🖤🌸🌞☀")

# What a yes is not, once it goes on so: then a person reads it.
_BUT = re.compile(
    r"\b(?:but|though|however|not|no|nope|never|cant|cannot|wont|dont|didnt|instead|rather|change|changed|move|moved|"
    r"reschedul\w*|cancel\w*|postpone\w*|later|earlier|different|another|other|wrong|stop|late|delay\w*|switch|"
    r"mais|pas|plutot|chang\w+|deplac\w+|annul\w+|report\w+|autre|plus tard|plus tot|retard|"
    r"pero|cambi\w+|mover|tarde|temprano|otra?|reprogram\w*|posponer|mejor)\b"
)
_FIRST_YES = re.compile(
    r"(?:(?:hi|hello|hey|bonjour|hola)\b[\s,.!]*)?"
    r"(?P<yes>c|confirm|confirmed|i confirm|je confirme|confirmo|confirmado|yes|yep|yup|yeah|oui|si)"
    r"(?P<then>(?:[ ]*[,.!;:\n]|[ ]+[-–—])[\s,.!;:–—-]*)(?P<rest>.*)",
    re.DOTALL,
)

_CANT = (
    r"(?:cant|can not|cannot|cnt|wont|will not|(?:am |im |be |are |were )?(?:not able|unable) to|"
    r"wont be able to|will not be able to|(?:im|am|were|are) not (?:going to|gonna)|not going to|not gonna|"
    r"dont think (?:i can|ill|i will|we can|i am going to|im going to|ill be able to|i will be able to))"
)
# A time or a thing behind it, and it is no longer said of the whole visit.
_STILL = r"(?! (?:before|until|till|til|by|any|earlier|sooner|on time|shorter|longer|look|work|up with|right at|too)\b)"
_VISIT = (
    r"(?:appointment|appointments|appt|appts|apt|aptmt|visit|booking|session|reservation|haircut|cut|class|lesson|"
    r"consultation|meeting|treatment|massage|cleaning|time|slot|it)"
)
_PUT_OFF = r"(?:cancel|reschedule|resched|re schedule|postpone|push back)"
_OTHER_THINGS = (
    r"(?! (?:my|the|your|our|a) (?:subscription|membership|order|plan|card|texts?|messages?|account)\b)"
)
_TO_PUT_OFF_ES = r"(?:cancelar|cancele|cancelen|reprogramar|posponer|reagendar|aplazar)"
_TO_PUT_OFF_FR = r"(?:annuler|annulez|reporter|reportez|deplacer|decommander|remettre)"
_STILL_ES = r"(?! (?:antes|hasta|a tiempo)\b)"
_NO = re.compile(
    r"\b(?:"
    + "|".join(
        (
            rf"{_CANT} make (?:it|that|this|today|tomorrow){_STILL}",
            rf"{_CANT} (?:make|keep) (?:my|our|the|this|todays|tomorrows) (?:\w+ )?{_VISIT}{_STILL}",
            rf"{_CANT} (?:come|attend|get there|be there|be coming){_STILL}",
            r"(?:need|needing|have|got|want|going|gotta|wanna|gonna|must|like) (?:to )?(?:please )?"
            rf"{_PUT_OFF}\b{_OTHER_THINGS}",
            rf"(?:please|pls|plz|lets) {_PUT_OFF}\b{_OTHER_THINGS}",
            rf"{_PUT_OFF} (?:my|our|the|this|todays|tomorrows) (?:\w+ ){{0,2}}{_VISIT}\b",
            rf"(?:can|could|may) (?:i|we|you|u) (?:please |pls |plz )?{_PUT_OFF}\b{_OTHER_THINGS}",
            rf"(?:im|am|were|are) not (?:coming|making it|attending){_STILL}",
            r"not going to make it",
            r"wont be (?:there|coming|attending|able to come|able to make it)",
            r"(?:je|on|nous) (?:ne |n )?(?:peux|peut|pouvons|pourrai|pourra|pourrons|vais) (?:plus|pas) "
            r"(?:pouvoir )?(?:venir|etre la|me presenter|y aller|y etre|etre present|etre presente|honorer)",
            r"(?:je|on|nous) (?:ne |ny |n y |n )?(?:serai|sera|serons|viendrai|viendra|viendrons|viens) (?:plus|pas)",
            r"(?:dois|devons|veux|voudrais|aimerais|souhaite|il faut|besoin d|besoin de|pouvons nous|peut on|"
            rf"puis je|pouvez vous) (?:que je )?{_TO_PUT_OFF_FR}",
            r"besoin (?:dannuler|de reporter|de deplacer)",
            rf"{_TO_PUT_OFF_FR} (?:mon|notre|le|ce|ma|la) (?:rendez vous|rdv|visite|reservation|seance)",
            r"no (?:voy a |vamos a )?(?:puedo|podre|podremos|podemos|poder|podria) "
            rf"(?:ir|asistir|llegar|venir|acudir){_STILL_ES}",
            rf"no (?:voy|vamos) a (?:ir|asistir|llegar){_STILL_ES}",
            r"no (?:ire|iremos|asistire|asistiremos)",
            r"(?:necesito|necesitamos|quiero|queremos|tengo que|tenemos que|quisiera|debo|me gustaria|puedo|podemos|"
            rf"puede|podria) {_TO_PUT_OFF_ES}",
            rf"{_TO_PUT_OFF_ES} (?:mi|la|nuestra) (?:cita|reserva|reservacion|visita|sesion)",
        )
    )
    + r")\b"
)
# Whoever writes this does not say that they won't come: a condition, a question about the rules, somebody else.
_NOT_SO = re.compile(
    r"\b(?:"
    + "|".join(
        (
            r"if|unless|in case|whether|what happens|how (?:late|long|do|can|much)|do i (?:have|need)|is there a fee",
            r"(?:dont|do not|didnt|did not|no need to|wont|never|not) (?:need|want|have|going|wanna|gonna|like)"
            rf"(?: to)? {_PUT_OFF}",
            r"(?:he|she|they|you|u) (?:\w+ )?(?:cant|cannot|wont|need|needs|has|have|had|want)",
            r"why|yesterday|last (?:week|time|month)",
            r"au cas|est ce que je (?:dois|peux)|jamais|quest ce|hier|si je",
            r"(?:si|que pasa si) (?:no )?(?:puedo|podre|quiero|necesito|tengo)",
            r"en caso|no (?:quiero|necesito|tengo que)|ayer",
        )
    )
    + r")\b"
)

_UNSEEN = re.compile(r"[\u0300-\u036f\u200b-\u200f\u2060\ufe00-\ufe0f\ufeff\U0001f3fb-\U0001f3ff]")
_APOSTROPHES = re.compile("['’‘`´ʼʹ′＇]")
_WORDS = re.compile(r"[^\W_]+")
_PUNCTUATION = frozenset(' \t\r\n.,!;:-–—()"“”*~…¡')


def answer(text: str) -> Answer | None:
    """What `text` says to "Reply C to confirm"; None if a person has to read it to know."""
    if len(text) > LONGEST:
        return None
    shape = _UNSEEN.sub("", unicodedata.normalize("NFKD", text.strip())).casefold()
    shape = _APOSTROPHES.sub("", shape)
    words = _WORDS.findall(shape)
    said = " ".join(words)
    if _NO.search(said):
        return None if _NOT_SO.search(said) else Answer("no", more=True)
    signs = set(_WORDS.sub("", shape)) - _PUNCTUATION
    if not words:
        return Answer("yes") if signs & _SIGNS_OF_YES and signs <= _SIGNS_OF_YES | _KIND_SIGNS else None
    if signs <= _SIGNS_OF_YES | _KIND_SIGNS and (phrases := _phrases(words)):
        plain = any(phrase in PLAIN_YES for phrase in phrases)
        return Answer("yes", plain) if plain or any(phrase in YES for phrase in phrases) else None
    begins = _FIRST_YES.match(shape)
    if begins is None or _BUT.search(begins["rest"]):
        return None
    return Answer("yes", begins["yes"] in PLAIN_YES, more=True)


def _phrases(words: Sequence[str]) -> list[str]:
    """The phrases that these words are, if they are nothing else."""
    found: list[str] = []
    at = 0
    while at < len(words):
        for end in range(min(at + _LONGEST_PHRASE, len(words)), at, -1):
            if (phrase := " ".join(words[at:end])) in _PHRASES:
                found.append(phrase)
                at = end
                break
        else:
            return []
    return found
