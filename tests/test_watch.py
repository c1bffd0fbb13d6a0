"""The watch: a schedule, rounds of monitoring and retraining, and people who are told each change once."""

import json
import logging
import os
import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.predicted import HOSTILE
from tests.watched import RISEN, StandIn
from workshop_utils.errors import WorkshopError
from workshop_utils.production.policy import read_policy
from workshop_utils.production.service.logs import JsonFormatter
from workshop_utils.production.watch import (
    NotTold,
    RunSchedule,
    Standing,
    Teller,
    WatchedModel,
    WatchMemory,
    WatchRound,
    next_due,
    parse_duration,
    read_standing,
)

DRIFTED = {"name": "inputs", "sentence": "Texts differ.", "runbook": "docs/runbooks/inputs-have-changed.md"}
posix = pytest.mark.skipif(os.name == "nt", reason="Windows ends a group in another way")

# -- durations and the schedule ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "seconds"), [("30s", 30), ("15m", 900), ("1h", 3600), ("1d", 86_400), (" 366d ", 366 * 86_400)]
)
def test_a_duration_is_a_number_and_its_unit(typed, seconds):
    assert parse_duration(typed) == seconds


@pytest.mark.parametrize(
    "typed",
    ["", "1", "h", "0s", "-1h", "1.5h", "1 h", "1H", "1w", "367d", "9" * 400 + "s", "١h", "1h30m", "\ud800"],
)
def test_what_is_no_duration_is_one_sentence(typed):
    with pytest.raises(WorkshopError, match="is no duration between 1s and 366d") as error:
        parse_duration(typed)
    assert "\n" not in str(error.value) and len(str(error.value)) < 200


@given(st.floats(0, 1e9), st.integers(1, 366 * 86_400), st.floats(0, 1e9))
@example(73741824.1758157, 1, 1e9)
def test_the_next_run_is_in_the_row_of_the_schedule_and_nothing_is_made_up(began, every, passed):
    now = began + passed
    due = next_due(began, every, now)
    assert now < due <= now + every * (1 + 1e-6) + 1e-3
    steps = (due - began) / every
    assert abs(steps - round(steps)) < 1e-3


def run_in_thread(schedule):
    thread = threading.Thread(target=schedule.run)
    thread.start()
    return thread


def test_a_run_that_fails_is_told_and_the_next_one_happens(caplog):
    runs, stop = [], threading.Event()

    def run():
        runs.append(len(runs))
        if len(runs) == 3:
            schedule.stop()
        raise ValueError("a text that must not be logged")

    schedule = RunSchedule(run, 0.01, stop)
    schedule.run()
    assert runs == [0, 1, 2]
    assert caplog.text.count("A run failed: ValueError at test_watch.py") == 3
    assert "must not be logged" not in caplog.text


def test_asked_during_a_run_one_other_follows_however_often_it_was_asked():
    begun, go, runs = threading.Semaphore(0), threading.Semaphore(0), []

    def run():
        runs.append(1)
        begun.release()
        go.acquire()

    schedule = RunSchedule(run, 86_400, threading.Event())
    thread = run_in_thread(schedule)
    begun.acquire()
    for _ in range(5):
        schedule.ask()
    assert len(runs) == 1, "one run at a time"
    go.release()
    begun.acquire()
    schedule.stop()
    go.release()
    thread.join(30)
    assert not thread.is_alive() and len(runs) == 2


def test_asked_between_two_runs_it_runs_at_once():
    begun = threading.Semaphore(0)
    schedule = RunSchedule(begun.release, 86_400, threading.Event())
    thread = run_in_thread(schedule)
    for _ in range(3):
        assert begun.acquire(timeout=30)
        schedule.ask()
    schedule.stop()
    thread.join(30)
    assert not thread.is_alive()


def test_a_run_that_takes_too_long_does_not_bring_others_in_a_row():
    times, now, stop = [], [0.0], threading.Event()

    def run():
        times.append(now[0])
        now[0] += 2.5 if len(times) == 1 else 0.0
        if len(times) == 2:
            schedule.stop()

    def clock():
        if len(times) == 1 and not stop.is_set():
            now[0] += 0.25
        return now[0]

    schedule = RunSchedule(run, 1.0, stop, clock)
    schedule.run()
    assert times[0] == 0.0 and times[1] == pytest.approx(3.0, abs=0.3)


