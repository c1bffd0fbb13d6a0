"""The course's own machinery: syllabus, notebook builder, runner, preflight, exercise checks."""
