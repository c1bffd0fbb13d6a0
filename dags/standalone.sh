#!/bin/sh
# Airflow for this machine alone, with the DAGs of this folder. `make airflow` runs it; Ctrl-C ends it.
set -eu
cd "$(dirname "$0")/.."
set -a
. dags/airflow.env
set +a
export AIRFLOW_HOME="${AIRFLOW_HOME:-$PWD/build/airflow}"
export AIRFLOW__CORE__DAGS_FOLDER="$PWD/dags"
export AIRFLOW__API__PORT="${AIRFLOW_PORT:-8080}"
export AIRFLOW__CORE__EXECUTION_API_SERVER_URL="http://127.0.0.1:$AIRFLOW__API__PORT/execution/"
# `workshop` comes from the course's environment, `airflow` from its own
export AIRFLOW_COMMAND="$PWD/.airflow/bin/airflow"
export PATH="$PWD/dags/loopback:$PWD/.airflow/bin:$PWD/.venv/bin:$PATH"
echo "Airflow will answer at http://127.0.0.1:$AIRFLOW__API__PORT in half a minute. The user is admin, the password stands in $AIRFLOW_HOME/simple_auth_manager_passwords.json.generated."
exec airflow standalone
