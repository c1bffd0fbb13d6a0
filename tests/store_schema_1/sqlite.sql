CREATE TABLE decisions (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	time DATETIME NOT NULL,
	kind TEXT NOT NULL,
	model_version TEXT,
	outcome TEXT NOT NULL,
	reason TEXT NOT NULL,
	last_prediction BIGINT NOT NULL,
	last_feedback BIGINT NOT NULL,
	details TEXT NOT NULL
);

CREATE TABLE models (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	version TEXT NOT NULL,
	labels TEXT NOT NULL,
	UNIQUE (version)
);

CREATE TABLE store_schema (
	version INTEGER NOT NULL,
	PRIMARY KEY (version)
);

CREATE TABLE draws (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	time DATETIME NOT NULL,
	seed BIGINT NOT NULL,
	model INTEGER,
	first BIGINT NOT NULL,
	last BIGINT NOT NULL,
	population BIGINT NOT NULL,
	last_feedback BIGINT NOT NULL,
	FOREIGN KEY(model) REFERENCES models (number)
);

CREATE TABLE predictions (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	prediction_id TEXT NOT NULL,
	time DATETIME NOT NULL,
	request_id TEXT NOT NULL,
	route TEXT NOT NULL,
	model INTEGER NOT NULL,
	label TEXT NOT NULL,
	probabilities TEXT NOT NULL,
	uncertainty FLOAT,
	truncated BOOLEAN NOT NULL,
	queue_ms FLOAT,
	tokenise_ms FLOAT,
	infer_ms FLOAT,
	shadow_model INTEGER,
	shadow_label TEXT,
	shadow_probabilities TEXT,
	disagreement BOOLEAN NOT NULL,
	text_sha256 TEXT NOT NULL,
	text TEXT,
	UNIQUE (prediction_id),
	FOREIGN KEY(model) REFERENCES models (number),
	FOREIGN KEY(shadow_model) REFERENCES models (number)
);

CREATE INDEX ix_predictions_drawable ON predictions (number, model, uncertainty, disagreement) WHERE text IS NOT NULL;

CREATE INDEX ix_predictions_model_time ON predictions (model, time);

CREATE INDEX ix_predictions_time ON predictions (time);

CREATE TABLE drawn (
	prediction INTEGER NOT NULL,
	draw INTEGER NOT NULL,
	position INTEGER NOT NULL,
	part TEXT NOT NULL,
	probability FLOAT NOT NULL,
	PRIMARY KEY (prediction),
	FOREIGN KEY(prediction) REFERENCES predictions (number),
	FOREIGN KEY(draw) REFERENCES draws (number)
);

CREATE INDEX ix_drawn_order ON drawn (draw, position);

CREATE TABLE feedback (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	prediction INTEGER NOT NULL,
	label TEXT,
	time DATETIME NOT NULL,
	labelled_by TEXT NOT NULL,
	source TEXT NOT NULL,
	draw INTEGER,
	part TEXT,
	drawing_probability FLOAT,
	replaced_by BIGINT,
	FOREIGN KEY(prediction) REFERENCES predictions (number),
	FOREIGN KEY(draw) REFERENCES draws (number)
);

CREATE INDEX ix_feedback_prediction ON feedback (prediction);