# -- rounds --------------------------------------------------------------------------------------------------


class Notes:
    """A channel that keeps what it was told; it may be deaf."""

    name = "notes"

    def __init__(self):
        self.texts, self.summaries, self.deaf = [], [], False

    def send(self, text, summary):
        if self.deaf:
            raise NotTold("Nobody listens.")
        self.texts.append(text)
        self.summaries.append(json.loads(json.dumps(summary)))


class Watched:
    """Rounds over a stand-in, with a clock of the test's own."""

    def __init__(self, folder):
        self.folder, self.policy = folder, folder / "policy.toml"
        self.stand_in, self.notes = StandIn(folder), Notes()
        self.now, self.stop = datetime(2026, 4, 1, tzinfo=UTC), threading.Event()
        self.obeys("")
        self.begin()

    def obeys(self, watch):
        self.policy.write_text(f"[watch]\n{watch}\n", encoding="utf-8")

    def begin(self, **limits):
        """As after a start: only what lies in files is known."""
        model = WatchedModel(
            deployment=self.folder / "deployment",
            policy=self.policy,
            folder=self.folder / "watch",
            workshop=self.stand_in.command,
            **limits,
        )
        self.memory = WatchMemory(model.folder / "state.json")
        teller = Teller([self.notes], self.memory, model.page, lambda: self.now)
        self._round = WatchRound(model, teller, self.memory, self.stop, lambda: self.now)

    def round(self, hours=1.0):
        """One round; then so many hours pass. The verdicts that were told by it."""
        told = len(self.notes.summaries)
        looked = self._round.run()
        self.now += timedelta(hours=hours)
        verdicts = [summary["verdict"] for summary in self.notes.summaries[told:]]
        assert looked or not verdicts or verdicts == ["failed"]
        return verdicts


@pytest.fixture
def watched(tmp_path):
    return Watched(tmp_path)


def test_a_round_runs_the_command_that_everybody_runs(watched):
    watched.stand_in.finds("quiet")
    watched.round()
    (arguments,) = watched.stand_in.calls("monitor")
    options = dict(zip(arguments[::2], arguments[1::2], strict=True))
    assert options == {
        "--deployment": str(watched.folder / "deployment"),
        "--policy": str(watched.policy),
        "--json": str(watched.folder / "watch" / "report.json"),
        "--html": str(watched.folder / "watch" / "report.html"),
    }
    assert watched.stand_in.calls("retrain") == []


def test_a_verdict_is_told_once_until_it_changes(watched):
    told = []
    for verdict in ("insufficient data", "quiet", "quiet", "mild", "mild", "quiet", "harmful", "harmful"):
        watched.stand_in.finds(verdict)
        told.append(watched.round())
    assert told == [["insufficient data"], ["quiet"], [], ["mild"], [], ["quiet"], ["harmful"], []]
    assert [(one["verdict"], two["before"]) for one, two in pairwise(watched.notes.summaries)] == [
        ("insufficient data", "insufficient data"),
        ("quiet", "quiet"),
        ("mild", "mild"),
        ("quiet", "quiet"),
    ]


@pytest.mark.parametrize("verdict", ["harmful", "failed"])
def test_what_needs_somebody_is_told_again_after_a_day(watched, verdict):
    watched.stand_in.fails() if verdict == "failed" else watched.stand_in.finds(verdict)
    assert [watched.round(hours=8) for _ in range(7)] == [[verdict], [], [], [verdict], [], [], [verdict]]
    assert watched.notes.texts[1].startswith(f"Verdict: {verdict}, still\n")


def test_the_pause_between_two_reminders_stands_in_the_policy(watched):
    watched.obeys("remind_hours = 2.0")
    watched.stand_in.finds("harmful")
    assert [watched.round() for _ in range(4)] == [["harmful"], [], ["harmful"], []]


