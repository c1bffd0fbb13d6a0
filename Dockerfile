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

# The environment first: it changes seldom, the course often. PyTorch comes as its CPU build; where that cannot
# be had, --build-arg TORCH_PLAIN=1 takes the plain one, 4 GB larger.
ARG TORCH_PLAIN=
WORKDIR /home/learner/course
COPY pyproject.toml requirements.lock ./
COPY workshop_utils/__init__.py workshop_utils/
RUN set -e; torch=torch==$(sed -n 's/^torch==//p' requirements.lock); [ "$TORCH_PLAIN" ] || torch=$torch+cpu; \
    install="pip install -q -c requirements.lock"; \
    pip install -q --no-deps $torch --extra-index-url https://download.pytorch.org/whl/cpu --retries 1 --timeout 15 \
        || { echo "PyTorch's CPU build cannot be had here; TORCH_PLAIN takes the plain one." >&2; exit 1; }; \
    $install --no-deps setuptools; $install --no-build-isolation -e '.[course]'

COPY --chown=learner:learner . .
RUN chown -R learner:learner .
USER learner

EXPOSE 8888
HEALTHCHECK --interval=30s --start-period=60s \
    CMD ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8888/api', timeout=5)"]
CMD ["jupyter", "lab", "--config=jupyter_lab_config.py", "--ip=0.0.0.0", "--port=8888", "--no-browser"]
