"""What was said. A line is (days ago, "9:02", who, words), who is `client`, `nora`, `jules`, or a mark:

`auto:Name` an automatic text, `email:Subject` an email from Jules, `failed` a text of Nora's that did not arrive,
`unread` a text that nobody has opened. Calls have marks of their own, see `sample.calls`. Days ago 0 is today.
"""

from __future__ import annotations

Line = tuple[int, str, str, str]

# As a business that has no words of its own says it.
SORRY = "Sorry we missed your call. Text us here and we’ll get back to you. Juniper Hair Studio"

KNOWN: dict[str, list[Line]] = {
    "+15035550118": [
        (
            48,
            "15:18",
            "auto:Welcome",
            "Hi Maya, thanks for booking with Juniper Hair Studio. Reply HELP for help or STOP to stop texts.",
        ),
        (48, "15:40", "client", "Thank you! Do I need to do anything before the patch test?"),
        (48, "16:02", "jules", "Just come with clean, dry hair. It takes ten minutes."),
        (
            47,
            "10:30",
            "email:Balayage and care, what to expect",
            "Hi Maya, here is the little guide I promised. It covers prices, timing and how to look after the color at home.",
        ),
        (
            2,
            "16:12",
            "auto:Booking confirmation",
            "Hi Maya, you’re booked with Jules on Thursday at 2:30 PM. Reply C to confirm, or text us here to change it.",
        ),
        (2, "16:20", "client", "C"),
        (2, "16:21", "client", "Thank you!! First time since the baby 😅"),
        (2, "16:31", "client", "Thinking something soft and warm, caramel maybe?"),
        (
            2,
            "16:40",
            "jules",
            "Love that, and it will suit you. We’ll keep the roots soft so it grows out kindly.",
        ),
        (0, "09:02", "client", "Could we start at 2:45? School pickup 🙈"),
        (0, "09:05", "nora", "Of course, moved you along a bit."),
        (0, "09:05", "auto:Appointment changed", "Your visit with Jules is now today at 2:45 PM."),
        (
            0,
            "09:14",
            "voicemail:24",
            "Hi, it’s Maya. Is there parking behind the studio? I’ll have the stroller.",
        ),
        (0, "09:15", "auto:Missed-call text", SORRY),
        (0, "09:40", "nora", "Yes! Ring the side bell and we’ll help with the stroller."),
        (0, "09:41", "nora", "See you soon!"),
    ],
    "+15035550131": [
        (
            21,
            "11:00",
            "auto:Appointment reminder",
            "Hi Daniel, see you tomorrow at 10:00 AM with Nora. Reply C to confirm.",
        ),
        (21, "11:04", "client", "C"),
        (20, "11:15", "nora", "Thanks for coming in today. How does it feel?"),
        (20, "12:02", "client", "Best trim in months, thank you"),
        (
            1,
            "11:00",
            "auto:Appointment reminder",
            "Hi Daniel, see you tomorrow at 10:00 AM with Nora. Reply C to confirm.",
        ),
        (1, "11:20", "client", "C"),
        (0, "09:45", "unread", "Running about 10 min late, so sorry."),
        (0, "09:46", "unread", "Is that still ok?"),
    ],
    "+15035550175": [(0, "09:38", "unread", "Hi, do you have anything Saturday morning for two?")],
    "+15035550164": [
        (30, "10:10", "client", "Hi! How often should I come in for my roots?"),
        (
            30,
            "10:25",
            "jules",
            "Every five to six weeks keeps it looking fresh. Shall I hold a spot in October?",
        ),
        (30, "10:31", "client", "Yes please, a Friday if you can"),
        (30, "10:50", "jules", "Friday at 4 it is. You’ll get a confirmation in a moment."),
        (
            30,
            "10:51",
            "auto:Booking confirmation",
            "Hi Priya, you’re booked with Jules on Friday at 4:00 PM. Reply C to confirm.",
        ),
        (30, "10:58", "client", "C"),
        (0, "09:12", "unread", "Hi Jules, I wanted to ask about Friday. Could I bring my sister along?"),
    ],
    "+15035550122": [
        (
            12,
            "14:05",
            "client",
            "Hello, we are planning a wedding for June 14 and would need hair for six. Is that something you do?",
        ),
        (12, "14:30", "nora", "Congratulations! Yes, gladly. Would you like us to come to the venue?"),
        (12, "14:41", "client", "The venue would be wonderful. It’s out in Hood River."),
        (11, "09:05", "called:nora", "6:41"),
        (
            11,
            "09:20",
            "email:Wedding party, June 14",
            "Hi Luis, thank you for thinking of us. For a party of six at the venue we come with two stylists and start at 8. I have put the prices below.",
        ),
        (0, "08:57", "unread", "Got the quote, thank you. Can we talk about adding a trial for the bride?"),
    ],
    "+15035550107": [
        (
            35,
            "09:00",
            "auto:Appointment reminder",
            "Hi Grace, see you tomorrow at 1:00 PM with Jules. Reply C to confirm.",
        ),
        (35, "09:12", "client", "C, looking forward to it"),
        (3, "17:52", "missed", ""),
        (3, "17:53", "auto:Missed-call text", SORRY),
        (3, "18:04", "client", "No worries! I only wanted to ask if you take cards."),
        (3, "18:10", "jules", "We do, cards and cash. See you soon!"),
        (
            0,
            "08:15",
            "auto:Appointment reminder",
            "Hi Grace, see you tomorrow at 1:00 PM with Jules. Reply C to confirm.",
        ),
    ],
    "+15035550149": [
        (
            9,
            "15:02",
            "email:Your visit on Thursday",
            "Hi Theo, a reminder that we see you on Thursday at 3. Parking is behind the studio.",
        ),
        (1, "16:20", "failed", "Hi Theo, we have an opening tomorrow at 11 if you’d like it."),
    ],
    "+15035550136": [
        (1, "13:05", "tried:jules", ""),
        (
            1,
            "13:10",
            "client",
            "Sorry, I was driving! Can I bring Noa along for a quick fringe trim as well?",
        ),
        (1, "13:22", "jules", "Of course. I’ll add fifteen minutes."),
        (1, "13:25", "client", "You’re a star. Noon still fine?"),
        (1, "13:31", "jules", "Sounds good, see you both at noon"),
    ],
    "+15035550153": [
        (6, "10:02", "client", "Do you sell the matte clay you used last time?"),
        (6, "10:15", "nora", "We do, $24. I’ll put one aside with your name on it."),
        (6, "10:17", "client", "Perfect, will grab it this week"),
        (5, "16:40", "nora", "It’s at the front desk whenever you like."),
        (2, "11:48", "took:jules", "2:05"),
    ],
    "+15035550112": [
        (
            40,
            "12:00",
            "auto:Booking confirmation",
            "Hi Aisha, you’re booked with Nora on Saturday at 9:30 AM. Reply C to confirm.",
        ),
        (40, "12:11", "client", "C"),
        (
            7,
            "11:00",
            "auto:Appointment reminder",
            "Hi Aisha, see you tomorrow at 2:00 PM with Nora. Reply C to confirm.",
        ),
        (7, "11:09", "client", "STOP"),
    ],
}