@pytest.mark.parametrize("verdict", ["quiet", "mild", "insufficient data"])
def test_what_can_wait_is_not_told_again(watched, verdict):
    watched.stand_in.finds(verdict)
    assert [watched.round(hours=100) for _ in range(3)] == [[verdict], [], []]


def test_another_alarm_and_another_model_are_news(watched):
    watched.stand_in.finds("mild", DRIFTED)
    assert watched.round() == ["mild"]
    watched.stand_in.finds("mild", DRIFTED, {**RISEN, "name": "concept"})
    assert watched.round() == ["mild"]
    watched.stand_in.finds("mild", {**RISEN, "name": "concept"}, DRIFTED, labels_to_buy=80)
    assert watched.round() == [], "neither another order nor another number"
    watched.stand_in.finds("mild", DRIFTED, {**RISEN, "name": "concept"}, version="v2")
    assert watched.round() == ["mild"]


def test_a_message_says_all_that_somebody_needs(watched):
    watched.stand_in.finds("harmful", RISEN, DRIFTED, labels_to_buy=1250)
    watched.round()
    assert watched.notes.texts[0].splitlines() == [
        "Verdict: harmful",
        "Why: It is harmful.",
        "Model: v1",
        "Alarm about performance: Errors have risen. What to do: docs/runbooks/errors-have-risen.md",
        "Alarm about inputs: Texts differ. What to do: docs/runbooks/inputs-have-changed.md",
        "Labels to buy: 1,250. `workshop label` opens the page for them.",
        f"All figures: {watched.folder / 'watch' / 'report.html'}",
    ]
    summary = watched.notes.summaries[0]
    assert summary["alarms"] == [RISEN, DRIFTED] and summary["labels_to_buy"] == 1250
    assert summary["time"] == "2026-04-01T00:00:00+00:00" and summary["retraining"] is None


def test_a_restart_tells_nothing_twice(watched):
    watched.stand_in.finds("harmful")
    assert watched.round() == ["harmful"]
    watched.begin()
    assert watched.round() == []


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"told": 3}', b"\xff\xfe", b"[" * 100_000], ids=range(6)
)
def test_a_damaged_memory_is_said_and_begun_anew(watched, damage, caplog):
    watched.stand_in.finds("mild")
    watched.round()
    (watched.folder / "watch" / "state.json").write_bytes(damage)
    watched.begin()
    assert caplog.text.count("cannot be read; it begins anew") == 1
    assert watched.round() == ["mild"]
    watched.begin()
    assert watched.round() == []


def test_a_memory_that_cannot_be_written_tells_nothing_twice_before_the_next_start(watched, caplog):
    (watched.folder / "watch" / "state.json").mkdir(parents=True)
    watched.stand_in.finds("mild")
    assert [watched.round(), watched.round()] == [["mild"], []]
    assert "cannot be written down" in caplog.text


def test_who_did_not_hear_is_told_at_the_next_round(watched, caplog):
    watched.stand_in.finds("harmful")
    watched.notes.deaf = True
    assert watched.round() == []
    assert "Nobody listens. It is told at the next run." in caplog.text
    watched.notes.deaf = False
    assert [watched.round(), watched.round()] == [["harmful"], []]


def test_a_clock_that_went_back_stops_no_reminder(watched):
    watched.stand_in.finds("harmful")
    watched.round(hours=-1000)
    assert [watched.round(), watched.round()] == [["harmful"], []]


@pytest.mark.parametrize(
    ("act", "said"),
    [
        ({"code": 1, "err": "noise\n\nThe store does not answer.\n"}, "The store does not answer."),
        ({"code": 2, "err": ""}, "It ended with exit code 2 and no word."),
        ({"code": 139, "err": "Grüße \ud800"}, "Grüße"),
        ({"code": 0, "report": ""}, "report.json is not of this version"),
        ({"code": 0, "report": None}, "report.json cannot be read"),
        ({"code": 11, "report": '{"verdict": "terrible", "reason": "?"}'}, "is not of this version"),
        ({"code": 11, "report": '["harmful"]'}, "is not of this version"),
        ({"code": 11, "report": "[" * 100_000}, "is not of this version"),
    ],
    ids=range(8),
)
def test_a_round_that_fails_is_told_once_and_the_next_one_goes_well(watched, act, said):
    watched.stand_in.fails(**act)
    assert [watched.round(), watched.round()] == [["failed"], []]
    assert said in watched.notes.summaries[0]["reason"]
    assert watched.notes.texts[0].endswith("What to do: docs/runbooks/README.md\n")
    watched.stand_in.finds("quiet")
    assert watched.round() == ["quiet"]


