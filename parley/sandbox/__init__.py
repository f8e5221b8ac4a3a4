"""The pretend world, for demos, tests and load: a carrier that speaks Twilio's API, the handsets it reaches, a payment
provider that speaks Stripe's, a mail server. A process of its own: it knows Parley only over HTTP and SMTP, as a
stranger would.
"""
