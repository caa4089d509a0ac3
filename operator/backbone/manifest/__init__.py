"""What users write in files, read and validated as the API server would."""
