"""Shapes of values that are told by how they are written: e-mail, telephone, street, addresses of machines.

Invariants:
1. Every pattern is the engine's (linear in the length of the value): no value can make it slow.
2. A pattern matches a whole value, but those of `INSIDE`, which say that a text mentions one.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["INSIDE", "SHAPES", "Shape"]

_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_EMAIL = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"
# Ways, as the US Postal Service, and post offices of other countries, write them.
_WAYS = (
    "alley|av|ave|avenue|bend|blvd|boulevard|branch|bridge|brook|burg|bypass|canyon|cape|causeway|center|circle|cir"
    "|cliff|close|club|common|corner|corners|course|court|ct|cove|creek|crescent|crest|crossing|crossroad|curve|dale"
    "|dam|divide|dr|drive|estate|estates|expressway|extension|extensions|fall|falls|ferry|field|fields|flat|flats|ford"
    "|forest|forge|fork|forks|fort|freeway|garden|gardens|gateway|glen|green|grove|harbor|haven|heights|highway|hwy"
    "|hill|hills|hollow|inlet|island|islands|isle|junction|key|keys|knoll|knolls|lake|lakes|land|landing|lane|ln|light"
    "|lights|loaf|lock|locks|lodge|loop|mall|manor|meadow|meadows|mews|mill|mills|mission|motorway|mount|mountain|neck"
    "|orchard|oval|overpass|parade|park|parkway|pkwy|pass|passage|path|pike|pine|pines|pl|place|plain|plains|plaza"
    "|point|points|port|ports|prairie|radial|ramp|ranch|rapid|rapids|rd|rest|ridge|ridges|river|road|roads|route|row"
    "|run|shoal|shoals|shore|shores|skyway|spring|springs|spur|spurs|sq|square|st|station|stravenue|stream|street"
    "|streets|summit|ter|terrace|throughway|trace|track|trail|trafficway|tunnel|turnpike|underpass|union|valley"
    "|viaduct|view|views|villa|village|ville|vista|walk|wall|way|ways|well|wells|wy"
)
_BEFORE = (
    "rue|avenue|av|boulevard|bd|place|chemin|impasse|allee|allée|quai|route|cours|square|passage"
    "|calle|c/|avenida|avda|plaza|paseo|carrera|cra|callejon|callejón|ronda|camino|carretera|travesia|travesía|privada"
    "|cerrada|circuito|prolongacion|prolongación|corredor|calzada|pasaje|rambla|cuesta|glorieta|urbanizacion"
    "|via|viale|piazza|corso|vicolo|largo|strada|contrada|borgo|canale|incrocio|rotonda|stretto"
    "|rua|travessa|alameda|praca|praça|largo|estrada|rodovia|avenida|viela|esplanada|vila|via|trecho|vale"
    "|ul\\.|ulica|al\\.|aleja|aleje|pl\\.|plac|os\\.|ul|улица|ул\\.|пр\\.|пер\\.|проспект|наб\\.|бул\\.|ш\\.|шоссе|алл\\."
)
_ENDINGS = (
    "str\\.?|strasse|straße|weg|allee|platz|gasse|ring|damm|ufer|chaussee|stieg|straat|laan|plein|kade|gracht|singel"
    "|dreef|steeg|hof|pad|gatan|stien|bakken|svingen|plassen|haugen|vägen|vagen|gränd|grand|torget|veien|vegen|gata|gate|vej|gade|stræde|allé|alle|katu|tie"
    "|polku|kuja|utca|útja|tér|körút|sokak|caddesi|sk\\.|cd\\.|soka\u011f\u0131|bulvar\u0131"
)


@dataclass(frozen=True)
class Shape:
    """A way of writing.

    Attributes:
        id: such as `email`.
        kind: of the lexicon.
        patterns: a value has the shape if one of them matches it whole, and none of `never` does.
        alone: enough without any other evidence where nearly all values have it.
    """

    id: str
    kind: str
    patterns: tuple[str, ...]
    never: tuple[str, ...] = ()
    alone: bool = True


_SALUTATIONS = "mr|mrs|ms|miss|dr|prof|herr|frau|sr|sra|mme|mlle|dott|dhr|mevr|ing|pan|pani"
_EXTENSION = r"(?i:\s*(x|ext\.?|#)\s*[0-9]{1,6})?"
_PHONE_NEVER = (
    r"[0-9]{4}[-./][0-9]{1,2}[-./][0-9]{1,2}.*",  # a date
    r"[0-9]{1,2}[-./][0-9]{1,2}[-./][0-9]{2,4}.*",
    r"[0-9]{3}-[0-9]{2}-[0-9]{4}",  # a US social security number
    r"[0-9]{1,3}(\.[0-9]{1,3}){3}",  # an address of a machine
    r"97[89][- ].*",  # a book
    r"[+-]?[0-9]+[.,][0-9]+",  # a number
    r"[0-9]{4}[ -][0-9]{4}[ -][0-9]{4}[ -][0-9]{4}.*",  # a card
    r"[0-9]{4}[-/ ][0-9]{4}",  # a span of years
    r"[0-9]{1,6}-[0-9]",  # a LOINC code
    r"[0-9]{5}-[0-9]{3,4}",  # a postal code
    r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}",  # a CPF
    r"-[0-9.]+",  # a negative number
)
SHAPES = (
    Shape("email", "email", (_EMAIL,)),
    Shape(
        "phone",
        "phone",
        (
            # International, or grouped, with an optional extension.
            r"\+[0-9][0-9 ().\-/]{6,20}" + _EXTENSION,
            rf"(\+?[0-9]{{1,3}}[ .\-]?)?\([0-9]{{1,5}}\)[ .\-]*[0-9][0-9 .\-]{{3,14}}{_EXTENSION}",
            r"(00|0|1)?[ .\-]?[0-9]{2,5}[ .\-/]{1,3}[0-9]{2,4}([ .\-/]{1,3}[0-9]{2,5}){0,3}" + _EXTENSION,
            r"[0-9]{9,12}(?i:\s*(x|ext\.?)\s*[0-9]{1,6})",
        ),
        _PHONE_NEVER,
    ),
    Shape("phone-digits", "phone", ("(1)?[2-9][0-9]{2}[2-9][0-9]{6}", "0[1-9][0-9]{8,10}"), alone=False),
    Shape(
        "street",
        "street",
        (
            rf"(?i)(flat|unit|apt|suite|studio)?\s*[0-9]+[a-z]?\W+.*\b({_WAYS})\b\.?.*",
            rf"(?i)[0-9]+( ?(bis|ter|[a-d]))?,? +({_BEFORE})\b.*",
            rf"(?i)({_BEFORE})[ .].*[0-9]+.*",
            rf"(?i).*({_ENDINGS})\.? *[0-9]+ *[a-z]?\b.*",
            r"(?i)(h\.? ?no\.?|house no\.?|plot no\.?|flat no\.?|door no\.?)\W*[0-9]+.*",
            r"(?i)(p\.? ?o\.? ?box|postfach|bp|casella postale|apartado)\W*[0-9]+.*",
            r".*[0-9一二三四五六七八九十]+ ?(丁目|番地|号|號).*",
            r".*(로|길|동) ?[0-9]+.*",
            r".*(省|市|区|縣|県|路|街).*[0-9]+.*",
        ),
        (r"(?i)https?://.*", r".*@.*"),
    ),
    Shape(
        "number-and-words",
        "street",
        (r"[0-9]{1,6}[A-Za-z]? [A-Z][\w'.\-]+( [A-Z][\w'.\-]*){1,4}( [0-9]+)?",),
        alone=False,
    ),
    Shape("ipv4", "ip-address", (rf"{_OCTET}(\.{_OCTET}){{3}}",)),
    Shape(
        "ipv6",
        "ip-address",
        (
            r"([0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}",
            r"([0-9A-Fa-f]{1,4}:){1,7}:([0-9A-Fa-f]{1,4}(:[0-9A-Fa-f]{1,4}){0,6})?",
        ),
    ),
    Shape(
        "mac", "device-id", (r"([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}", r"([0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}")
    ),
    Shape("uuid", "record-number", ("[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",), alone=False),
    Shape(
        "opaque",
        "record-number",
        ("[0-9A-Fa-f]{16,}", "[A-Za-z]{1,4}[-_ ]?[0-9]{4,}[A-Za-z0-9-]*", "[0-9A-Za-z]{12,40}"),
        ("[A-Za-z]+",),
        alone=False,
    ),
    Shape(
        "password-hash",
        "secret",
        (r"\$(2[aby]|1|5|6|argon2[id]+|pbkdf2[^$]*)\$.+", r"(pbkdf2|scrypt|bcrypt)[:_$].+"),
    ),
    Shape("user-agent", "online-trace", (r"(Mozilla|Opera|Dalvik|curl|okhttp)/[0-9].*",)),
    Shape(
        "latitude-longitude",
        "coordinates",
        (
            r"\(?-?[0-9]{1,2}\.[0-9]{3,}[,; ]+-?[0-9]{1,3}\.[0-9]{3,}\)?",
            r"(?i)POINT ?\(-?[0-9.]+ -?[0-9.]+\)",
        ),
    ),
    Shape(
        "postal-code",
        "postal-code",
        (
            r"(?i)[a-z]{1,2}[0-9][a-z0-9]? ?[0-9][a-z]{2}",  # United Kingdom
            r"(?i)[abceghj-nprstvxy][0-9][a-z] ?[0-9][a-z][0-9]",  # Canada
            r"[0-9]{4} ?[A-Z]{2}",  # Netherlands
            r"[0-9]{2}-[0-9]{3}",  # Poland
            r"[0-9]{5}-[0-9]{3}",  # Brazil
            r"[0-9]{5}-[0-9]{4}",  # United States
            r"[0-9]{3} [0-9]{2}",  # Sweden, Czechia, Slovakia, Greece
            r"[0-9]{3}-[0-9]{4}",  # Japan
        ),
        alone=False,
    ),
    Shape("five-digits", "postal-code", ("[0-9]{5}",), alone=False),
    Shape(
        "plate",
        "licence",
        (r"[A-Z]{1,3}-[A-Z]{1,2} ?[0-9]{1,4}[EH]?", r"[A-HJ-NPR-Z0-9]{17}"),
        (r"[0-9]+", r"[A-Z]+"),
        alone=False,
    ),
    Shape(
        "salutation-and-name",
        "full-name",
        (rf"(?i)({_SALUTATIONS})\.? +\p{{L}}[\p{{L}}'.\- ]+",),
    ),
    Shape(
        "social-handle",
        "user-name",
        (
            r"@[A-Za-z0-9_]{2,30}",
            r"(?i)https?://(www\.)?(twitter|x|instagram|facebook|linkedin|github|tiktok)\.com/.+",
        ),
    ),
)
# A text that mentions one of these is about somebody.
INSIDE = {
    "email-inside": ("email", rf"\b{_EMAIL}"),
    "phone-inside": (
        "phone",
        r"(\+[0-9]{1,3}[ .\-]?)?(\([0-9]{3}\)|\b[0-9]{3})[ .\-][0-9]{3}[ .\-][0-9]{4}\b",
    ),
    "ssn-inside": ("national-id", r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b"),
}
