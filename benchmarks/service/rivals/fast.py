"""FastAPI for uvicorn. As many threads score as there are cores, so that no text disturbs another."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.service.rivals.same_model import SameModel

app = FastAPI()
model, cores = SameModel(threads=1), ThreadPoolExecutor(2)


class Body(BaseModel):
    """One text."""

    text: str


class Answer(BaseModel):
    """One text, classified."""

    class_0_probability: float
    class_1_probability: float
    label: str


@app.post("/predict")
async def predict(body: Body) -> Answer:
    """One text a request; FastAPI knows no batches."""
    return Answer(**await asyncio.get_running_loop().run_in_executor(cores, model.one, body.text))
