"""A key gets its limit, gets it back evenly, and nobody can make the limiter grow."""

from __future__ import annotations

import random

import pytest

from runtime.operation import RateRule
from runtime.ratelimit import Limiter, address_key, limit_header, policy_header

LOGIN = RateRule("login", 10, 60, ("address",))


class Seconds:
    """A monotonic clock that stands where it is put."""

    def __init__(self, at: float = 1_000_000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def limiter(seconds: Seconds) -> Limiter:
    return Limiter(monotonic=seconds)


def test_the_whole_limit_may_be_used_at_once_and_not_one_call_more(limiter: Limiter) -> None:
    verdicts = [limiter.take("a", LOGIN) for _ in range(11)]
    assert [verdict.allowed for verdict in verdicts] == [True] * 10 + [False]
    assert [verdict.remaining for verdict in verdicts] == [*range(9, -1, -1), 0]
    assert verdicts[9].reset_seconds == pytest.approx(60)
    assert verdicts[10].retry_after == pytest.approx(6)


def test_whoever_waits_as_long_as_told_may_call_again(limiter: Limiter, seconds: Seconds) -> None:
    for _ in range(10):
        limiter.take("a", LOGIN)
    wait = limiter.take("a", LOGIN).retry_after
    seconds.at += wait - 0.1
    assert not limiter.take("a", LOGIN).allowed
    seconds.at += 0.1
    assert limiter.take("a", LOGIN).allowed
    assert not limiter.take("a", LOGIN).allowed


def test_refused_calls_are_not_counted_against_the_key(limiter: Limiter, seconds: Seconds) -> None:
    for _ in range(1000):
        limiter.take("a", LOGIN)
    seconds.at += 60
    assert [limiter.take("a", LOGIN).allowed for _ in range(11)] == [True] * 10 + [False]


@pytest.mark.parametrize("limit", [1, 3, 7, 10, 600, 999])
@pytest.mark.parametrize("window", [1, 60, 3600])
def test_no_limit_loses_a_call_to_rounding(limit: int, window: int) -> None:
    limiter = Limiter(monotonic=Seconds(123456.789))
    rule = RateRule("each", limit, window)
    assert sum(limiter.take("a", rule).allowed for _ in range(limit + 5)) == limit


def test_over_any_time_a_key_gets_its_limit_and_what_came_back() -> None:
    seconds = Seconds()
    limiter = Limiter(monotonic=seconds)
    chance = random.Random(1)  # the same each time
    allowed = 0
    for _ in range(20_000):
        seconds.at += chance.random()
        allowed += limiter.take("a", LOGIN).allowed
    passed = seconds.at - 1_000_000
    assert allowed <= 10 + passed / 6
    assert allowed >= passed / 6 - 10


def test_keys_and_policies_count_apart_and_rules_of_one_policy_together(limiter: Limiter) -> None:
    for _ in range(10):
        limiter.take("a", LOGIN)
    assert not limiter.take("a", LOGIN).allowed
    assert limiter.take("b", LOGIN).allowed
    assert limiter.take("a", RateRule("register", 10, 60)).allowed
    assert not limiter.take("a", RateRule("login", 10, 60, ("account",))).allowed


def test_the_factor_multiplies_every_limit_and_leaves_at_least_one() -> None:
    rule = RateRule("login", 10, 60)
    for factor, limit in ((2.0, 20), (0.5, 5), (0.001, 1)):
        limiter = Limiter(factor, Seconds())
        assert limiter.limit(rule) == limit
        assert sum(limiter.take("a", rule).allowed for _ in range(50)) == limit


def test_idle_keys_are_forgotten_and_busy_ones_never(limiter: Limiter, seconds: Seconds) -> None:
    for number in range(1000):
        limiter.take(f"idle-{number}", LOGIN)
    assert len(limiter) == 1000
    for _ in range(40):
        seconds.at += 6
        for _ in range(2):
            limiter.take("busy", LOGIN)
    assert len(limiter) == 1
    # 10 and one each 6 s is what it got: forgetting would have given it 10 more.
    assert not limiter.take("busy", LOGIN).allowed


def test_a_flood_of_keys_neither_grows_the_memory_nor_frees_who_is_at_the_limit() -> None:
    seconds = Seconds()
    limiter = Limiter(monotonic=seconds, most_keys=1000)
    rules = [RateRule(f"policy-{number}", 10, 60 * (number + 1)) for number in range(5)]
    for _ in range(10):
        limiter.take("account", LOGIN)
    for number in range(20_000):
        limiter.take(f"flood-{number}", rules[number % 5])
        assert len(limiter) <= 1000
        seconds.at += 0.0001
        if number % 100 == 0:
            assert not limiter.take("account", LOGIN).allowed
    assert len(limiter) == sum(len(c.young) + len(c.old) for c in limiter._policies.values())


def test_a_long_key_costs_no_more_memory_than_a_short_one(limiter: Limiter) -> None:
    name = "x" * 100_000
    assert [limiter.take(name, LOGIN).allowed for _ in range(11)] == [True] * 10 + [False]
    assert limiter.take(name + "y", LOGIN).allowed
    assert all(len(key) < 130 for key in limiter._policies["login"].young)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("not:an:address", "not:an:address"),
        ("", ""),
    ],
)
def test_an_ipv6_customer_is_one_caller(address: str, key: str) -> None:
    assert address_key(address) == key


def test_headers_are_those_of_the_ietf_draft(limiter: Limiter) -> None:
    verdict = limiter.take("a", LOGIN)
    assert policy_header("login", limiter.limit(LOGIN), LOGIN.window) == '"login";q=10;w=60'
    assert limit_header("login", verdict.remaining, verdict.reset_seconds) == '"login";r=9;t=6'
    assert limit_header('a"b\\', 0, 59.01) == '"a\\"b\\\\";r=0;t=60'
