"""From the models to what is generated of them: the CRDs and the reference pages."""
