"""The command that plays a recording back, and tells what is different."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click
import msgspec

from mcpws.cli.options import Remote, connecting, show
from mcpws.cli.report import FAILED, printable
from mcpws.cli.running import run
from mcpws.cli.style import say
from mcpws.jsonrpc.surrogates import shown
from mcpws.recording.differences import Difference, Ignored
from mcpws.recording.form import Conversation, read_recording
from mcpws.recording.playback import Compared, Outcome, Terms
from mcpws.recording.replay import replay as play
from mcpws.recording.supplied import Supplied

MAX_SHOWN = 200
"""Characters of a value."""

MAX_DIFFERENCES = 20
"""Of one message."""

_UNFIT = re.compile(r"\W+")


def to_secret(value: str) -> tuple[str, str]:
    """`NAME=VALUE`, taken apart; of `NAME` alone the value is in the environment."""
    name, equals, text = value.partition("=")
    if not name:
        raise click.BadParameter("must be NAME=VALUE, or NAME")
    if not equals:
        variable = _UNFIT.sub("_", name).strip("_").upper()
        if variable not in os.environ:
            raise click.BadParameter(f"{name} is neither given with = nor in the environment, as {variable}")
        text = os.environ[variable]
    return name, text


@click.command(
    short_help="Play a recording back, and tell what is different.",
    epilog="""\b
Exit status:
  0      the server did all as it was recorded
  1      something is different
  2-5    as of every command""",
)
@click.argument("file", type=click.Path(dir_okay=False))
@connecting
@click.option(
    "--connection",
    "connections",
    type=click.IntRange(min=1),
    multiple=True,
    metavar="NUMBER",
    help="Only the conversation on this connection, by its number in the recording. May be given several times.",
)
@click.option(
    "--ignore",
    "ignored",
    multiple=True,
    metavar="NAME|POINTER",
    help="Members of that name may differ, or what is at that place: /result/content/0/text. * stands for any step. "
    "May be given several times.",
)
@click.option(
    "--secret",
    "secrets",
    type=to_secret,
    multiple=True,
    metavar="NAME[=VALUE]",
    help="Send this in the place of a value of that name that was left out; without VALUE, what the environment has "
    "under NAME in capitals. May be given several times.",
)
@click.option(
    "--grace",
    type=click.FloatRange(min=0, max=3600),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="For a notification to come, and in the end for what nobody expects.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    metavar="NUMBER",
    help="Keep the client's pauses, and be that many times as fast; else there are none.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
def replay(
    remote: Remote,
    file: str,
    connections: Sequence[int],
    ignored: Sequence[str],
    secrets: Sequence[tuple[str, str]],
    grace: float,
    speed: float | None,
    as_json: bool,
) -> None:
    """Play the conversations in FILE, which a service recorded with --record, back to the server at URL.

    What the client said is sent again, each message once all has come that the server had said before it. What comes
    is compared with what was recorded, and each difference printed. If URL has no path, each conversation goes to the
    one that it had.

    \b
    mcpws replay monday.jsonl 8082
    mcpws replay monday.jsonl 8082 --connection 7 --ignore serverInfo --json
    """
    conversations = _chosen(read_recording(file), connections)
    terms = Terms(Ignored(ignored), Supplied(dict(secrets)), remote.timeout, grace, speed)

    async def played(reactor: Any) -> list[Outcome]:
        return await play(conversations, remote.target, remote.config, terms, reactor)

    outcomes = run(played, remote.verbose, end_seconds=remote.config.close_timeout)
    if as_json:
        show(msgspec.json.encode(as_object(outcomes), enc_hook=str))
    else:
        for line in lines(outcomes):
            show(line)
    if not all(one.is_same for one in outcomes):
        sys.exit(FAILED)


def _chosen(conversations: list[Conversation], connections: Sequence[int]) -> list[Conversation]:
    there = {one.opened.connection for one in conversations}
    for number in connections:
        if number not in there:
            raise click.BadParameter(f"there is no connection {number} in the recording", param_hint="--connection")
    found = [one for one in conversations if not connections or one.opened.connection in connections]
    if not found:
        raise click.BadParameter("there is no conversation in it", param_hint="FILE")
    for one in found:
        if one.closed is None:
            say(f"mcpws: the recording of connection {one.opened.connection} ends before the conversation does")
    return found


def lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The outcomes for people: each conversation with its differences, and how many there are."""
    for outcome in outcomes:
        opened = outcome.conversation.opened
        name = f"connection {opened.connection} (line {outcome.conversation.line})"
        if outcome.is_same:
            yield f"{name}: same"
            continue
        yield f"{name}: different"
        for one in outcome.compared:
            if one.verdict != "same":
                yield from _of_message(one)
        if outcome.more:
            yield f"  and {outcome.more} more that nobody expected"
        if outcome.lost is not None:
            yield printable(f"  the connection was lost: {outcome.lost}")
    counts = as_counts(outcomes)
    told = (
        "conversations: {conversations}, messages sent: {sent}, expected: {messages} "
        "({same} same, {different} different, {missing} missing), extra: {extra}"
    )
    if counts["not_sent"]:
        told += ", answers that nobody asked for: {not_sent}"
    yield told.format(**counts)


def _of_message(one: Compared) -> Iterator[str]:
    where = "" if one.line is None else f"line {one.line}: "
    if one.verdict == "different":
        yield printable(f"  {where}{one.about}")
        for difference in one.differences[:MAX_DIFFERENCES]:
            yield f"    {_of_value(difference)}"
        if len(one.differences) > MAX_DIFFERENCES:
            yield f"    and {len(one.differences) - MAX_DIFFERENCES} more"
    else:
        yield f"  {where}{printable(one.about)}: {one.verdict}, {_short(one.value)}"


def _of_value(difference: Difference) -> str:
    path = printable(difference.path)
    if difference.kind == "missing":
        return f"{path}: missing, expected {_short(difference.expected)}"
    if difference.kind == "extra":
        return f"{path}: extra, got {_short(difference.got)}"
    if difference.kind == "moved":
        return f"{path}: in another order, expected {_short(difference.expected)}, got {_short(difference.got)}"
    return f"{path}: expected {_short(difference.expected)}, got {_short(difference.got)}"


def _short(value: Any) -> str:
    text = printable(shown(msgspec.json.encode(value).decode()))
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


def as_counts(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """How many there are of each kind."""
    verdicts = {verdict: sum(one.count(verdict) for one in outcomes) for verdict in ("same", "different", "missing")}
    return {
        "conversations": len(outcomes),
        "sent": sum(one.sent for one in outcomes),
        "not_sent": sum(one.not_sent for one in outcomes),
        "messages": sum(verdicts.values()),
        **verdicts,
        "extra": sum(one.count("extra") for one in outcomes),
    }


def as_object(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The outcomes for programs: the counts, and each message that is not the same."""
    found = [
        {
            "connection": outcome.conversation.opened.connection,
            "line": one.line,
            "verdict": one.verdict,
            "about": one.about,
            "differences": [difference._asdict() for difference in one.differences],
            **({} if one.verdict == "different" else {"message": one.value}),
        }
        for outcome in outcomes
        for one in outcome.compared
        if one.verdict != "same"
    ]
    lost = [
        {"connection": one.conversation.opened.connection, "reason": one.lost}
        for one in outcomes
        if one.lost is not None
    ]
    return {**as_counts(outcomes), "differences": found, "lost": lost}
