"""Text models of the course. Knows the data room, nothing of production."""
