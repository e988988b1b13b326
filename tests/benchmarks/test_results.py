"""What counts as reached, and what a failure looks like."""

import pytest

from benchmarks.cases import BARS, CASES, IN_PROCESS, PLOTTED, Bar, Case, chosen, size_name
from benchmarks.competitors import CLIENTS, SERVERS
from benchmarks.figures import Spread
from benchmarks.results import Results, judge

CASE = Case(IN_PROCESS, 8, 16, 100, ("mcpws", "picows"))


def results(ours: list[float], peers: list[float]) -> Results:
    made = Results(1, {})
    for name, values in (("mcpws", ours), ("picows", peers)):
        for value in values:
            made.add(CASE.name, name, {"cpu_us": value})
    return made


@pytest.mark.parametrize(("at_most", "verdict"), [(0.6, "pass"), (0.5, "pass"), (0.49, "MISSED")])
def test_a_bar_is_judged_by_the_median_of_the_ratios(at_most: float, verdict: str) -> None:
    [judgement] = judge(results([5, 5, 9], [10, 10, 9]), [CASE], [Bar(CASE.name, "picows", at_most)])
    assert judgement.reached == Spread(0.5, 0.5, 1)
    assert judgement.verdict == verdict


def test_a_bar_without_a_peer_is_judged_by_a_measure_of_ours() -> None:
    [judgement] = judge(results([5, 6, 7], []), [CASE], [Bar(CASE.name, None, 6)])
    assert judgement.reached == Spread(6, 5, 7)
    assert judgement.verdict == "pass"


def test_a_bar_whose_peer_failed_has_failed() -> None:
    measured = results([5], [])
    measured.add(CASE.name, "picows", RuntimeError("it is not there"))
    [judgement] = judge(measured, [CASE], [Bar(CASE.name, "picows", 1)])
    assert judgement.verdict == "FAILED"
    assert measured.errors == {CASE.name: {"picows": "it is not there"}}


def test_bars_of_cases_that_were_not_run_are_left_out() -> None:
    assert judge(results([1], [1]), [CASE], [Bar("gateway/1x1/100B", "supergateway", 1)]) == []


def test_results_come_back_from_json() -> None:
    measured = results([1, 2], [3])
    measured.add(CASE.name, "picows", RuntimeError("why"))
    assert Results.decode(measured.encode()) == measured
    assert measured.rounds == 2


def test_every_bar_and_every_plotted_case_is_run_with_its_competitors() -> None:
    by_name = {case.name: case for case in CASES}
    assert len(by_name) == len(CASES)
    for bar in BARS:
        assert bar.peer is None or bar.peer in by_name[bar.case].competitors[1:]
    assert set(PLOTTED) <= by_name.keys()
    for case in CASES:
        known = CLIENTS if case.group.mode == "client" else SERVERS
        assert set(case.competitors) <= known.keys()


def test_cases_are_chosen_by_parts_of_their_names() -> None:
    assert chosen([]) == list(CASES)
    assert [case.name for case in chosen(["gateway/8x16/100B", "client*16KiB"])] == [
        "gateway/8x16/100B",
        "client/1x16/16KiB",
    ]
    assert chosen(["no such case"]) == []


@pytest.mark.parametrize(
    ("size", "name"), [(0, "0 B"), (100, "100 B"), (1024, "1 KiB"), (16_384, "16 KiB"), (1_048_576, "1 MiB")]
)
def test_sizes_have_names(size: int, name: str) -> None:
    assert size_name(size) == name
