from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.model.quantity import Format, Quantity, QuantityError

SUFFIXES = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "": Fraction(1),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "P": Fraction(10**15),
    "E": Fraction(10**18),
    "Ki": Fraction(2**10),
    "Mi": Fraction(2**20),
    "Gi": Fraction(2**30),
    "Ti": Fraction(2**40),
    "Pi": Fraction(2**50),
    "Ei": Fraction(2**60),
}
CAP = (2**63 - 1) * 10**9


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("1", "1"),
        ("+1", "1"),
        ("0.5", "500m"),
        (".5", "500m"),
        ("5.", "5"),
        ("100m", "100m"),
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("1k", "1k"),
        ("1000k", "1M"),
        ("1500k", "1500k"),
        ("0.1G", "100M"),
        ("1Gi", "1Gi"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("1024Ki", "1Mi"),
        ("1023", "1023"),
        ("0.5Ki", "512"),
        ("0.5Mi", "512Ki"),
        ("0.0001Ki", "102400u"),
        ("-1Mi", "-1Mi"),
        ("1e3", "1e3"),
        ("1E3", "1e3"),
        ("1.5e3", "1500"),
        ("12e6", "12e6"),
        ("1e-3", "1e-3"),
        ("100000000", "100M"),
        ("123u", "123u"),
        ("1n", "1n"),
        ("0.1n", "1n"),
        ("-0.1n", "-1n"),
        ("9223372036854775807", "9223372036854775807"),
        ("9223372036854775808", "9223372036854775807"),
        ("100E", "9223372036854775807"),
        ("1e999999999999", "9223372036854775807"),
        ("1e-999999999999", "1e-9"),
        ("0e999999999999", "0"),
        ("1Ei", "1Ei"),
        ("1E", "1E"),
    ],
)
def test_canonical_form(text: str, canonical: str) -> None:
    quantity = Quantity(text)
    assert str(quantity) == canonical
    assert quantity.text == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "-",
        "+",
        "1x",
        "Ki",
        "1 Ki",
        " 1",
        "1\n",
        "1e",
        "1e+",
        "1Ki5",
        "1k5",
        "1.2.3",
        "--1",
        "½",
        "1mi",
        "1K",
        "NaN",
        "0x10",
    ],
)
def test_malformed(text: str) -> None:
    with pytest.raises(QuantityError):
        Quantity(text)


@pytest.mark.parametrize("digits", [5_000, 1_000_000])
def test_hostile_lengths_cost_nothing(digits: int) -> None:
    assert Quantity("9" * digits).nanos == CAP
    assert Quantity("0." + "0" * digits + "1").nanos == 1
    assert Quantity("1." + "0" * digits + "1").nanos == 10**9 + 1
    assert Quantity("1." + "0" * digits).nanos == 10**9


@given(
    st.integers(0, 10**12),
    st.text("0123456789", max_size=15),
    st.sampled_from(sorted(SUFFIXES)),
    st.sampled_from(["", "-", "+"]),
)
def test_value_is_exact_and_rounded_away_from_zero(whole: int, fraction: str, suffix: str, sign: str) -> None:
    text = f"{sign}{whole}{'.' if fraction else ''}{fraction}{suffix}"
    exact = Fraction(f"{whole}.{fraction or 0}") * SUFFIXES[suffix] * 10**9
    expected = min(-(-exact.numerator // exact.denominator), CAP)
    assert Quantity(text).nanos == (-expected if sign == "-" else expected)


@given(st.integers(-CAP, CAP), st.sampled_from(Format))
def test_canonical_form_reads_back_as_the_same_value(nanos: int, form: Format) -> None:
    quantity = Quantity.from_nanos(nanos, form)
    again = Quantity(str(quantity))
    assert again == quantity
    if form is not Format.BINARY_SI:  # 25000 of bytes has no binary suffix, and without one it reads as decimal
        assert str(again) == str(quantity)


def test_compares_adds_and_hashes_by_value() -> None:
    assert Quantity("1Ki") == Quantity("1024") == Quantity("1.024k")
    assert hash(Quantity("1Ki")) == hash(Quantity("1024"))
    assert Quantity("1") != "1"
    assert Quantity("500m") < Quantity("1")
    assert max(Quantity("1G"), Quantity("1Gi")).text == "1Gi"
    assert str(Quantity.total((Quantity("1Gi"), Quantity("1024Mi")))) == "2Gi"
    assert str(Quantity.total(())) == "0"
    assert not Quantity("0m")
    assert Quantity("1n")
    assert repr(Quantity("1k")) == "Quantity('1k')"


def test_whole_numbers_are_rounded_up() -> None:
    assert Quantity("500m").value == 1
    assert Quantity("1500m").milli_value == 1500
    assert Quantity("1u").milli_value == 1
    assert Quantity("500m").ceil() == 1
    assert Quantity("500m").ceil(Quantity("1m")) == 500
    assert Quantity("1Gi").ceil(Quantity("1Mi")) == 1024
    assert Quantity("1").ceil(Quantity("0")) == 1


def test_rounding_to_the_precision_of_the_api() -> None:
    assert str(Quantity("1u").rounded_up_to_milli()) == "1m"
    assert str(Quantity("-1u").rounded_up_to_milli()) == "-1m"
    kept = Quantity("1.5")
    assert kept.rounded_up_to_milli() is kept
