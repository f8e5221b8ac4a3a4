"""What a business brings from another system: the secret that it signs with."""

from __future__ import annotations

from django import forms


class SecretForm(forms.Form):
    secret = forms.CharField(
        label="Signing secret",
        max_length=120,
        help_text="It begins with whsec_.",
        error_messages={
            "required": "Paste the signing secret that Stripe shows.",
            "max_length": "That is longer than a signing secret.",
        },
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_secret(self) -> str:
        secret = str(self.cleaned_data["secret"])
        if not secret.startswith("whsec_"):
            raise forms.ValidationError(
                "That is no signing secret: it begins with whsec_. Keys that begin with sk_ or rk_ don’t belong here."
            )
        return secret
