"""Retrain behind the gate: every Sunday night, and as soon as the model is marked as stale.

This DAG calls ``workshop retrain`` and imports nothing of the course, so Airflow has an environment of its
own. What came of a run is told by the states of its tasks:

| retrain | gate | tell | |
|:--|:--|:--|:--|
| success | success | success | the new model has passed the gate |
| success | skipped | success | the gate has refused it; the champion stays |
| skipped | skipped | skipped | there was nothing to do |
| failed | upstream_failed | upstream_failed | the command failed, three times; the champion stays |
"""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import Asset, TriggerRule, dag
from airflow.timetables.assets import AssetOrTimeSchedule
from airflow.timetables.trigger import CronTriggerTimetable

STALE = Asset("model-stale")

#: Other commands: variables of these names on Airflow's pages, or AIRFLOW_VAR_WORKSHOP_RETRAIN and …_TELL.
RETRAIN = "{{ var.value.get('workshop_retrain', 'workshop retrain') }}"
TELL = "{{ var.value.get('workshop_tell', 'workshop history') }}"

#: A run that a person starts may give a reason: {"reason": "new categories"}.
REASON = "{{ dag_run.conf.get('reason', '') if dag_run.conf else '' }}"

#: The last line that is printed goes to the next task. 4: trained and refused, which is no failure.
TELL_OUTCOME = """
code=$?
echo $code
case $code in 0|4) exit 0 ;; esac
exit $code
"""


@dag(
    schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 3 * * 0", timezone="UTC"), assets=[STALE]),
    start_date=datetime(2025, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    doc_md=__doc__,
    tags=["workshop"],
)
def continuous_training() -> None:
    """Train, let the gate judge, and tell."""
    retrain = BashOperator(
        task_id="retrain",
        bash_command=RETRAIN + ' ${REASON:+--reason "$REASON"}' + TELL_OUTCOME,
        env={"REASON": REASON},
        append_env=True,
        skip_on_exit_code=3,
        execution_timeout=timedelta(hours=4),
    )
    gate = BashOperator(
        task_id="gate",
        bash_command="exit {{ ti.xcom_pull(task_ids='retrain') }}",
        skip_on_exit_code=4,
        execution_timeout=timedelta(minutes=1),
    )
    tell = BashOperator(
        task_id="tell",
        bash_command=TELL,
        trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
        execution_timeout=timedelta(minutes=5),
    )
    retrain >> gate
    [retrain, gate] >> tell


continuous_training()
