"""The forms of `generalise`, one file each: bands of numbers, tables of values, parts of dates, ZIP codes.

Invariants:
1. A form is named by one key of the parameters, and each declaration names exactly one.
2. The output is text, and one of the words that the form has for this declaration. Null stays null.
3. A value that the form has no word for becomes null here; `generalise` counts those and refuses them.
"""

from __future__ import annotations

from data_contracts.obligations.forms.bands import Bands, bands_of
from data_contracts.obligations.forms.dates import DatePart
from data_contracts.obligations.forms.form import Form
from data_contracts.obligations.forms.postcodes import RESTRICTED_PREFIXES, PostCode
from data_contracts.obligations.forms.tables import TableLevel

__all__ = ["FORMS", "RESTRICTED_PREFIXES", "Form", "bands_of"]

_ALL: tuple[Form, ...] = (Bands(), TableLevel(), DatePart(), PostCode())
FORMS: dict[str, Form] = {form.key: form for form in _ALL}
