"""The seam between fronts and backends, and who may watch what passes it."""
