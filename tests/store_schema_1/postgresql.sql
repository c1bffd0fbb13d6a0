CREATE TABLE decisions (
	number BIGSERIAL NOT NULL,
	time TIMESTAMP WITH TIME ZONE NOT NULL,
	kind TEXT NOT NULL,
	model_version TEXT,
	outcome TEXT NOT NULL,
	reason TEXT NOT NULL,
	last_prediction BIGINT NOT NULL,
	last_feedback BIGINT NOT NULL,
	details TEXT NOT NULL,
	PRIMARY KEY (number)
);

CREATE TABLE models (
	number BIGSERIAL NOT NULL,
	version TEXT NOT NULL,
	labels TEXT NOT NULL,
	PRIMARY KEY (number),
	UNIQUE (version)
);

CREATE TABLE store_schema (
	version INTEGER NOT NULL,
	PRIMARY KEY (version)
);

CREATE TABLE draws (
	number BIGSERIAL NOT NULL,
	time TIMESTAMP WITH TIME ZONE NOT NULL,
	seed BIGINT NOT NULL,
	model BIGINT,
	first BIGINT NOT NULL,
	last BIGINT NOT NULL,
	population BIGINT NOT NULL,
	last_feedback BIGINT NOT NULL,
	PRIMARY KEY (number),
	FOREIGN KEY(model) REFERENCES models (number)
);

CREATE TABLE predictions (
	number BIGSERIAL NOT NULL,
	prediction_id TEXT NOT NULL,
	time TIMESTAMP WITH TIME ZONE NOT NULL,
	request_id TEXT NOT NULL,
	route TEXT NOT NULL,
	model BIGINT NOT NULL,
	label TEXT NOT NULL,
	probabilities TEXT NOT NULL,
	uncertainty FLOAT(53),
	truncated BOOLEAN NOT NULL,
	queue_ms FLOAT(53),
	tokenise_ms FLOAT(53),
	infer_ms FLOAT(53),
	shadow_model BIGINT,
	shadow_label TEXT,
	shadow_probabilities TEXT,
	disagreement BOOLEAN NOT NULL,
	text_sha256 TEXT NOT NULL,
	text TEXT,
	PRIMARY KEY (number),
	UNIQUE (prediction_id),
	FOREIGN KEY(model) REFERENCES models (number),
	FOREIGN KEY(shadow_model) REFERENCES models (number)
);

CREATE INDEX ix_predictions_drawable ON predictions (number, model, uncertainty, disagreement) WHERE text IS NOT NULL;

CREATE INDEX ix_predictions_model_time ON predictions (model, time);

CREATE INDEX ix_predictions_time ON predictions (time);

CREATE TABLE drawn (
	prediction BIGINT NOT NULL,
	draw BIGINT NOT NULL,
	position INTEGER NOT NULL,
	part TEXT NOT NULL,
	probability FLOAT(53) NOT NULL,
	PRIMARY KEY (prediction),
	FOREIGN KEY(prediction) REFERENCES predictions (number),
	FOREIGN KEY(draw) REFERENCES draws (number)
);

CREATE INDEX ix_drawn_order ON drawn (draw, position);

CREATE TABLE feedback (
	number BIGSERIAL NOT NULL,
	prediction BIGINT NOT NULL,
	label TEXT,
	time TIMESTAMP WITH TIME ZONE NOT NULL,
	labelled_by TEXT NOT NULL,
	source TEXT NOT NULL,
	draw BIGINT,
	part TEXT,
	drawing_probability FLOAT(53),
	replaced_by BIGINT,
	PRIMARY KEY (number),
	FOREIGN KEY(prediction) REFERENCES predictions (number),
	FOREIGN KEY(draw) REFERENCES draws (number)
);

CREATE INDEX ix_feedback_prediction ON feedback (prediction);
