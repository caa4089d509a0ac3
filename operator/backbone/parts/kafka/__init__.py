"""Kafka: topics as desired state."""
