"""Airflow runs the loop: it calls the command, and the states of the tasks say what came of it."""

import ast
import json
import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.environments import MAKE, environment_of, eventually, started
from tests.loop_home import State, write_champion, write_home
from tests.served import free_port
from tests.serving import Client
from workshop_utils.paths import ROOT
from workshop_utils.production.deployment import open_version, pointed_version

DAGS = sorted((ROOT / "dags").glob("*.py"))
LOCKS = [ROOT / "airflow.lock", ROOT / "mlflow.lock"]

REASON = 'it\'s "new" $(touch evil) `x`; grün 😴'

#: What a command that ends so makes of the tasks, of the run, and how often it updates the asset.
VERDICTS = {
    0: ("success", "skipped", "success", 0),
    3: ("success", "skipped", "success", 0),
    10: ("success", "skipped", "success", 0),
    11: ("success", "success", "success", 1),
    1: ("failed", "upstream_failed", "failed", 0),
    2: ("failed", "upstream_failed", "failed", 0),
}


@pytest.mark.parametrize("path", DAGS, ids=lambda path: path.stem)
def test_a_dag_imports_airflow_and_nothing_of_ours(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert {module.split(".")[0] for module in modules} == {"airflow", "datetime"}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_holds_no_addresses_and_only_exact_versions(lock):
    lines = lock.read_text(encoding="utf-8").splitlines()
    assert len(lines) > 50
    for line in lines:
        assert re.fullmatch(r"[a-z0-9._-]+==[^ ;]+( ; .+)?", line), line


def test_airflows_settings_let_only_this_machine_in():
    assert settings()["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert not any("ALL_ADMINS" in name for name in settings()), "who may set a variable may run any command"


#: How each story ends: the states of retrain, gate and tell, that of the run, and is there a new champion?
STORIES = {
    "fresh": ("skipped", "skipped", "skipped", "success", False),
    "promoted": ("success", "success", "success", "success", True),
    "refused": ("success", "skipped", "success", "success", False),
    "crash": ("failed", "upstream_failed", "upstream_failed", "failed", False),
}
STATES: dict[str, State] = {
    "fresh": "fresh",
    "promoted": "drifted",
    "refused": "contradicted",
    "crash": "drifted",
    "whole": "drifted",
}

#: The process that trains dies as if the system had run out of memory.
CRASH = """
import os, signal, sys
if "workshop_utils.models.training.worker" in sys.orig_argv:
    os.kill(os.getpid(), signal.SIGKILL)
"""


def story(name, dag, conf=None, **environment):
    return {"name": name, "dag": dag, "conf": conf, "environment": environment}


def ending_with(code):
    return f"sh -c 'exit {code}'"


@pytest.fixture(scope="module")
def programs():
    return environment_of("airflow")


@pytest.fixture(scope="module")
def homes(programs, tmp_path_factory):
    """For each story a home, and the first champion."""
    folder = tmp_path_factory.mktemp("Läden und mehr")
    champion = write_champion(folder / "champion")
    return {
        name: (folder / name, write_home(folder / name, champion, state)) for name, state in STATES.items()
    }


def loop_in(home):
    """Variables of the environment with which the real commands work in a home."""
    policy = shlex.quote(str(home.parent / "champion" / "policy.toml"))
    return {
        "WORKSHOP_HOME": str(home),
        "AIRFLOW_VAR_WORKSHOP_MONITOR": f"workshop monitor --policy {policy}",
        "AIRFLOW_VAR_WORKSHOP_RETRAIN": f"workshop retrain --policy {policy}",
        "AIRFLOW_VAR_WORKSHOP_TELL": "workshop history",
    }


def settings():
    """Those of dags/airflow.env."""
    return dict(re.findall(r"(?m)^(AIRFLOW\w+)=(.+)$", (ROOT / "dags" / "airflow.env").read_text("utf-8")))


@pytest.fixture(scope="module")
def told(programs, homes, tmp_path_factory):
    """What Airflow says of the DAGs and of each story; all in one process and a home of its own."""
    folder = tmp_path_factory.mktemp("stories")
    (folder / "crash").mkdir()
    (folder / "crash" / "sitecustomize.py").write_text(CRASH, encoding="utf-8")
    stories = [
        story(f"verdict {code}", "monitor_model", AIRFLOW_VAR_WORKSHOP_MONITOR=ending_with(code))
        for code in VERDICTS
    ]
    stories.append(
        story(
            "reason",
            "continuous_training",
            {"reason": REASON},
            AIRFLOW_VAR_WORKSHOP_RETRAIN=f"printf '%s|' >{shlex.quote(str(folder / 'reason.txt'))}",
            AIRFLOW_VAR_WORKSHOP_TELL="true",
        )
    )
    stories.append(story("stale", "monitor_model", **loop_in(homes["promoted"][0])))
    for name in STORIES:
        more = {"PYTHONPATH": str(folder / "crash")} if name == "crash" else {}
        stories.append(story(name, "continuous_training", **loop_in(homes[name][0]), **more))
    (folder / "in.json").write_text(json.dumps(stories), encoding="utf-8")
    environment = os.environ | settings()
    for other in ("WORKSHOP_DATABASE_URL", "MLFLOW_TRACKING_URI"):
        environment.pop(other, None)
    environment |= {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    for command in (
        [programs / "airflow", "db", "migrate"],
        [programs / "python", "tests/airflow_stories.py", "dags", folder / "in.json", folder / "out.json"],
    ):
        run = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", errors="replace"
        )
        assert run.returncode == 0, (run.stdout + run.stderr)[-20_000:]
    (folder / "log.txt").write_text(run.stdout + run.stderr, encoding="utf-8")
    return json.loads((folder / "out.json").read_text(encoding="utf-8")) | {"folder": str(folder)}


@pytest.mark.slow
def test_airflow_understands_the_dags(told):
    assert told["errors"] == {}
    monitor, training = told["dags"]["monitor_model"], told["dags"]["continuous_training"]
    for dag in (monitor, training):
        assert not dag["catchup"] and dag["max_active_runs"] == 1
        assert all(
            task["operator"] == "BashOperator" and task["minutes"] <= 240 for task in dag["tasks"].values()
        )
    assert {name: task["upstream"] for name, task in training["tasks"].items()} == {
        "retrain": [],
        "gate": ["retrain"],
        "tell": ["gate", "retrain"],
    }
    assert training["assets"] == monitor["tasks"]["mark_stale"]["outlets"] == ["model-stale"]
    assert "0 3 * * 0" in training["schedule"]
    assert training["tasks"]["retrain"]["retries"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("code", VERDICTS)
def test_only_a_harmful_verdict_marks_the_model_as_stale(code, told):
    monitor, mark_stale, run, updates = VERDICTS[code]
    found = told["stories"][f"verdict {code}"]
    assert found["tasks"] == {"monitor": monitor, "mark_stale": mark_stale}
    assert (found["run"], found["updates"]) == (run, updates)


@pytest.mark.slow
def test_a_reason_reaches_the_command_as_it_was_typed(told):
    assert told["stories"]["reason"]["run"] == "success"
    seen = (Path(told["folder"]) / "reason.txt").read_text(encoding="utf-8")
    assert seen == f"--reason|{REASON}|"


@pytest.mark.slow
def test_errors_that_have_risen_mark_the_model_as_stale(told):
    assert told["stories"]["stale"]["tasks"] == {"monitor": "success", "mark_stale": "success"}
    assert told["stories"]["stale"]["updates"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", STORIES)
def test_the_states_of_the_tasks_tell_the_stories_apart(name, told, homes):
    *tasks, run, is_new = STORIES[name]
    found = told["stories"][name]
    assert found["tasks"] == dict(zip(("retrain", "gate", "tell"), tasks, strict=True))
    assert found["run"] == run
    home, first = homes[name]
    deployment = home / "deployment"
    assert (pointed_version(deployment) != first) == is_new
    open_version(deployment, pointed_version(deployment))


@pytest.mark.slow
def test_a_failure_is_tried_again_and_a_refusal_is_not(told):
    tries = {name: told["stories"][name]["tries"]["retrain"] for name in STORIES}
    assert tries == {"fresh": 1, "promoted": 1, "refused": 1, "crash": 2}


@pytest.fixture(scope="module")
def airflow(programs, homes, tmp_path_factory):
    """A whole Airflow as `make airflow` starts it: its pages, and the group of its processes."""
    folder = tmp_path_factory.mktemp("standalone")
    port = free_port()
    with started(
        [*MAKE, "airflow", f"AIRFLOW_PORT={port}"],
        folder / "log.txt",
        AIRFLOW_HOME=str(folder / "airflow"),
        WORKSHOP_DATABASE_URL=None,
        MLFLOW_TRACKING_URI=None,
        **loop_in(homes["whole"][0]),
    ) as group:
        passwords = folder / "airflow" / "simple_auth_manager_passwords.json.generated"
        yield Pages(f"http://127.0.0.1:{port}", group, passwords)
    assert not is_taken(port)


def is_taken(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Pages(Client):
    """Airflow's API, for its user admin."""

    def __init__(self, address, group, passwords):
        super().__init__(address)
        self.group = group
        eventually(self._is_healthy, "Airflow answers", group)
        user = {"username": "admin", "password": json.loads(passwords.read_text(encoding="utf-8"))["admin"]}
        self._bearer = {"Authorization": f"Bearer {self.post('/auth/token', user).json['access_token']}"}

    def _is_healthy(self):
        told = self.get("/api/v2/monitor/health").json
        parts = ("metadatabase", "scheduler", "dag_processor")
        return all(told[part]["status"] == "healthy" for part in parts)

    def ask(self, path):
        answer = self.get(f"/api/v2/dags{path}", self._bearer)
        return answer.json if answer.status == 200 else {}

    def start(self, dag):
        answer = self.post(f"/api/v2/dags/{dag}/dagRuns", {"logical_date": None, "conf": {}}, self._bearer)
        assert answer.status == 200, answer.body
        return answer.json["dag_run_id"]

    def runs(self, dag, **wanted):
        found = self.ask(f"/{dag}/dagRuns").get("dag_runs", [])
        return [run for run in found if wanted.items() <= run.items()]

    def tasks_of(self, dag, run):
        """How each task of a run stands."""
        found = self.ask(f"/{dag}/dagRuns/{quote(run['dag_run_id'])}/taskInstances")["task_instances"]
        return {task["task_id"]: task["state"] for task in found}


@pytest.mark.slow
def test_a_stale_model_is_retrained_by_a_whole_airflow(airflow, homes):
    for dag in ("continuous_training", "monitor_model"):
        eventually(lambda dag=dag: airflow.ask(f"/{dag}"), f"{dag} is listed", airflow.group)
    asked = airflow.start("monitor_model")
    wanted = {"dag_run_id": asked, "state": "success"}
    eventually(lambda: airflow.runs("monitor_model", **wanted), "monitoring has run", airflow.group)
    wanted = {"run_type": "asset_triggered", "state": "success"}
    eventually(lambda: airflow.runs("continuous_training", **wanted), "a training came of it", airflow.group)
    tasks = [airflow.tasks_of("continuous_training", run) for run in airflow.runs("continuous_training")]
    trained = [states for states in tasks if states["retrain"] == "success"]
    assert trained == [{"retrain": "success", "gate": "success", "tell": "success"}], tasks
    home, first = homes["whole"]
    assert pointed_version(home / "deployment") != first
    open_version(home / "deployment", pointed_version(home / "deployment"))


@pytest.mark.slow
def test_airflow_listens_on_this_machine_only_and_asks_for_a_password(airflow):
    assert {address for address, _ in airflow.group.listens_at()} <= {"127.0.0.1", "::1"}
    assert (airflow.host, airflow.port) in airflow.group.listens_at()
    assert airflow.get("/api/v2/dags").status == 401
