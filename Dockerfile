# JupyterLab with the whole course inside: runs without a network.
#   docker build -t keras-to-production . && docker run --rm -p 127.0.0.1:8888:8888 keras-to-production
# JupyterLab prints an address with a token; open that one.
ARG BASE_IMAGE=python:3.11-slim-bookworm
FROM ${BASE_IMAGE}

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    TF_CPP_MIN_LOG_LEVEL=2 \
    TOKENIZERS_PARALLELISM=false \
    MLFLOW_DISABLE_TELEMETRY=true \
    VIRTUAL_ENV=/opt/venv \
    PATH=/opt/venv/bin:$PATH

RUN useradd --create-home --uid 1000 learner && python3 -m venv /opt/venv

# The environment first: it changes seldom, the course often. PyTorch comes as its CPU build.
COPY requirements.lock /tmp/requirements.lock
RUN torch=$(sed -n 's/^torch==//p' /tmp/requirements.lock) \
    && { pip install -q torch==$torch --index-url https://download.pytorch.org/whl/cpu --retries 1 --timeout 15 \
         || pip install -q torch==$torch; } \
    && pip install -q -r /tmp/requirements.lock

COPY --chown=learner:learner . /home/learner/course
WORKDIR /home/learner/course
RUN pip install -q --no-deps --no-build-isolation -e . && chown -R learner:learner .
USER learner

EXPOSE 8888
HEALTHCHECK --interval=30s --start-period=60s \
    CMD ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8888/api', timeout=5)"]
CMD ["jupyter", "lab", "--config=jupyter_lab_config.py", "--ip=0.0.0.0", "--port=8888", "--no-browser"]
