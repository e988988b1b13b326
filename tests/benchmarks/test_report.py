"""Tables, the page and the plot, of results that were made up."""

import xml.etree.ElementTree as ElementTree

import pytest

from benchmarks.cases import CASES, chosen
from benchmarks.figures import Spread
from benchmarks.page import page, picture
from benchmarks.plot import Panel, Scale, svg
from benchmarks.report import Table, bars_table, case_table, losses, spread_text, terminal
from benchmarks.results import Results, judge

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def results() -> Results:
    """Of every case: ours at 10, the peers at 10, 5, 3.3 and so on; three rounds, the last a tenth dearer."""
    made = Results(2, {"Processor": "made up"})
    measures = ["children_us", "per_second", "p50", "p99", "p99.9", "kib", "cpu_percent", "ping_us", "pings", "growth"]
    for case in CASES:
        steps = [f"cpu_us {connections}" for connections in case.open]
        for index, name in enumerate(case.competitors):
            value = 10 / max(1, index)
            for scale in (1, 1, 1.1):
                made.add(case.name, name, dict.fromkeys(("cpu_us", *measures, *steps), value * scale))
    return made


def test_a_spread_shows_median_least_and_greatest() -> None:
    assert spread_text(Spread(1, 0.5, 2)) == "1.00 [0.500, 2.00]"
    assert spread_text(None) == "-"


def test_a_table_lines_up_in_a_terminal_and_in_markdown() -> None:
    table = Table(("name", "us"), (("a", "1"), ("longer", "10")))
    assert table.text() == "name    us\na        1\nlonger  10"
    assert table.markdown() == "| name | us |\n| --- | ---: |\n| a | 1 |\n| longer | 10 |"


def test_a_case_has_a_row_for_each_competitor(results: Results) -> None:
    [case] = chosen(["gateway/8x16/100B"])
    table = case_table(results, case)
    assert table.header == ("", "CPU us", "ours/peer", "children's us", "requests/s", "p50 us", "p99 us", "p99.9 us")
    assert table.rows == (
        ("mcpws --stdio", "10.0 [10.0, 11.0]", "", *["10.0"] * 5),
        ("supergateway", "10.0 [10.0, 11.0]", "1.00 [1.00, 1.00]", *["10.0"] * 5),
    )


def test_a_competitor_that_failed_says_so_in_its_row(results: Results) -> None:
    [case] = chosen(["gateway/8x16/100B"])
    results.add(case.name, "supergateway", RuntimeError("it | ended"))
    label = case_table(results, case).rows[1][0]
    assert label == "supergateway FAILED in 1 of 4 rounds: it / ended"


def test_a_competitor_that_never_answered_has_dashes() -> None:
    [case] = chosen(["deflate/8x16/100B"])
    empty = Results(1, {})
    for name in case.competitors:
        empty.add(case.name, name, RuntimeError("gone"))
    rows = case_table(empty, case).rows
    assert rows[1] == ("websockets + uvloop + orjson FAILED in 1 of 1 rounds: gone", "-", "-")
    assert bars_table(judge(empty, [case])).rows == ()


def test_what_ours_loses_is_told_worst_first(results: Results) -> None:
    cases = chosen(["tls/8x16/100B"])
    results.samples[cases[0].name]["websockets"] = [{"cpu_us": 1}]
    assert losses(results, cases) == [
        "tls/8x16/100B: 10.0 times websockets + uvloop + orjson",
        "tls/8x16/100B: 2.00 times npm ws",
    ]


def test_the_terminal_shows_every_case_and_every_bar(results: Results) -> None:
    judgements = judge(results, CASES)
    text = terminal(results, CASES, judgements)
    for case in CASES:
        assert case.name in text
    assert text.count("MISSED") + text.count("pass") == len(judgements)


def test_the_page_has_every_case_the_machine_and_the_plot(results: Results) -> None:
    text = page(results, CASES, judge(results, CASES), "performance.svg")
    for case in CASES:
        assert f"`{case.name}`" in text
    assert "- Processor: made up" in text
    assert "](performance.svg)" in text
    assert "\n$ make bench" in text
    assert max(len(line) for line in text.splitlines() if not line.startswith("|")) <= 120


def test_the_page_can_do_without_a_plot(results: Results) -> None:
    assert "](" not in page(results, [], [], None).replace("](../benchmarks/peers)", "")


def test_the_picture_is_well_formed_and_has_a_bar_for_each_competitor(results: Results) -> None:
    cases = chosen(["in-process/8x16/100B", "client"])
    root = ElementTree.fromstring(picture(results, cases))
    kinds = [rect.get("class") for rect in root.iter(f"{SVG}rect")]
    assert kinds.count("ours") == 2
    assert kinds.count("bar") == 6


def test_longer_bars_stand_for_more_and_ranges_have_their_ends() -> None:
    panel = Panel("a < b", [("ours", Spread(2, 1, 3)), ("theirs", Spread(20, 20, 20))])
    root = ElementTree.fromstring(svg("title & more", "us", [panel, Panel("empty", [])]))
    _, ours, theirs = root.iter(f"{SVG}rect")
    assert 0 < float(ours.get("width", 0)) < float(theirs.get("width", 0))
    ours_range, _ = (line for line in root.iter(f"{SVG}line") if line.get("class") == "range")
    assert float(ours_range.get("x1", 0)) < float(ours_range.get("x2", 0))
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert "a < b" in texts
    assert "empty" not in texts


def test_a_scale_has_room_for_all_values_and_at_least_one_power_of_ten() -> None:
    assert Scale.for_values([0.5, 250]) == Scale(-1, 3)
    assert Scale.for_values([10, 10]) == Scale(1, 2)
    scale = Scale(0, 2)
    assert scale.at(10) - scale.at(1) == pytest.approx(scale.at(100) - scale.at(10))
