import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpws.errors import ConfigError
from mcpws.policy.seal import LIFETIME, MIN_KEY, Seal

KEY = bytes(range(MIN_KEY))
WHOSE = b"bo, tools/call"
NOW = 1_000_000.0


@pytest.fixture
def seal() -> Seal:
    return Seal(KEY)


def refusal(seal: Seal, sealed: str, bound_to: bytes = WHOSE, now: float = NOW) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        seal.open(sealed, bound_to, now)
    return str(caught.value)


@given(state=st.binary(), bound_to=st.binary())
def test_what_was_sealed_opens(state: bytes, bound_to: bytes) -> None:
    seal = Seal(KEY)
    sealed = seal.close(state, bound_to, NOW)
    assert seal.open(sealed, bound_to, NOW) == state
    assert sealed.isascii()


def test_whoever_has_the_key_opens_it(seal: Seal) -> None:
    assert Seal(KEY).open(seal.close(b"state", WHOSE, NOW), WHOSE, NOW) == b"state"


def test_whoever_has_another_key_does_not(seal: Seal) -> None:
    other = Seal(bytes(MIN_KEY))
    assert refusal(other, seal.close(b"state", WHOSE, NOW)) == "was not given out here for this request"


@given(st.binary(), st.binary())
def test_it_opens_for_what_it_was_bound_to_only(one: bytes, other: bytes) -> None:
    seal = Seal(KEY)
    sealed = seal.close(b"state", one, NOW)
    if one == other:
        assert seal.open(sealed, other, NOW) == b"state"
    else:
        assert refusal(seal, sealed, other) == "was not given out here for this request"


def test_what_it_is_bound_to_cannot_be_moved_into_the_state(seal: Seal) -> None:
    sealed = seal.close(b"state", b"ab", NOW)
    assert refusal(seal, sealed, b"a") == refusal(seal, sealed, b"abs") == "was not given out here for this request"


@pytest.mark.proves("R-8", "mcp/2026-07-28/basic/patterns/mrtr#state")
@given(st.data())
def test_nothing_of_it_can_be_changed(data: st.DataObject) -> None:
    seal = Seal(KEY)
    sealed = seal.close(b"state", WHOSE, NOW)
    at = data.draw(st.integers(0, len(sealed) - 1))
    letter = data.draw(st.sampled_from("ABCXYZabcxyz0189-_"))
    changed = sealed[:at] + letter + sealed[at + 1 :]
    if changed != sealed:
        refusal(seal, changed)


@given(st.text() | st.text("ABCDabcd0123-_="))
def test_nothing_that_was_not_sealed_opens(sealed: str) -> None:
    assert refusal(Seal(KEY), sealed) in (
        "is nothing that was given out here",
        "was not given out here for this request",
    )


@pytest.mark.proves("R-8")
def test_it_opens_until_its_time_is_over(seal: Seal) -> None:
    sealed = seal.close(b"state", WHOSE, NOW)
    assert seal.open(sealed, WHOSE, NOW + LIFETIME - 1) == b"state"
    assert refusal(seal, sealed, now=NOW + LIFETIME) == "has expired"
    shorter = Seal(KEY, lifetime=5).close(b"state", WHOSE, NOW)
    assert refusal(seal, shorter, now=NOW + 5) == "has expired"


def test_what_has_expired_is_told_to_nobody_else(seal: Seal) -> None:
    sealed = seal.close(b"state", WHOSE, NOW)
    assert refusal(seal, sealed, b"eve", NOW + LIFETIME) == "was not given out here for this request"


def test_a_key_is_long_enough_and_shown_to_nobody() -> None:
    with pytest.raises(ConfigError) as caught:
        Seal(b"secret")
    assert str(caught.value) == "state_key: must have 32 bytes or more (got '6 bytes')"