@posix
def test_a_monitor_that_was_killed_is_told_as_such(watched):
    (watched.folder / "workshop.py").write_text("import os; os.kill(os.getpid(), 9)", encoding="utf-8")
    assert watched.round() == ["failed"]
    assert "killed from outside (signal 9)" in watched.notes.summaries[0]["reason"]


def test_a_monitor_that_hangs_is_ended_and_told(watched):
    watched.stand_in.hangs()
    watched.begin(longest_look=0.5)
    assert watched.round() == ["failed"]
    assert watched.notes.summaries[0]["reason"] == "It took too long and was ended."


def test_an_old_report_is_never_taken_for_a_new_one(watched):
    watched.stand_in.finds("quiet")
    watched.round()
    watched.stand_in.fails(code=0)
    assert watched.round() == ["failed"]


def test_a_policy_counts_from_the_next_round_on_and_a_broken_one_is_told(watched):
    watched.stand_in.finds("quiet")
    assert watched.round() == ["quiet"]
    watched.obeys("retrain = 3")
    assert watched.round() == ["failed"]
    assert "watch.retrain" in watched.notes.summaries[-1]["reason"]
    watched.obeys("retrain = true")
    assert watched.round() == ["quiet"]
    assert len(watched.stand_in.calls("retrain")) == 1


@pytest.mark.parametrize("text", HOSTILE[:-2], ids=range(len(HOSTILE) - 2))
def test_whatever_a_report_holds_is_told(watched, text):
    watched.stand_in.finds("mild", {**DRIFTED, "sentence": text}, reason=text)
    assert watched.round() == ["mild"]
    watched.notes.texts[0].encode("utf-8")
    assert watched.round() == []


def test_every_round_is_a_line_in_the_log(watched, caplog):
    caplog.set_level(logging.INFO)
    for verdict in ("quiet", "quiet", "harmful"):
        watched.stand_in.finds(verdict)
        watched.round()
    lines = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    told = [(line["level"], line["verdict"], line["model_version"]) for line in lines if "verdict" in line]
    assert told == [("info", "quiet", "v1"), ("info", "quiet", "v1"), ("warning", "harmful", "v1")]


