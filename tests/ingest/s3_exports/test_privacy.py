"""Personal data and card numbers are not loaded."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from ingest.privacy.policy import policy
from ingest.privacy.texts import is_card
from ingest.sources.s3_exports import s3_exports
from ingest.sources.s3_exports.csv_records import _name
from ingest.sources.s3_exports.limits import ORDER_COLUMNS
from signalroom.errors import ConfigurationError
from tests.ingest.s3_exports.conftest import HEADER, Bench, export, line, order, orders

VISA = "4111111111111111"
PERSONAL = {
    f"{whose}_{what}"
    for whose in ("billing", "delivery")
    for what in ("fname", "lname", "street_address", "suburb", "phone")
} | {"ip_address", "cc_num_masked", "cc_expires"}


def test_personal_columns_are_dropped_and_business_columns_stay(bench: Bench) -> None:
    bench.put(export([order(1, **{name: f"secret {name}" for name in PERSONAL})]))
    taken = bench.take()
    kept = set(taken.rows()[0])
    assert kept & set(ORDER_COLUMNS) == set(ORDER_COLUMNS) - PERSONAL
    assert not PERSONAL & set(s3_exports(pull=bench.pull()).resources["orders_create"].columns)
    assert "secret" not in taken.everything


def test_an_address_is_hashed_alike_however_it_is_spelled(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_HASH_SALT", "pepper")
    bench.put(
        export(
            [
                order(1, billing_email="Ann@Example.com ", delivery_email="bo@example.com"),
                order(2, billing_email="ann@example.com", delivery_email=""),
            ]
        )
    )
    first, second = bench.take().rows()
    assert first["billing_email"] == second["billing_email"]
    assert first["billing_email"] == hashlib.sha256(b"pepperann@example.com").hexdigest()
    assert first["delivery_email"] != first["billing_email"]
    assert second["delivery_email"] is None


@pytest.mark.parametrize(
    "name", ["Shipping First Name", "customer_telephone", "BillingEmail2", "Delivery Address 1",
             "cc_first_6", "CVV", "Cardholder", "IP", "customer ip"],
)  # fmt: skip
def test_a_new_personal_column_is_known_by_its_name(bench: Bench, name: str) -> None:
    bench.put(export([order(1, **{name: "canary"})], [*HEADER, name]))
    assert "canary" not in bench.take().everything


def test_a_repeated_personal_column_is_dropped_too(bench: Bench) -> None:
    header = [*HEADER, "cc_expires", "billing_fname"]
    bench.put(export([order(1, cc_expires="canary", billing_fname="canary")], header))
    assert "canary" not in bench.take().everything


@pytest.mark.parametrize(
    "name", ["is_test_cc", "customer_service_number", "product_name", "campaign_id", "descriptor",
             "gateway_alias", "billing_city", "billing_state", "billing_postcode", "zip",
             "shipping_desc", "recurring_prod_name", "tracking_num", "notes", "Description",
             "strategy", "called_at", "cellular", "direction", "nom", "nominal", "x", "unnamed_3",
             "correction", "handy_offer", "apr_nominal", "expr_nom", "pronombre", "portable",
             "hotel", "tax", "telefonia", "accrue", "is_portable", "rebirth", "strata", "index",
             "via"],
)  # fmt: skip
def test_business_columns_are_not_taken_for_personal_ones(name: str) -> None:
    assert policy("s3_exports", "orders_create", "713").action(name) == "keep"


@pytest.mark.parametrize(
    ("action", "headers"),
    [
        ("drop", "numero_telefonico num_telefonico contacto_telefonico telefon1 telefon2"),
        ("drop", "Número telefónico, Teléfono1, Téléphone 2, línea telefónica 2, telefonicos"),
        ("drop", "direccion1 direccion2 direccion_linea_1 billing_direccion_1 direccion_envio_1"),
        ("drop", "direccion_residencia direccion_principal direccion_particular direcciones"),
        ("drop", "direccion_fiscal direccion_destinatario direccion_y_numero"),
        ("drop", "Dirección1, Dirección línea 1, Dirección y número, Billing dirección 1"),
        ("drop", "celular1 celulares celular_cliente celular_del_cliente celular_contacto"),
        ("drop", "celular_whatsapp tel_celular_1 numero_de_celular_2"),
        ("drop", "prenom1 prenomclient prenoms_client client_prenoms billing_prenom_2 prenomnom"),
        ("drop", "Prénom1, Prénoms client, Client prénoms, Billing prénom 2, nomprénom"),
        ("hash", "correo1 correos correoelectronico correo_electronico_2"),
        ("hash", "Correo electrónico, correoelectrónico, correo_secundario"),
    ],
)  # fmt: skip
def test_a_word_of_another_language_counts_inside_a_longer_name(action: str, headers: str) -> None:
    rules = policy("s3_exports", "orders_create", "713")
    names = headers.split(", ") if ", " in headers else headers.split()
    actions = {name: rules.action(_name(name, 1)) for name in names}
    assert actions == dict.fromkeys(names, action)


@pytest.mark.parametrize("name", ["status", "verificado", "optin"])
def test_what_is_about_an_address_is_treated_alike_in_every_language(name: str) -> None:
    rules = policy("s3_exports", "orders_create", "713")
    actions = {rules.action(f"{word}_{name}") for word in ("email", "correo", "courriel")}
    assert actions == {"hash"}


@pytest.mark.parametrize(
    "name", ["1st Name", "2nd Name", "1 Name", "1stName", "1st Name*", "2. Names", "1 Nombre",
             "1st nombre", "2º Nombre", "1 Nom", "1 Nome", "1 naam", "1 First", "2 Last",
             "1 Customer", "2 Contact", "1 Cliente", "1 Portable", "1 Tél", "1 DOB"],
)  # fmt: skip
def test_a_name_of_a_prospect_behind_a_number_is_dropped(name: str) -> None:
    rules = policy("s3_exports", "prospects_create", "713")
    assert rules.action(_name(name, 1)) == "drop"


def test_columns_of_prospects_that_begin_with_a_number_stay(bench: Bench) -> None:
    names = ["1st_source", "2nd Source", "3ds_status", "30_day_trial", "3DS"]
    content = line(["prospects_id", *names]) + line(["1", *names])
    bench.put(content, "prospects-create/2026-11-18.csv")
    (row,) = bench.take().rows("prospects_create")
    kept = ["_1st_source", "_2nd_source", "_3ds_status", "_30_day_trial", "_3_ds"]
    assert [row.get(name) for name in kept] == names


def test_a_client_can_choose_otherwise_but_never_for_card_data(bench: Bench, rules: Any) -> None:
    chosen = [{"columns": ["billing_fname", "cc_*"], "action": "keep"},
              {"columns": ["affid"], "action": "hash"}]  # fmt: skip
    rules(clients={"713": {"s3_exports.orders_create": chosen}})
    bench.put(export([order(1, billing_fname="Ann", affid="17")]))
    row = bench.take().rows()[0]
    assert row["billing_fname"] == "Ann"
    assert len(row["affid"]) == 64
    assert "cc_num_masked" not in row
    assert policy("s3_exports", "orders_create", "cti").action("billing_fname") == "drop"


def test_a_refused_file_is_tried_again_once_the_rules_have_changed(
    bench: Bench, rules: Any
) -> None:
    bench.put(export([order(1, c1=VISA)]))
    assert len(bench.take().failures) == 1
    assert bench.plan().files == 0
    rules(identifiers=["c1"])
    assert bench.plan().files == 1
    taken = bench.take()
    assert taken.failures == []
    assert taken.rows()[0]["c1"] == VISA
    assert bench.plan().files == 0


def test_hashing_on_postgres_without_a_salt_is_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_TARGET", "postgres")
    bench.put(export(orders([1])))
    with pytest.raises(ConfigurationError, match="SIGNALROOM_HASH_SALT is not set"):
        bench.take()


@pytest.mark.parametrize(
    "text", [VISA, "4111 1111 1111 1111", "card 4111-1111-1111-1111, 01/27", "3782 822463 10005",
             "5555555555554444", "2223003122003222", "378282246310005", "6011111111111117",
             "30569309025904", "3530111333300000", "no:4222222222222"],
)  # fmt: skip
@pytest.mark.parametrize("column", ["notes", "c1", "cc_num_masked", "brand_new"])
def test_a_full_card_number_refuses_the_file_and_is_never_repeated(
    bench: Bench, column: str, text: str
) -> None:
    header = HEADER if column in HEADER else [*HEADER, column]
    bench.put(export([order(1), order(2, **{column: text}), order(3)], header))
    taken = bench.take()
    assert taken.tables["orders_create"] == []
    (failure,) = taken.failures
    assert f"full card numbers in the column {column}" in failure
    assert text not in taken.everything
    assert "".join(filter(str.isdigit, text))[-10:] not in taken.everything


def test_a_column_of_card_numbers_is_found_even_where_identifiers_are_usual(bench: Bench) -> None:
    cards = [VISA, "5555555555554444", "6011111111111117", "4012888888881881"]
    bench.put(export([order(n, transaction_id=card) for n, card in enumerate(cards)]))
    assert "column transaction_id" in bench.take().failures[0]


def test_long_numbers_that_are_no_cards_do_not_stop_a_file(bench: Bench) -> None:
    rows = [
        order(
            number,
            # one in ten of these passes the Luhn check
            c1=str(4_000_000_000_000_000 + number * 7_919_777),
            transaction_id=str(4_111_111_111_111_111 + number),
            tracking_num=f"9400{number:018}",
            c2=f"{1_760_000_000_000 + number}",
            c3="20261118093000",
            sid="550e8400-e29b-41d4-a716-446655440000",
            click_id=f"64f1a{VISA}",
            total_amount=f"0.{VISA}",
            notes="called 512-555-0199 about 411111******1111 on 2026-11-18 09:30:00",
        )
        for number in range(400)
    ]
    assert sum(is_card(row["c1"]) for row in rows) > 20
    bench.put(export(rows))
    taken = bench.take()
    assert taken.failures == []
    assert len(taken.rows()) == 400


def test_an_address_in_any_column_of_text_is_hashed_or_masked(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALROOM_HASH_SALT", "pepper")
    said = {
        "c1": " Ann@Example.com",
        "c2": "sub?email=ann%40example.com",
        "notes": "wrote to ann@example.com, twice",
        "sid": "https://shop.example/?fname=Ann&offer=7",
    }
    bench.put(export([order(1), order(2, **said)]))
    first, row = bench.take().rows()
    assert row["c1"] == hashlib.sha256(b"pepperann@example.com").hexdigest()
    assert row["c2"] == "sub?email=***"
    assert row["notes"] == "wrote to ***, twice"
    assert row["sid"] == "https://shop.example/?fname=***&offer=7"
    assert first["c1"] is None
