"""The bytes that are signed: RFC 8785, RFC 8032, and seven lines."""

from __future__ import annotations

import doctest
import json
import struct
from typing import Any

import cbor2
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon import authority
from daemon.errors import MalformedBody
from daemon.wire import canonical as canonical_module
from daemon.wire.bodies import CBOR, JSON, Encoding
from daemon.wire.canonical import canonical_json
from daemon.wire.signed import Envelope, canonical_body, signed_text

same_each_time = settings(derandomize=True, deadline=None)

#: RFC 8785, appendix B.
NUMBERS = {
    0x0000000000000000: "0",
    0x8000000000000000: "0",
    0x0000000000000001: "5e-324",
    0x8000000000000001: "-5e-324",
    0x7FEFFFFFFFFFFFFF: "1.7976931348623157e+308",
    0xFFEFFFFFFFFFFFFF: "-1.7976931348623157e+308",
    0x4340000000000000: "9007199254740992",
    0xC340000000000000: "-9007199254740992",
    0x4430000000000000: "295147905179352830000",
    0x44B52D02C7E14AF5: "9.999999999999997e+22",
    0x44B52D02C7E14AF6: "1e+23",
    0x44B52D02C7E14AF7: "1.0000000000000001e+23",
    0x444B1AE4D6E2EF4E: "999999999999999700000",
    0x444B1AE4D6E2EF4F: "999999999999999900000",
    0x444B1AE4D6E2EF50: "1e+21",
    0x3EB0C6F7A0B5ED8C: "9.999999999999997e-7",
    0x3EB0C6F7A0B5ED8D: "0.000001",
    0x41B3DE4355555553: "333333333.3333332",
    0x41B3DE4355555554: "333333333.33333325",
    0x41B3DE4355555555: "333333333.3333333",
    0x41B3DE4355555556: "333333333.3333334",
    0x41B3DE4355555557: "333333333.33333343",
    0xBECBF647612F3696: "-0.0000033333333333333333",
    0x43143FF3C1CB0959: "1424953923781206.2",
}


@pytest.mark.parametrize(("bits", "text"), NUMBERS.items())
def test_numbers_are_written_as_rfc_8785_shows(bits: int, text: str) -> None:
    (number,) = struct.unpack(">d", struct.pack(">Q", bits))
    assert canonical_json(number).decode() == text


def test_the_example_of_rfc_8785_comes_out() -> None:
    # Section 3.2.2: the bytes are those of section 3.2.4.
    text = (
        '{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],'
        ' "string": "\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/",'
        ' "literals": [null, true, false]}'
    )
    assert canonical_json(json.loads(text)).decode() == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


def test_members_are_sorted_by_utf_16() -> None:
    # RFC 8785, section 3.2.3: the emoji's surrogates come before the Hebrew letter beyond them.
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\x80", "\xf6"]
    found = list(json.loads(canonical_json(dict.fromkeys(names, 1))))
    assert found == ["\r", "1", "\x80", "\xf6", "\u20ac", "\U0001f600", "\ufb33"]


@same_each_time
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_is_read_back_as_it_was(number: float) -> None:
    assert float(canonical_json(number)) == number


@same_each_time
@given(st.integers(-(2**63), 2**63))
def test_an_integer_is_written_exactly_or_refused(number: int) -> None:
    try:
        written = canonical_json(number)
    except MalformedBody:
        assert int(float(number)) != number
    else:
        assert int(float(written)) == number


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text() | st.floats(-1e300, 1e300),
    lambda members: st.lists(members) | st.dictionaries(st.text(), members),
)


@same_each_time
@given(_JSON)
def test_another_implementation_writes_the_same(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


def test_bytes_are_written_as_base64() -> None:
    assert canonical_json({"a": b"\0\xff"}) == b'{"a":"AP8="}'


def test_the_documented_example_is_right() -> None:
    assert doctest.testmod(canonical_module).failed == 0


def canonical(payload: bytes, encoding: Encoding = JSON, **beside: object) -> bytes:
    return canonical_body(Envelope("post", "api/1/impulse", "press-3", None, payload, encoding, beside))


def test_a_body_is_signed_without_auth_and_with_its_nulls() -> None:
    assert canonical(b"") == canonical(b'{"auth": {"keyId": "a"}}') == b"{}"
    assert canonical(b'{"b": 32.0, "a": null, "auth": 1}') == b'{"a":null,"b":32}'
    assert canonical(b'{"b": 1}', label="idle", auth={}) == b'{"b":1,"label":"idle"}'


@same_each_time
@given(st.dictionaries(st.text(), _JSON, max_size=3))
def test_the_same_body_in_cbor_is_signed_with_the_same_bytes(body: dict[str, Any]) -> None:
    assert canonical(cbor2.dumps(body), CBOR) == canonical(json.dumps(body).encode())


def test_bytes_in_cbor_are_signed_as_their_base64() -> None:
    assert canonical(cbor2.dumps({"b": b"\0\xff"}), CBOR) == canonical(b'{"b": "AP8="}')


def test_the_signed_text_is_seven_lines() -> None:
    envelope = Envelope("post", "api/1/impulse", "press-3", None, b"{}")
    digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    expected = f"trainerd-request-v1\ndevice:press-3\npost\napi/1/impulse\n7\n1800000000\n{digest}"
    assert signed_text(envelope, 7, 1_800_000_000).decode() == expected
    to_group = Envelope("post", "api/1/impulse", "press-3", "line-1", b"{}")
    assert b"\ngroup:line-1\n" in signed_text(to_group, 7, 1_800_000_000)


#: RFC 8032, section 7.1: public key, message, signature.
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
            "387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
            "4a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        (
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        ),
        (
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030"
            "3dca179c138ac17ad9bef1177331a704"
        ),
    ),
]


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_the_vectors_of_rfc_8032_verify_and_nothing_near_them(
    public: str, message: str, signature: str
) -> None:
    key, text, good = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)
    assert authority.verifies(key, text, good)
    assert not authority.verifies(key, text + b"\0", good)
    for position in (0, 31, 32, 63):
        bad = bytearray(good)
        bad[position] ^= 1
        assert not authority.verifies(key, text, bytes(bad))


def test_a_signature_cannot_be_given_another_form() -> None:
    # S + L verifies where an implementation does not compare S with the group's order.
    public, message, signature = VECTORS[1]
    order = 2**252 + 27742317777372353535851937790883648493
    raised = int.from_bytes(bytes.fromhex(signature)[32:], "little") + order
    other = bytes.fromhex(signature)[:32] + raised.to_bytes(32, "little")
    assert not authority.verifies(bytes.fromhex(public), bytes.fromhex(message), other)


def test_a_key_of_small_order_verifies_nothing() -> None:
    # With such a key one signature would hold for every text.
    neutral = b"\x01" + bytes(31)
    assert not authority.verifies(neutral, b"anything", neutral + bytes(32))
