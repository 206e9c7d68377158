"""Recursive cores: latent step functions and their unroll."""
