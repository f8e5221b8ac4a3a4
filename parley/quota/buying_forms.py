"""What may be chosen and typed where texts are bought, and what is said when it cannot be kept."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet

from parley.quota.models import Balance, Pack

# The longest text (1,600 emoji) takes 49 segments: with fewer left, it would be refused before anything is bought.
LEAST_BELOW = 50
MOST_BELOW = 100_000
MOST_TIMES = 10

_CHOOSE = "Choose a pack."


class BuyForm(forms.Form):
    """A pack, and whether its card may be kept. `form` names this form: sent twice, it is one order."""

    form = forms.UUIDField()
    pack = forms.ModelChoiceField(
        Pack.objects.none(), error_messages=dict.fromkeys(("required", "invalid_choice"), _CHOOSE)
    )
    keep_card = forms.BooleanField(required=False)

    def __init__(self, packs: QuerySet[Pack], data: Any = None) -> None:
        super().__init__(data)
        chosen = self.fields["pack"]
        assert isinstance(chosen, forms.ModelChoiceField)
        chosen.queryset = packs


class ReloadForm(forms.ModelForm):
    """Auto-reload."""

    class Meta:
        model = Balance
        fields = ("reload", "reload_below", "reload_pack", "reload_most")

    reload_below = forms.IntegerField(
        label="When fewer than this are left",
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "off"}),
    )
    reload_pack = forms.ModelChoiceField(
        Pack.objects.none(),
        label="Buy",
        empty_label=None,
        error_messages=dict.fromkeys(("required", "invalid_choice"), _CHOOSE),
    )
    reload_most = forms.TypedChoiceField(
        label="At most",
        coerce=int,
        choices=[(n, "Once a month" if n == 1 else f"{n} times a month") for n in range(1, MOST_TIMES + 1)],
        error_messages={"invalid_choice": f"Choose from 1 to {MOST_TIMES}."},
    )

    def __init__(self, packs: list[Pack], *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        chosen = self.fields["reload_pack"]
        assert isinstance(chosen, forms.ModelChoiceField)
        chosen.queryset = Pack.objects.filter(offered=True)
        # The page has them already.
        chosen.choices = [(pack.pk, str(pack)) for pack in packs]
        self.fields["reload_below"].error_messages |= {
            "required": "Write a number.",
            "invalid": "Write a whole number, such as 100.",
        }

    def clean_reload_below(self) -> int:
        below: int = self.cleaned_data["reload_below"]
        if not LEAST_BELOW <= below <= MOST_BELOW:
            raise forms.ValidationError(f"Write a number from {LEAST_BELOW} to {MOST_BELOW:,}.")
        return below

    def clean_reload(self) -> bool:
        on: bool = self.cleaned_data["reload"]
        if on and not self.instance.card:
            raise forms.ValidationError(
                "This needs a card that may be kept. Buy a pack once, and tick “Keep this card”."
            )
        return on
