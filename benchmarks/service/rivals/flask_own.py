"""Flask's own server, PyTorch in float32, every text padded to all that the model reads."""

import os
import sys

import torch
from flask import Flask, request
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from benchmarks.service.rivals.same_model import SERVED, as_answer

app = Flask(__name__)
tokenizer = AutoTokenizer.from_pretrained(SERVED / "classifier")
model = AutoModelForSequenceClassification.from_pretrained(SERVED / "classifier").eval()


@app.post("/predict")
def predict():
    """One text a request."""
    inputs = tokenizer(
        request.json["text"], padding="max_length", truncation=True, max_length=512, return_tensors="pt"
    )
    with torch.no_grad():
        logits = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits
    return as_answer(logits.softmax(-1)[0])


if __name__ == "__main__":
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    app.run(port=int(sys.argv[1]))
