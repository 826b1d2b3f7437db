"""What the names of columns say, in many languages; and what they do not say."""

from __future__ import annotations

import pytest

from data_contracts.discovery.lexicon import load_lexicon

SAYS = {
    "given-name": """
        first_name FirstName givenName fname Vorname prénom nombre_de_pila voornaam imię förnamn
        fornavn etunimi jméno keresztnév prenume имя 名前
    """,
    "family-name": """
        last_name surname LastName Nachname Familienname apellido_paterno cognome sobrenome
        achternaam nazwisko efternamn sukunimi příjmení soyadi фамилия 姓氏
    """,
    "full-name": """
        full_name customer_name patientName KUNDENNAME nombre_cliente nom_complet nominativo
        naam_klant 姓名 ФИО
    """,
    "email": """
        email e-mail EmailAddress customer_email_2 correo_electronico courriel eposta sähköposti メール
    """,
    "phone": """
        phone phone_number mobileNumber tel fax Telefonnummer telefono_movil téléphone telefoon
        puhelin 手机 телефон
    """,
    "street": """
        address street_address addr1 Strasse Straße Anschrift dirección indirizzo endereço adres
        ulica osoite adresse
    """,
    "postal-code": """
        zip zip_code billing_zip PLZ Postleitzahl code_postal codigo_postal postnummer 郵便番号
    """,
    "birth-date": """
        dob birth_date dateOfBirth Geburtsdatum date_naissance fecha_nacimiento data_di_nascita
        geboortedatum data_urodzenia födelsedatum syntymäaika dogum_tarihi дата_рождения 生年月日
    """,
    "gender": """
        gender sex Geschlecht sexe género sesso geslacht płeć kön sukupuoli cinsiyet пол 性別
    """,
    "national-id": """
        ssn social_security_number nhs_number aadhaar DNI codice_fiscale CPF BSN PESEL personnummer
        hetu numero_de_securite_sociale steuer_id tckn СНИЛС 身份证
    """,
    "card-number": """
        card_number credit_card cc_num kreditkarte tarjeta_de_credito carta_di_credito
    """,
    "bank-account": """
        iban account_number Kontonummer numero_de_cuenta rekeningnummer numer_konta
    """,
    "record-number": """
        mrn patient_id customerId CUSTOMER_NO user_uuid Kundennummer numero_cliente id_paciente
        student_number
    """,
    "ip-address": """
        ip ip_address client_ip remote_addr IPv6
    """,
    "device-id": """
        mac_address imei device_id cookie_id
    """,
    "user-name": """
        username user_name login screen_name benutzername
    """,
    "secret": """
        password pwd passwort mot_de_passe contraseña hasło
    """,
    "coordinates": """
        lat lng latitude longitude pickup_lat geo_lon breitengrad
    """,
    "income": """
        salary annual_income Gehalt salaire sueldo stipendio wynagrodzenie
    """,
    "health": """
        diagnosis icd10_code blood_type medication Diagnose diagnostico diagnosi
    """,
    "free-text": """
        comments notes remarks Bemerkung commentaires observaciones opmerking
    """,
    "ethnicity": """
        race ethnicity etnia ethnie
    """,
}
SILENT = """
    product_id order_number status amount quantity price filename file_name product_name hostname
    event_name brand email_sent has_phone phone_type is_married email_verified address_count pan_day
    cap_rate run_id by_region created_at timestamp temperature pressure vendor_id store_id sku category
    color size weight num_items page usage average_age median_income stage image language
    message_id_count landing mailing_list_size
"""


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in SAYS.items() for name in names.split()]
)
def test_a_name_says_its_kind(kind: str, name: str) -> None:
    assert kind in [match.kind for match in load_lexicon().matches(name)]


@pytest.mark.parametrize("name", SILENT.split())
def test_a_name_of_something_else_says_nothing(name: str) -> None:
    assert [match.kind for match in load_lexicon().matches(name) if not match.weak] == []


@pytest.mark.parametrize(
    ("name", "kind", "other"),
    [
        ("ip_address", "ip-address", "street"),
        ("email_address", "email", "street"),
        ("mac_address", "device-id", "street"),
        ("user_name", "user-name", "full-name"),
        ("mothers_maiden_name", "family-name", "full-name"),
        ("country_of_birth", "origin", "country"),
        ("place_of_birth", "city", "birth-date"),
    ],
)
def test_the_longest_phrase_wins(name: str, kind: str, other: str) -> None:
    kinds = [match.kind for match in load_lexicon().matches(name)]
    assert kind in kinds
    assert other not in kinds


def test_words_that_mean_much_are_weak() -> None:
    for name in ("name", "title", "cap", "state_of_things", "long", "genre", "balance", "patient"):
        assert all(match.weak or match.kind == "region" for match in load_lexicon().matches(name)), name


def test_every_kind_is_whole() -> None:
    lexicon = load_lexicon()
    for kind in lexicon.kinds.values():
        assert kind.categories
        assert kind.needs in {"", "people", "address"}
        assert kind.vocabulary in {"", "countries", *lexicon.vocabularies}
        assert kind.personal == ("personal" in kind.categories)