# Calls of some of the many, after all else that was said.
CALLS: dict[str, list[Line]] = {
    "+15035550103": [
        (
            1,
            "18:42",
            "voicemail:17 new",
            "Hey, this is Marcus. I think I left my gray cap with you last time. Could you have a look? Thanks, bye!",
        ),
        (1, "18:43", "auto:Missed-call text", SORRY),
    ],
}

# What is said every day; each of the many gets some of it.
EVERYDAY: list[list[tuple[str, str]]] = [
    [
        (
            "auto:Booking confirmation",
            "Hi {first}, you’re booked with {staff} on {day} at {time}. Reply C to confirm.",
        ),
        ("client", "C"),
    ],
    [
        (
            "auto:Appointment reminder",
            "Hi {first}, see you tomorrow at {time} with {staff}. Reply C to confirm.",
        ),
        ("client", "C, thanks!"),
    ],
    [
        ("client", "Hi! Any chance of an earlier slot on {day}?"),
        ("{who}", "We have {time}. Shall I move you?"),
        ("client", "Yes please"),
        ("{who}", "Done, see you then."),
    ],
    [
        ("{who}", "Thanks so much for coming in today. How does it feel?"),
        ("client", "Love it! Got two compliments already 😊"),
    ],
    [("client", "Running 5 minutes late, sorry!"), ("{who}", "No rush, drive safely.")],
    [
        ("client", "Can I reschedule to next week? Something came up at work"),
        ("{who}", "Of course. {day} at {time}?"),
        ("client", "Works for me"),
        ("auto:Appointment changed", "Your visit with {staff} is now on {day} at {time}."),
        ("client", "C"),
    ],
    [("client", "Is {staff} in on {day}?"), ("{who}", "Yes, from {time} on.")],
]

# What is said now and then: nobody believes seven forgotten umbrellas.
NOW_AND_THEN: list[list[tuple[str, str]]] = [
    [
        ("client", "How long does a cut and color take?"),
        ("{who}", "About two hours, a bit more for long hair."),
        ("client", "Good to know, thank you"),
    ],
    [
        ("client", "I think I left my umbrella at the studio"),
        ("{who}", "We have it! It’s green with a wooden handle, right?"),
        ("client", "That’s the one. I’ll pick it up on {day}"),
    ],
    [
        ("client", "Do you do gift cards?"),
        ("{who}", "We do, any amount. You can pick one up at the desk or we’ll email it."),
        ("client", "Lovely, will come by"),
    ],
    [
        ("client", "What was the name of the shampoo you recommended?"),
        ("{who}", "It’s the mild one with oat, in the white bottle. We keep it at the desk."),
        ("client", "Got it, thanks"),
    ],
    [
        ("{who}", "Hi {first}, your color order has arrived. Shall we book you in?"),
        ("client", "Yes! {day} afternoon if possible"),
        ("{who}", "{day} at {time} is yours."),
    ],
]
