"""What somebody new reads on the lead form, in its language. Reviewed 2026-11-26.

The words of consent say who texts, about what, how often, what it may cost, how to stop and how to get help, and that
nothing depends on it: CTIA Messaging Principles 5.1.2, 47 CFR 64.1200(f)(9), and for Canada CASL s. 10(1). Marketing
is a wish of its own, never ticked beforehand. French is Canada's.
"""

from __future__ import annotations

from parley.clients.languages import Language

WORDS: dict[str, dict[str, str]] = {
    Language.EN: {
        "title": "Get in touch",
        "first_name": "First name",
        "last_name": "Last name",
        "phone": "Mobile number",
        "email": "Email",
        "message": "How can we help?",
        "optional": "optional",
        "agree": "{business} may text me about my request and my appointments. Message frequency varies. Message and "
        "data rates may apply. Reply STOP to stop, HELP for help. This is not a condition of purchase.",
        "marketing": "{business} may also text me offers, up to 4 a month. Reply STOP to stop. This is not a condition "
        "of purchase.",
        "send": "Send",
        "thanks": "Thank you, {name}",
        "thanks_words": "{business} has your message and will be in touch.",
        "no_name": "Enter your name.",
        "no_way": "Enter a mobile number or an email, so that there is a way to answer you.",
        "bad_phone": "That is no mobile number in the US or Canada. It has 10 digits, like (503) 555-0118.",
        "bad_email": "That is no email address. It looks like maya@example.com.",
        "agree_needs_phone": "Enter your mobile number too, or leave this box empty.",
        "too_long": "That is too long. The most is {most} characters.",
        "too_many": "That was many times at once. Wait a while, then press Send again.",
        "too_old": "The page was open for very long. Press Send once more.",
        "missing": "This page isn’t here",
        "missing_words": "Check that you have the whole address, or ask whoever gave it to you.",
        "skip": "Skip to content",
        "questions": "Or write to",
    },
    Language.FR: {
        "title": "Écrivez-nous",
        "first_name": "Prénom",
        "last_name": "Nom",
        "phone": "Numéro de cellulaire",
        "email": "Courriel",
        "message": "Comment pouvons-nous vous aider?",
        "optional": "facultatif",
        "agree": "{business} peut m’envoyer des textos au sujet de ma demande et de mes rendez-vous. La fréquence des "
        "messages varie. Des frais de messagerie et de données peuvent s’appliquer. Répondez ARRET pour arrêter, AIDE "
        "pour obtenir de l’aide. Ce n’est pas une condition d’achat.",
        "marketing": "{business} peut aussi m’envoyer des offres par texto, jusqu’à 4 par mois. Répondez ARRET pour "
        "arrêter. Ce n’est pas une condition d’achat.",
        "send": "Envoyer",
        "thanks": "Merci, {name}",
        "thanks_words": "{business} a bien reçu votre message et vous répondra.",
        "no_name": "Entrez votre nom.",
        "no_way": "Entrez un numéro de cellulaire ou un courriel, pour qu’on puisse vous répondre.",
        "bad_phone": "Ce n’est pas un numéro de cellulaire des États-Unis ou du Canada. Il a 10 chiffres, comme "
        "(514) 555-0118.",
        "bad_email": "Ce n’est pas une adresse courriel. Elle ressemble à maya@example.com.",
        "agree_needs_phone": "Entrez aussi votre numéro de cellulaire, ou laissez cette case vide.",
        "too_long": "C’est trop long. Le maximum est de {most} caractères.",
        "too_many": "Cela fait beaucoup d’envois à la fois. Attendez un peu, puis appuyez de nouveau sur Envoyer.",
        "too_old": "La page est restée ouverte très longtemps. Appuyez encore une fois sur Envoyer.",
        "missing": "Cette page n’est pas ici",
        "missing_words": "Vérifiez que vous avez l’adresse complète, ou demandez à qui vous l’a donnée.",
        "skip": "Aller au contenu",
        "questions": "Ou écrivez à",
    },
    Language.ES: {
        "title": "Escríbanos",
        "first_name": "Nombre",
        "last_name": "Apellido",
        "phone": "Número de celular",
        "email": "Correo electrónico",
        "message": "¿En qué podemos ayudarle?",
        "optional": "opcional",
        "agree": "{business} puede enviarme mensajes de texto sobre mi solicitud y mis citas. La frecuencia de los "
        "mensajes varía. Pueden aplicarse tarifas de mensajes y datos. Responda STOP para no recibir más, HELP para "
        "obtener ayuda. No es condición de compra.",
        "marketing": "{business} también puede enviarme ofertas por mensaje de texto, hasta 4 al mes. Responda STOP "
        "para no recibir más. No es condición de compra.",
        "send": "Enviar",
        "thanks": "Gracias, {name}",
        "thanks_words": "{business} tiene su mensaje y le responderá.",
        "no_name": "Escriba su nombre.",
        "no_way": "Escriba un número de celular o un correo electrónico, para poder responderle.",
        "bad_phone": "No es un número de celular de Estados Unidos o Canadá. Tiene 10 dígitos, como (503) 555-0118.",
        "bad_email": "No es un correo electrónico. Se parece a maya@example.com.",
        "agree_needs_phone": "Escriba también su número de celular, o deje vacía esta casilla.",
        "too_long": "Es demasiado largo. El máximo es de {most} caracteres.",
        "too_many": "Son muchos envíos a la vez. Espere un poco y pulse Enviar otra vez.",
        "too_old": "La página estuvo abierta mucho tiempo. Pulse Enviar una vez más.",
        "missing": "Esta página no está aquí",
        "missing_words": "Compruebe que tiene la dirección completa, o pregunte a quien se la dio.",
        "skip": "Ir al contenido",
        "questions": "O escriba a",
    },
}