def test_a_quiet_verdict_with_an_alarm_is_a_warning(watched, caplog):
    watched.stand_in.finds("quiet", {**RISEN, "name": "operations"})
    assert watched.round() == ["quiet"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_stop_during_a_round_tells_nothing(watched):
    watched.stand_in.hangs()
    thread = threading.Thread(target=watched.round)
    thread.start()
    while not (watched.folder / "hangs").exists():
        assert thread.is_alive()
        thread.join(0.02)
    watched.stop.set()
    thread.join(30)
    assert not thread.is_alive() and watched.notes.texts == []
    assert not (watched.folder / "watch" / "state.json").exists()


def test_a_standing_is_read_from_what_the_monitor_writes(tmp_path):
    (tmp_path / "report.json").write_text(
        json.dumps({"verdict": "mild", "reason": "\ud800 é", "alarms": [DRIFTED], "notes": []}),
        encoding="utf-8",
    )
    standing = read_standing(tmp_path / "report.json")
    assert standing.verdict == "mild" and standing.reason == "? é" and standing.alarms[0].name == "inputs"
    assert standing == Standing(verdict="mild", reason="? é", alarms=standing.alarms)


# -- retraining ----------------------------------------------------------------------------------------------


def test_without_a_word_in_the_policy_nothing_is_retrained(watched):
    watched.stand_in.finds("harmful")
    watched.round()
    assert watched.stand_in.calls("retrain") == []
    assert read_policy().watch.retrain is False


def test_retraining_is_told_and_then_rests_for_a_day(watched):
    watched.obeys("retrain = true")
    watched.stand_in.finds("harmful", RISEN)
    watched.stand_in.retrains(4, "The gate refused: no better on recent labels.")
    assert watched.round(hours=8) == ["harmful", "harmful"], "first the verdict, then what came of it"
    assert "gate refused: no better" in watched.notes.texts[1]
    assert watched.notes.summaries[1]["retraining"]["code"] == 4
    assert [watched.round(hours=8) for _ in range(2)] == [[], []]
    assert len(watched.stand_in.calls("retrain")) == 1
    watched.begin()
    watched.round()
    assert len(watched.stand_in.calls("retrain")) == 2, "a day later, and after a restart"


def test_where_the_policy_says_so_the_shadow_is_asked_in_each_round_and_a_promotion_is_told(watched):
    watched.obeys('retrain = true\n[retraining]\napproval = "shadow"')
    watched.stand_in.finds("quiet")
    watched.stand_in.promotes(4, "Refused; v1 stays the champion. Evidence: 3.4 of 20.")
    assert [watched.round(), watched.round()] == [["quiet"], []], "not yet is no news"
    assert "--shadow" in watched.stand_in.calls("promote")[0]
    assert len(watched.stand_in.calls("retrain")) == 2
    watched.stand_in.promotes(0, "v2 is the champion; before it was v1 (decision 7).")
    assert watched.round() == ["quiet"] and "v2 is the champion" in watched.notes.texts[-1]
    assert len(watched.stand_in.calls("retrain")) == 2, "the new champion is looked at first"
    watched.stand_in.promotes(1, "", "The store does not answer.")
    assert [watched.round(), watched.round()] == [["quiet"], []], "a failure is told once"
    assert "The store does not answer." in watched.notes.texts[-1]
    assert len(watched.stand_in.calls("retrain")) == 4


def test_a_retraining_that_failed_rests_too(watched):
    watched.obeys("retrain = true\nretrain_pause_hours = 3.0")
    watched.stand_in.finds("harmful")
    watched.stand_in.retrains(1, "", "The training was stopped.\n")
    watched.round()
    assert "The training was stopped." in watched.notes.texts[-1]
    for _ in range(3):
        watched.round()
    assert len(watched.stand_in.calls("retrain")) == 2


def test_where_there_was_nothing_to_do_the_next_round_asks_again_and_tells_once(watched):
    watched.obeys("retrain = true")
    watched.stand_in.finds("harmful")
    told = []
    for missing in (12, 11, 10):
        watched.stand_in.retrains(3, f"{missing} more labels are needed.")
        told += watched.round()
    assert told == ["harmful", "harmful"]
    assert len(watched.stand_in.calls("retrain")) == 3
    assert "12 more labels are needed" in watched.notes.texts[1]


def test_a_schedule_of_the_policy_retrains_a_quiet_model_and_its_silence_is_not_told(watched):
    watched.obeys("retrain = true")
    watched.stand_in.finds("quiet")
    assert [watched.round(), watched.round()] == [["quiet"], []]
    watched.stand_in.retrains(
        0, "training\n\nv2 is the champion; before it was v1.\nAll passed.\n\nIt took a minute.\n"
    )
    assert watched.round() == ["quiet"]
    said = "All passed.\nIt took a minute."
    assert watched.notes.summaries[-1]["retraining"]["said"] == said


def test_another_model_needs_no_rest(watched):
    watched.obeys("retrain = true")
    watched.stand_in.finds("harmful")
    watched.stand_in.retrains(0, "v2 is the champion; before it was v1.")
    watched.round()
    watched.stand_in.finds("harmful", version="v2")
    assert watched.round() == ["harmful", "harmful"]
    assert "before" in watched.notes.summaries[-1] and len(watched.stand_in.calls("retrain")) == 2


def test_nothing_is_retrained_where_nothing_could_be_looked_at(watched):
    watched.obeys("retrain = true")
    watched.stand_in.fails()
    watched.round()
    assert watched.stand_in.calls("retrain") == []
