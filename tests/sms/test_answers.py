"""A plain yes, a plain "can't make it", and all that is neither."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.sms.answers import LONGEST, PLAIN_YES, POLITE, YES, Answer, answer
from parley.sms.optout import wish

# What only the appointment's message can be meant by.
PLAIN = """
C|c|c!|C.| "C" |Ｃ|C 👍|C, thanks!|Confirm|confirmed|CONFIRMED!!|I confirm|Confirm please|I’ll be there
Ill be there!
See you then|See you then 😊|yes, see you then|Yes I'll be there|We will be there|c u then|Je confirme
confirmé|je serai là
J’y serai|À demain|Confirmo|Confirmado, gracias|Ahí estaré|nos vemos
"""
YESES = """
Yes|YES|yes!|y|Yep|yeah|Yes please|yes please!|Yes, thank you|Thanks, yes|ok|OK|Okay 👍|ok thanks|Sure
Sounds good
👍|👍🏽|👍👍|✅|👌🏻|✔️|🙏👍|Oui|oui merci|D’accord|d'accord|Parfait, merci|Sí|si|Sí, gracias|Claro que sí|Perfecto
Vale 👍
yes i will|Absolutely|hi yes|good morning, yes please|“Yes”|Yes can't wait
"""
YES_AND_MORE = r"""
Yes, can I bring my dog?|Yes! Is there parking?|C. Also my number is new
Confirmed, I will bring the papers
Yes - my daughter will come along|Oui, est-ce qu'il y a un stationnement?|Sí, ¿puedo llevar a mi hijo?
Yes\nWhat is the address?
yes. 3 people
"""
NOES = """
I can't make it|I can’t make it|cant make it tomorrow, sorry|I cannot make it
Sorry but I won't be able to make it
I have to cancel|have to cancel my appointment|I need to reschedule|Need to reschedule please
not going to make it
I'm not going to make it today|I am not able to come|I'm unable to attend|Can we reschedule?
Could you cancel my appointment
Please cancel my appointment|please reschedule|Hi, I won't be there|I'm not coming
I don't think I can make it
Yes I need to cancel|something came up and I can't come
Hello this is Maya, I can't make my appointment at 3
can't make it at 3|I'd like to reschedule|gotta cancel|We won't be able to make it|Wanna reschedule
can not make it
I will not be there|i wont make it|Je ne peux pas venir|je peux pas venir|Je ne pourrai pas venir demain
Je dois annuler|Je dois annuler mon rendez-vous|Je voudrais reporter mon rdv|Je ne serai pas là
je viendrai pas|J'ai besoin d'annuler
Puis-je déplacer mon rendez-vous|Pouvez-vous annuler mon rdv|No puedo ir|No podré asistir
no voy a poder ir
Necesito cancelar|Tengo que cancelar mi cita|Quiero reprogramar|No voy a ir|¿Puedo cancelar mi cita?
no puedo llegar
"""
NEITHER = """
Yes 🐶|Hello|Who is this?|no|No.|Nope|n|maybe|C?|yes?|ok?|Yes??|thanks|Thank you!|great|😊|❤️|👎|👍👎|?|!|.|...|1|42
What time is it?|Can I bring my dog?|I'm running late|be there in 10 minutes|Yes but can we do 4?
Yes, but I will be late
Yes but I can't stay long, is there a later time|yes, can we change it to 4|ok if I come at 4?
okay what about Friday
Yes, no, I don't know|Not yes|yesterday|Yes we have no bananas|C section|vitamin C|Plan C?|B or C|I see
cool|sure is cold
Can't wait!|I can't wait to come|I can't come up with a better time|I can't make it before 3
I can't be there until 3:15
What happens if I need to cancel?|What if I can't make it?|Do I need to cancel?
If I can't make it I will call
I don't need to reschedule|I didn't want to cancel|He can't make it but I can
Sorry I couldn't make it yesterday
I need to cancel my subscription|please cancel my order|Can you cancel my membership|How do I cancel?
How late can I cancel?
Si no puedo ir les aviso|si je ne peux pas venir je vous appelle|no quiero cancelar|No necesito cancelar
mais oui mais non
Do you need to cancel?|You can't make it up|Is it confirmed?|confirm?|not confirmed|I can't confirm
unconfirmed
Why do I have to cancel|Will I be there?|Please call me|okok|yesno|sí o no|ou oui ou non|c’est quoi|k|
"""


def cases(table: str) -> list[str]:
    return [
        case for line in table.strip().split("\n") for case in line.replace("\\n", "\n").split("|") if case
    ]


@pytest.mark.parametrize(
    ("table", "meant"),
    [
        (PLAIN, Answer("yes", plain=True)),
        (YESES, Answer("yes")),
        (NOES, Answer("no", more=True)),
        (NEITHER, None),
    ],
)
def test_what_people_write(table: str, meant: Answer | None) -> None:
    wrong = {text: said for text in cases(table) if (said := answer(text)) != meant}
    assert not wrong


def test_a_yes_that_goes_on() -> None:
    for text in cases(YES_AND_MORE):
        said = answer(text)
        assert said is not None, text
        assert (said.says, said.more) == ("yes", True), text


def test_none_of_them_is_a_wish_to_stop_texts() -> None:
    """But for what may be one: "I have to cancel". "Yes" may be a wish to start."""
    for table in (PLAIN, YESES, NOES):
        for text in cases(table):
            asked = wish(text)
            assert asked is None or asked.word == "YES" or asked.doubtful, text


@given(st.text(max_size=400))
def test_anything_at_all_is_read(text: str) -> None:
    said = answer(text)
    assert said is None or said.says in ("yes", "no")
    if len(text) > LONGEST:
        assert said is None


@given(
    st.sampled_from(sorted(PLAIN_YES | YES)),
    st.lists(st.sampled_from(sorted(POLITE)), max_size=2),
    st.sampled_from(["", ".", "!", " 👍", " 😊", "!!"]),
    st.sampled_from([str, str.upper, str.title]),
)
def test_a_yes_stays_one_however_kindly_it_is_said(
    yes: str, kind: list[str], end: str, case: type[str]
) -> None:
    said = answer(case(", ".join([yes, *kind])) + end)
    assert said is not None
    assert (said.says, said.more) == ("yes", False)


@given(
    st.sampled_from(cases(PLAIN) + cases(YESES)),
    st.sampled_from([" not", " but", " if I can", "?", " or no"]),
)
def test_a_yes_with_a_doubt_is_none(yes: str, doubt: str) -> None:
    said = answer(yes + doubt)
    assert said is None or said.more, yes + doubt


def test_hostile_texts_take_no_longer_than_others() -> None:
    began = time.process_time()
    for text in (
        "can't " * 53,
        "need to " * 40,
        "yes, " * 64,
        "c " * 160,
        "no puedo " * 35,
        "not going to " * 24,
        "\u0301" * 320,
        "👍" * 320,
        "je ne " * 53,
        "i dont think " * 24,
        "ﷺ" * 320,
    ):
        for _ in range(20):
            answer(text)
    assert time.process_time() - began < 1.0
