"""The wish to stop in plain words: what a reasonable person would read as one (47 CFR 64.1200(a)(10)).

Sources, all reviewed 2026-11-25: 47 CFR 64.1200(a)(10) and FCC 24-24 (any reasonable means; wording that a
reasonable person would understand; "no mas" as an example of another language); CTIA Messaging Principles
5.1.3 (normal language, "please opt me out"); CWTA short code guidelines 3.9 (ARRET). The phrases are our own
reading of these, and the tests hold them both ways. Texts, messages or the person's number as the object
decide for the wish; a time or a place ("until noon", "by at five") decides against it.

A message is read in the shape `told`: small letters without accents, no apostrophes, one space between words,
" . " or " ? " behind a sentence, " , " behind a clause. Phrases are tried where one of their first words
stands, and their gaps are a few words from a list, never "anything": time is linear in the message.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Literal, NamedTuple

_STOP = "stop stopp quit cease discontinue halt"
_NOT = "dont donot dnt never do_not don_t do_nt"

# The parts that phrases are made of.
_PARTS = {
    "stop": r"(?:stop|stopp|quit|cease|discontinue|halt)",
    "texts": (
        r"(?:text messages?|texts|txts|txt|messages|mssgs|msgs?|messges|mesages|messeges|sms|smses|mms|"
        r"notifications?|alerts?|reminders?|spam|communications?|correspondence|text blasts?|blasts|mensajes|textos|"
        r"(?:text|message)(?! (?:me|us|you|u|him|her|them|back|when|if|that|about)\b))"
    ),
    "offers": (
        r"(?:offers?|promos?|promotions?|promotionals?|ads|adverts?|advertisements?|advertising|deals|coupons?|"
        r"marketing|sales|specials|newsletters?|discounts?|campaigns?|solicitations?|"
        r"ofertas?|promociones|publicidad|propaganda|offres?|publicites?|pubs?|rabais|soldes)"
    ),
    "promotional": r"(?:promotional|promo|marketing|sales?|advertising|ad|publicitaires?|publicitarios?|promocionales)",
    "stuff": r"(?:stuff|things|crap|shit|junk|garbage|nonsense|bs|anything|everything|nada|rien)",
    "dear": r"(?:please|pls|plz|plse|fucking|fuckin|freaking|damn|ever|just|even|kindly|dare|you|u|immediately)",
    "such": (
        r"(?:the|these|those|this|that|your|ur|my|all|any|of|with|me|us|more|no|further|future|such|so|many|an?|out|"
        r"to|from|receiving|getting|sending|send|fucking|freaking|damn|stupid|annoying|constant|daily|weekly|"
        r"automated|automatic|auto|unwanted|unsolicited|spam|bulk|mass|group|phone|text|sms|cell|"
        r"(?:appointment|booking|visit|email|call|phone|voice)(?= (?:reminders?|texts?|messages?|alerts?|and|or)\b)|"
        r"(?:emails|calls|calling|emailing)(?: me)? (?:and|or)|<promotional>)"
    ),
    "me": r"(?:me|us|my (?:phone|cell|mobile|number)|this (?:phone|cell|mobile|number|line))",
    "calling and": (
        r"(?:(?:calling|emailing|calls|emails|call|email)(?: me)? "
        r"(?:or|and(?! (?:te?xt|txt|message|msg) me\b)))"
    ),
    "texting": (
        r"(?:te?xting|textin|txtin|texing|texxting|text|txt|messaging|messagin|messageing|msging|msg|message|"
        r"contacting|spamming|spaming|bothering|botherin|harassing|harrassing|harass|bugging|pestering|annoying|"
        r"disturbing|notifying|soliciting|reaching out|blowing up|"
        r"calling(?= (?:me|us|this number|my phone)\b(?! (?:and |just |please |but |you can )*te?xt)))"
        r"(?! (?:you|u|him|her|them|each|back|my (?!phone|cell|mobile|number)|and driving|while)\b)"
    ),
    "text": r"(?:te?xt|text message|message|msg|sms|contact|bother|harass|disturb|spam|bug|write|reach out)",
    "list": (
        r"(?:(?!wait|guest|cancellation|standby|class|shopping|price)\w{1,20} ){0,3}(?<!waiting )"
        r"(?:lists?|texts|messages|sms|notifications|database|system|contacts|directory|group text|group chat|"
        r"thread|marketing|subscription)"
    ),
    "number": (
        r"(?:(?:phone|cell|mobile|cellphone|telephone) )?"
        r"(?:numbers?|phone|cell|info|information|name|data|contact)"
    ),
    "unsubscribe": r"(?:un ?su[bscri]{3,9}e?|unsub)",
    "consent": r"(?:consent|permission|authorization)",
    "mensajes": r"(?:mensajes?|mensajitos|textos?|sms|notificaciones|recordatorios)",
    "messages": r"(?:textos?|textes?|messages?|sms|notifications?|rappels)",
    "ecrire": r"(?:envoyer|ecrire|texter|contacter|harceler|deranger|spammer|importuner|solliciter)",
    "ecrivez": (
        r"(?:envoyez?|envoies?|ecrivez|ecris|textez?|textes|contactez?|contactes|derangez?|harcelez?|sollicitez?)"
    ),
    # With a time or a place it is a wish about when, not whether.
    "always": (
        r"(?! (?:until|till|til|unless|before|after|while|during|today|tonight|tomorrow|right now|back|when|if|past|"
        r"between|so early|this early|so late|this late|(?:at|on|in|from) (?!this|my)|this (?:morning|week)|yet|"
        r"im (?:driving|at|in|working|busy|asleep|sleeping|on)|hasta|antes|despues|cuando|si|avant|apres|pendant|"
        r"jusqu|quand|demain|aujourdhui|tant)\b)"
    ),
    "end": (
        r"(?= (?:please|pls|plz|now|anymore|any more|again|ever|thanks|thank|thx|asap|immediately|already|ok|"
        r"to (?:my|this)|(?:at|on) this|por favor|mas|svp|s ?il vous plait|merci|gracias)\b| [.?]|$)"
    ),
    "about it": r"(?: (?:of|from|to|about|on))?(?: <such>){0,4}?(?: <offers>)?(?: <texts>)?",
}

# First words (with a second behind "_"), then the rest. `<texts>` is a part of those above, ` <me>?` one that may
# be missing and ` <such>*4` up to four of them. Where several begin at one word, the first that fits counts.
_WISHES = [
    # English
    (_STOP, r" <dear>*3(?: (?:with )?(?:the|all|all the|your))? <calling and>? <texting><always> <me>?<always>"
            r"(?: (?:about|with) (?:\w{1,20} ){0,3}?<offers>)?"),
    (_STOP, r" <dear>*2 (?:sending|sendin|send|receiving|getting) <me>?(?: to <me>)? <such>*4(?: <offers>| <stuff>)?"
            r"(?:(?: and| or)? <such>*2 <texts>|<end>)"),
    (_STOP, r" <dear>*2 (?:sending|sendin|send) <me>?(?: to <me>)? <such>*4 (?:<offers>|<stuff>)"),
    (f"{_STOP} end cancel suspend terminate enough disable turn_off parar", r" <such>*5 (?:<offers> )?<texts><always>"),
    (_STOP, r" <such>*4 (?:<offers>|<stuff>)<end>"),
    (_STOP, r" using (?:my|this) <number>"),
    (_NOT, r" <dear>*3 <calling and>? <text> (?:to )?<me><always>(?: about (?:\w{1,20} ){0,2}?<offers>)?"),
    (_NOT, r" <dear>*3 <calling and>? (?:te?xt|message|msg|contact|sms)"
           r"(?= (?:again|anymore|any more|ever again|please|pls|plz|or call|or email|call|just call)\b| \.|$)"),
    (_NOT, r" <dear>*3 send <me>?(?: to <me>)?(?: (?!the\b|a\b|my\b|text\b|that\b|this\b)<such>){0,5}?"
           r" (?:<texts>|<offers>|<stuff>|(?:anymore|any more|more|these|those|this)<end>)<always>"),
    (f"{_NOT} no_longer not didnt", r"(?: really| even)? (?:wish|want|wanna|need|care|like|consent|agree|asked?)"
           r"(?: (?:to|you|get|getting|receive|recieve|receiving|have|see|be|any|more|anymore|your|ur|these|those|of|"
           r"all|sent|such|for|from|further|daily|so|many|text|<promotional>)){0,7}?"
           r" (?:texts|txts|text messages|messages|msgs|sms|notifications|alerts|reminders|spam|communications|"
           r"contacted|texted|messaged|<offers><end>|(?<=receive )(?:this|these|those|them)<end>|"
           r"(?<=get )(?:this|these|those)<end>|hear from (?:you|u|your|this)|"
           r"(?:texting|messaging|contacting|text|message|contact) (?:me|us))"),
    (_NOT, r" (?:want|wish|like) (?:to be )?on (?:your|ur|this|the|any) <list>"),
    (f"{_NOT} no_longer", r" have (?:my |any )?<consent> to (?:text|contact|message|send)"),
    ("revoke revoking withdraw withdrawing rescind", r"(?: (?:my|all|any)){0,2} <consent>"),
    ("no_more no_further", r"(?: (?!text\b)<such>){0,3}? (?:<offers> )?<texts>(?! \?)<always>"),
    ("no_more", r" <offers><end>(?! \?)"),
    ("remove delete drop erase lose take", r" <dear>? (?:my|this) <number>(?! and (?:use|add|put|replace))"
           r"(?: (?:from|off)(?: of)? <list>)?(?<!phone)(?<!cell)"),
    ("remove delete get take keep", r" <dear>? (?:me|us|my <number>|this <number>|name)"
           r" (?:off|from|out)(?: of)? <list>"),
    ("remove delete drop erase scrub", r" <dear>? (?:me|us)<end>"),
    ("remove", r" from (?:(?:your|ur|the|this|mailing|text|sms) ){0,3}lists?"),
    ("get come taken removed", r" (?:off|from)(?: of)? (?:your|ur|this|the|these) <list>"),
    ("put place add", r" (?:me|us|my number|this number) (?:on|to) (?:your |the |a |ur )?do not (?:call|contact|text)"),
    ("do_not", r" (?:call|contact|text) (?:list|registry)"),
    ("opt opting optin opted", r" <dear>? (?:(?:me|us|my number|this number) )?out(?! for )<about it>"),
    ("optout", r"<about it>"),
    ("unsubscribe un_subscribe un_suscribe", r"(?! (?:link|button|is not|isnt|by (?:mistake|accident))\b)"
           r"(?! (?:me )?from (?:\w{1,20} ){0,3}?(?:class|classes|membership|plan|appointment|booking)\b)"
           r" <me>?<about it>"),
    ("be get me us", r" unsubscribed"),
    ("leave", r" (?:me|us) (?:the \w{1,12} )?alone(?:(?= (?:or|and|u|you)\b)|<end>)"),
    ("report reported reporting", r"(?: (?:you|this|it|u|your|number|as|to|for|ftc|fcc|the)){1,4}? spam"),
    # Spanish
    ("deja deje dejen dejan dejad dejar pare paren para parar cese cesen alto",
     r" (?:ya )?de (?:por favor )?(?:me )?(?:envi|mand|escrib|molest|contact|texte|llam|acos)(?:ar|ir|ear)"
     r"(?:me|nos|le|se)?(?: \w{1,12}){0,2}?(?: <offers>)?<always>"),
    ("no", r" (?:me|nos) (?:(?:sigan?|sigas|vuelvan? a|vuelvas a) )?(?:mand|envi|escrib|contact|texte|molest)"
           r"(?:[ei][sn]?|a[sn]?|ar|ir|i?endo|ando)<always>(?! (?:al?|el|la|un|una) )"
           r"(?: (?:mas|ya|otra|vez|nada|de|sus|tus|estos|esos|mensajes|textos)){0,4}(?: <offers>)?<always>"),
    ("no", r" (?:envi|mand|escrib)(?:ar|ir|an?|en?)(?:me|nos)? (?:mas|otros) <mensajes>"),
    ("no", r" (?:quiero|deseo|necesito|queremos)(?: (?:mas|que|me|recibir|seguir|recibiendo|sus|tus|estos|esos|de|los|"
           r"ya|ningun|tantos|nuevos)){0,6}? (?:<mensajes>|manden|envien|escriban|<offers>)"),
    ("no", r" mas (?:(?:de|los|estos|esos|sus|tus) ){0,2}(?:<mensajes>|<offers>)<always>"),
    ("dejar", r" de recibir (?:\w{1,12} ){0,2}?(?:<mensajes>|<offers>)"),
    ("cancelar cancela cancelen cancele", r" (?:(?:los|estos|esos|sus|tus|de|mis) ){0,2}<mensajes>"),
    ("quitar quita quite quiten quitarme quitame quiteme quitenme borrar borra borre borren borrame borreme borrenme "
     "eliminar elimina elimine eliminen eliminame elimineme eliminenme sacar saca saque saquen sacame saqueme saquenme",
     r"(?: por favor)? (?:(?:mi|este) numero|de (?:su|tu|la|esta|sus) lista)"),
    ("dar darme darnos dame deme denme quiero solicito", r" (?:la |de )?baja"),
    ("desuscribir desuscribirme desuscribeme desuscribame desuscribanme", r""),
    ("dejenme dejeme dejame dejadme dejennos dejenos", r" (?:en paz|tranquil[oa]s?)"),
    # French
    ("arretez arrete arreter cessez cesse cesser stop",
     r"(?: (?:svp|s il vous plait|sil vous plait|donc|tout de suite))? (?:de|d) (?:(?:m|me|nous) )?"
     r"(?:<ecrire>|recevoir (?:des|vos|ces|de|les) <messages>)<always>"
     r"(?: (?:des|vos|ces|de|les|tes)(?: <offers>)?)?"),
    ("arretez arrete arreter cessez cesse cesser stop fini",
     r"(?: (?:les|vos|ces|tous|aux|tes|avec)){1,3} (?:<messages>|<offers>)"),
    ("m me nous", r" <ecrivez> plus(?: (?:jamais|de|rien|vos|ces|du))?(?: <offers>)?<always>"),
    ("ne n", r" (?:m|me|nous) <ecrivez> pas(?: (?:de|d autres?)(?: <offers>)?)?<always>"
             r"(?! (?:a|au|le|la|ce|l|tout)\b)"),
    ("ne n", r" (?:(?:m|me|nous) )?<ecrivez> plus(?: (?:jamais|de|rien|vos|ces|du))?(?: <offers>)?<always>"),
    ("ne", r" plus (?:m|me|nous) <ecrire>"),
    ("veux souhaite desire voulons souhaitons",
     r" (?:plus|pas)(?: (?:recevoir|de|des|d|vos|ces|les|tes|avoir|du|etre)){0,4}?"
     r" (?:<messages>|contactee?|<offers>)"),
    ("desabonner desabonne desabonnez desabonnement desinscrire desinscrivez desinscription", r""),
    ("retirez retire retirer enlevez enleve enlever supprimez supprime supprimer effacez efface effacer otez ote oter",
     r" (?:moi de (?:la|votre|cette|ta|vos) listes?|(?:mon|ce) numero)"),
    ("laissez laisse fichez fiche foutez fous", r" (?:moi|nous) (?:tranquilles?|la paix|en paix)"),
    # Portuguese
    ("pare parem para parar deixe deixem", r" de (?:me )?(?:enviar|mandar|escrever|contatar|incomodar)(?:em)?"),
    ("nao", r" (?:quero|desejo)(?: mais| receber| suas| essas| estas){0,4} (?:mensagens|mensagem|sms)"),
    ("nao", r" me (?:envie|mande|enviem|mandem|escreva|contate)(?: mais)?"),
    ("tire remova retire exclua", r" (?:o )?meu numero"),
]  # fmt: skip

# These contain such words and say the contrary, or quote what a text of ours says.
_OTHERS = [
    ("you u he she they i we why ya_ll",
     r"(?: really| just| also)? (?:dont|do not|never|didnt|cant)(?: (?:you|u|ever))? <text>"),
    (f"{_NOT} did_not have_not didnt not havent shouldnt wouldnt",
     r"(?: (?!<text>\b)\w{1,12}){0,3}? (?:<stop>|unstop|<unsubscribe>|opt(?:ed)? out|remove|delete|lose|revoke|leave)"
     r"(?: (?:texting|sending|messaging|contacting|the|my|your|me|these)(?: <texts>| <offers>| me| us){0,2})?"),
    ("he she they it someone somebody people boyfriend girlfriend husband wife ex mom dad kid kids baby",
     r" (?:wont|will not|doesnt|does not|cant|keeps?) (?:<stop>|<texting>)(?: <texting>)?"),
    ("why when did have has had how_come",
     r"(?: (?:did|have|has))? (?:you|u|yall|they|it|he|she|we|i) (?:all )?<stop>(?:p?ed)?"
     r"(?: <texting>| sending)? <me>?"),
    ("i we", r" (?:will|can|could|should|ll|had to|promise to) <stop> \w{1,20}"),
    ("ill", r" <stop> \w{1,20}"),
    ("accidentally accidently mistakenly by_mistake by_accident",
     r"(?: \w{1,12}){0,4}? (?:<unsubscribe>|opt(?:ed)? out|optout)"),
    ("reply text txt send respond answer type responda responde envie repondez envoyez",
     r"(?: \w{1,12}){0,2}? (?:stop|arret|help|unsubscribe|optout|opt out|cancel|end|quit)"
     r"(?: (?:to|2|for|para|pour|if|and|or)\b(?: [\w?]{1,14}){0,4})?"),
    ("stop arret", r" (?:to|2|para|pour) (?:opt out|<unsubscribe>|end|quit|cancel|stop|cancelar|terminar|vous|arreter|"
                   r"me|darse|dejar|ne plus)(?: [\w?]{1,14}){0,3}"),
    ("what", r" (?:does|is|do)(?: \w{1,12}){0,2}? (?:<unsubscribe>|opt out|optout)"),
]  # fmt: skip

# Misspelt beyond listing.
_UNSUBSCRIBE = re.compile(r"unsu[bscri]{3,9}e?|unsub|desubscribe|dissubscribe")

# Around a bare word these change nothing: "ok, please stop now, thanks".
_COURTESY = (
    r"(?:please|pleas|plese|pls|plz|plse|kindly|thanks|thank you|thank u|thankyou|thx|ty|ok|okay|k|hi|hello|hey|now|"
    r"right now|just|asap|immediately|already|sorry|no|nope|nah|yes|yeah|and|but|or|i said|omg|ffs|wtf|the fuck|"
    r"fuck|fucking|freaking|damn|sir|maam|guys|yall|forever|for good|at once|again|also|both|no thanks|no thank you|"
    r"not interested|im not interested|i am not interested|no longer interested|who is this|whos this|"
    r"this is spam|spam|seriously|i mean it|"
    r"por favor|porfavor|porfa|gracias|ya|hola|"
    r"s ?il vous plait|s ?il te plait|svp|stp|merci d|merci|bonjour|veuillez|immediatement|maintenant|obrigad[oa])"
)
_ASKING = (
    r"(?:(?:can|could|would|will) (?:you|u)|(?:please )?can i|may i|how (?:do|can) (?:i|you|u)|how to|where do i|"
    r"i (?:want|need|wish|have|am asking you|told you|asked you|asked|would like|beg you)"
    r"(?: (?:you|u|this|it|them|these))? to|i (?:want|said|say)|i wanna|wanna|want to|id like (?:you |this )?to|"
    r"im (?:asking|telling|begging) you to|(?:you|u) (?:need|have) to|(?:this|it) (?:needs|has) to|make (?:it|this)|"
    r"tell them to|let me|i|quiero|je veux|je souhaite)"
)
_BARE = (
    r"(?:stop (?:it|this|that|these|those|all|all of this|all this|everything|me)|stopall|stopp*|quit it|quit|revoke|"
    r"remove me|remove us|remove|take me off|unenroll me|opt ?out|opt me out|unsub(?:scribed?)?(?: me)?|discontinue|"
    r"cease|cease and desist|knock it off|cut it out|go away|get lost|fuck off|f off|piss off|"
    r"no more texts?|no texts?|no text messages?|no messages|no sms|no spam|dont text|do not text|do not contact|dnc|"
    r"arretez? ca|arretez?|arreter|arret|cessez?|assez|(?:plus|pas) de (?:textos?|messages?|sms)|"
    r"no mas|ya no mas|basta ya|ya basta|basta|alto|parar|pare|paren|para ya|detener|detenga|detenganse|detengase|"
    r"baja|no molestar|no molesten|sair|parem|chega)"
)
# These are said of visits too, or of nothing in particular.
_DOUBTFUL = (
    r"(?:cancel(?:l|ed|led|ling|ing)?|cancle|canel|cancal|cancel (?:me|all|everything)|end it|end this|end|"
    r"(?:cancel|end|stop) (?:my |the |this )?subscription|terminate|no more|enough|thats enough|enough is enough|"
    r"cancelar|cancela|cancele|cancelen|terminar|termina|fin|finalizar|cancelar (?:la )?suscripcion|"
    r"annuler|annulez|annule|annulation|"
    r"(?:(?:you|u) (?:have|got) (?:the )?|this is (?:the |a )?|its the )?wrong (?:number|person))"
)
# Whatever is bare or doubtful holds one of these words, or of these beginnings; a test draws from the patterns.
_CORES = (
    "quit revoke remove off unenroll opt optout discontinue cease cut away lost text texts message messages sms "
    "spam contact dnc arret arrete arretez arreter cesse cessez assez texto textos mas basta alto parar pare paren "
    "para parem detener detenga detenganse detengase baja molestar molesten sair chega "
    "cancle canel cancal end terminate more enough terminar termina fin finalizar annuler annulez annule annulation "
    "wrong"
)
_STEMS = ("stop", "unsu", "subscribe", "cancel")
_LONGEST_BARE = 200

# Nothing to read here but ourselves, quoted: phones send "Liked “Reply STOP to opt out”" as a text.
_REACTION = re.compile(
    r"\s*(?:liked|loved|disliked|laughed at|emphasized|questioned|reacted|removed an? \w{1,20} from|"
    r"a aimé|a adoré|a réagi|le gustó|le encantó|reaccionó) .{0,40}?[“”\"«‘']",
    re.DOTALL | re.IGNORECASE,
)

# "STOP" shouted behind a sentence is a keyword without its full stop; after these it is talked about.
_SHOUTED = re.compile(r"[a-z]\W{1,3}STOP\W{0,9}$")
_TALKED_ABOUT = re.compile(
    r"(?i)\b(?:the|a|an|bus|at|your|this|that|my|non|one|next|last|each|every|first|train|truck|pit|dont|don.t|not|"
    r"never|cant|can.t|wont|won.t|say|says|said|text|texted|type|typed|reply|replied|send|sent|word|to|didnt|didn.t|"
    r"full)\W{1,3}STOP\W{0,9}$"
)


def _filled(pattern: str) -> str:
    def part(found: re.Match[str]) -> str:
        space, name, times = found.groups()
        inner = _filled(_PARTS[name])
        if times is None:
            return f"{space}{inner}"
        return f"(?:{space}{inner})" + ("?" if times == "?" else f"{{0,{times[1:]}}}?")

    return re.sub(r"( ?)<([a-z][a-z ]*)>(\?|\*\d)?", part, pattern)


def _by_first_word() -> dict[str, str]:
    rests = defaultdict[str, tuple[list[str], list[str]]](lambda: ([], []))
    for which, table in enumerate((_WISHES, _OTHERS)):
        for firsts, rest in table:
            for first in firsts.split():
                word, _, second = first.partition("_")
                rests[word][which].append((f" {second}" if second else "") + _filled(rest))
    return {
        word: rf"(?:(?P<wish>{_any(wishes)})|{_any(others)})(?!\w)"
        for word, (wishes, others) in rests.items()
    }


def _any(patterns: list[str]) -> str:
    return "|".join(patterns) if patterns else "(?!)"


def _whole(core: str) -> str:
    return rf"(?:(?!{core}(?: |$))(?:{_COURTESY}|{_ASKING}) )*+{core}(?: (?:{core}|{_COURTESY}))*+"


_BY_FIRST_WORD = _by_first_word()
# What a wish begins with; phrases that only say the contrary need not be looked for alone.
_TELLING = frozenset(
    [*_CORES.split(), *(first.partition("_")[0] for firsts, _ in _WISHES for first in firsts.split())]
)
_BARE_ALONE = _whole(_BARE)
_EITHER_ALONE = _whole(f"(?:{_BARE}|{_DOUBTFUL})")
_COURTESY_ALONE = rf"{_COURTESY}(?: {_COURTESY})*+"
_MARKETING = _filled(r"\b(?:<offers>|<promotional>)\b")
_AND_TEXTS = _filled(r"\b(?:and|or) <such>*2 ?<texts>$")


# To compile them all takes longer than to start; a process that reads no texts compiles none.
_compiled = cache(re.compile)


class Said(NamedTuple):
    """A wish to stop, as plain words say it. Doubtful: it may be meant of something else than texts."""

    category: Literal["all", "marketing"]
    doubtful: bool


def may_stop(words: Iterable[str], *shapes: str) -> bool:
    """Could `stops` find anything in a message of these words? False is certain, and costs a fraction of asking it."""
    return not _TELLING.isdisjoint(words) or any(stem in shape for shape in shapes for stem in _STEMS)


def stops(told: str, written: str) -> Said | None:
    """The wish to stop in a message, or None. `told` is its shape for phrases, `written` what was sent."""
    if _REACTION.match(written):
        return None
    clauses = [clause for clause in re.split(r" ?[.,?] ?", told) if clause]
    whole = " ".join(clauses)
    if len(whole) <= _LONGEST_BARE and _compiled(_EITHER_ALONE).fullmatch(whole):
        return Said("all", doubtful=_compiled(_BARE_ALONE).fullmatch(whole) is None)
    if wishes := list(_wishes(told.replace(" ,", ""))):
        offers = all(_only_offers(wish) for wish in wishes)
        return Said("marketing" if offers else "all", doubtful=False)
    if _stands_alone(clauses) or _stands_alone(clauses[::-1]):
        return Said("all", doubtful=True)
    if _SHOUTED.search(written) and not _TALKED_ABOUT.search(written):
        return Said("all", doubtful=True)
    return None


def _only_offers(wish: str) -> bool:
    return bool(_compiled(_MARKETING).search(wish) and not _compiled(_AND_TEXTS).search(wish))


def _wishes(told: str) -> Iterator[str]:
    """The phrases that say stop."""
    done = 0
    for word in re.finditer(r"\w+", told):
        if word.start() < done:
            continue
        first = "unsubscribe" if _UNSUBSCRIBE.fullmatch(word[0]) else word[0]
        if (phrases := _BY_FIRST_WORD.get(first)) and (found := _compiled(phrases).match(told, word.end())):
            done = found.end()
            if found["wish"] is not None:
                yield told[word.start() : done]


def _stands_alone(clauses: list[str]) -> bool:
    """Is the first clause that says more than "thanks" a bare "stop"?"""
    for clause in clauses:
        if len(clause) > _LONGEST_BARE:
            return False
        if not _compiled(_COURTESY_ALONE).fullmatch(clause):
            return _compiled(_BARE_ALONE).fullmatch(clause) is not None
    return False
