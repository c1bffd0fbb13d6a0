"""Flask and the pipeline of transformers, for gunicorn: two workers, a thread of PyTorch in each."""

import torch
from flask import Flask, request
from transformers import pipeline

from benchmarks.service.rivals.same_model import LABELS, SERVED, as_answer

torch.set_num_threads(1)
app = Flask(__name__)
classify = pipeline("text-classification", model=str(SERVED / "classifier"), device="cpu", top_k=None)


@app.post("/predict")
def predict():
    """One text a request, not padded."""
    found = classify([request.json["text"]], truncation=True, max_length=512)[0]
    shares = {each["label"]: each["score"] for each in found}
    return as_answer([shares[label] for label in LABELS])
