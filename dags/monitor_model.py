"""Look at the model every hour, and say so when it is stale.

This DAG calls ``workshop monitor`` and imports nothing of the course, so Airflow has an environment of its
own. The task ``monitor`` succeeds when it could look, whatever it saw. The task ``mark_stale`` succeeds only
when errors have risen above the tolerance (exit code 11): it updates the asset ``model-stale``, and that
starts ``continuous_training``. When all is quiet, when labels are missing, and when only the inputs have
changed, it is skipped, and a skipped task updates nothing.
"""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import Asset, dag
from airflow.timetables.trigger import CronTriggerTimetable

STALE = Asset("model-stale")

#: Another command: the variable workshop_monitor on Airflow's pages, or AIRFLOW_VAR_WORKSHOP_MONITOR.
MONITOR = "{{ var.value.get('workshop_monitor', 'workshop monitor') }}"

#: The last line that is printed goes to the next task. 0 quiet, 3 too few labels, 10 mild, 11 harmful.
TELL_VERDICT = """
code=$?
echo $code
case $code in 0|3|10|11) exit 0 ;; esac
exit $code
"""


@dag(
    schedule=CronTriggerTimetable("0 * * * *", timezone="UTC"),
    start_date=datetime(2025, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        "execution_timeout": timedelta(minutes=30),
    },
    doc_md=__doc__,
    tags=["workshop"],
)
def monitor_model() -> None:
    """Monitor, and mark the model as stale if it is."""
    monitor = BashOperator(task_id="monitor", bash_command=MONITOR + TELL_VERDICT)
    mark_stale = BashOperator(
        task_id="mark_stale",
        bash_command="[ '{{ ti.xcom_pull(task_ids='monitor') }}' = 11 ]",
        skip_on_exit_code=1,
        outlets=[STALE],
    )
    monitor >> mark_stale


monitor_model()
