"""DAGs run in one process of Airflow's environment: ``python tests/airflow_stories.py DAGS IN OUT``.

IN is a JSON list of stories: ``name``, ``dag``, ``environment``, and ``conf`` if a person starts the run. OUT
holds the DAGs as Airflow understands them, and for each story the state of the run, how each task ended and
how often it was tried, and how often the asset was updated.
"""

import json
import os
import sys
from datetime import timedelta
from pathlib import Path

from airflow.dag_processing.dagbag import DagBag
from airflow.models.asset import AssetEvent
from airflow.utils.session import create_session
from sqlalchemy import func, select


def understood(dag) -> dict:
    return {
        "schedule": dag.timetable.summary,
        "assets": sorted(asset.name for _, asset in dag.timetable.asset_condition.iter_assets()),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "tasks": {
            task.task_id: {
                "upstream": sorted(task.upstream_task_ids),
                "retries": task.retries,
                "minutes": task.execution_timeout.total_seconds() / 60,
                "operator": task.task_type,
                "outlets": [asset.name for asset in task.outlets],
            }
            for task in dag.tasks
        },
    }


def asset_events() -> int:
    with create_session() as session:
        return session.scalar(select(func.count()).select_from(AssetEvent))


def run(dag, story: dict) -> dict:
    os.environ.update(story["environment"])
    before = asset_events()
    ended = dag.test(run_conf=story.get("conf"))
    return {
        "run": str(ended.state),
        "tasks": {task.task_id: str(task.state) for task in ended.get_task_instances()},
        "tries": {task.task_id: task.try_number for task in ended.get_task_instances()},
        "updates": asset_events() - before,
    }


def main(dags: str, source: str, target: str) -> None:
    bag = DagBag(dag_folder=dags)
    told = {"errors": bag.import_errors, "dags": {}, "stories": {}}
    for name, dag in bag.dags.items():
        told["dags"][name] = understood(dag)
        for task in dag.tasks:  # nobody waits five minutes for a test
            task.retry_delay, task.retries = timedelta(0), min(1, task.retries)
    for story in json.loads(Path(source).read_text(encoding="utf-8")):
        told["stories"][story["name"]] = run(bag.dags[story["dag"]], story)
    Path(target).write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
